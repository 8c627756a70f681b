"""Backbones beside each other, and the curve over growing shares."""

import csv
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.drawn import write_dataset
from thirtyfold import files
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import ModelError, ThirtyfoldError, UsageError
from thirtyfold.model.compare import _judged, compare
from thirtyfold.model.compare_options import CompareOptions
from thirtyfold.model.compare_page import quality_against_time_png, write_comparison
from thirtyfold.model.comparison import Comparison, columns
from thirtyfold.model.data import TrainingData, gather
from thirtyfold.model.learning_curve import SHARES, Point, foresee, learning_curve
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.spread import Look
from thirtyfold.model.trials import Trial, open_study, shared_options
from thirtyfold.model.weights import imagenet_download
from thirtyfold.predict.artifact import Artifact, FormFile
from thirtyfold.predict.forms import LITERT
from thirtyfold.progress import SILENT
from thirtyfold.workspace import Dataset, find_run, find_unfinished_run

SMALL: dict[str, Any] = {"size": 32, "batch": 8, "epochs": 1, "fine_tune": "never"}


def trial(folder: Path, ious: Sequence[float], *, per_session: int = 2, size: int = 1000) -> Trial:
    """A finished training that reached these IoUs, a photo each, on validation and a little less on test."""
    files.write_bytes(folder / LITERT, bytes(size))
    looks = {
        part: tuple(
            Look(photo=f"{n}.jpg", session=f"s{n // per_session}", objects=1, score=max(0.0, iou - less))
            for n, iou in enumerate(ious)
        )
        for part, less in (("val", 0.0), ("test", 0.1))
    }
    artifact = Artifact(
        task="detect",
        classes=("face",),
        size=64,
        decoder="dense",
        forms={LITERT: FormFile(sha256="0" * 64)},
        metrics={"val": {"ap50": 0.9}, "test": {"ap50": 0.8}},
        training={"seconds": {"inputs": 20.0, "epochs": 10.0}, "frozen_backbone": True},
    )
    return Trial(run_dir=folder, artifact=artifact, looks=looks)


def data_of(*, leak_free: bool = True) -> TrainingData:
    return TrainingData(
        train=(), val=(None,), test=(None,), classes=("face",), many=False, copies=0, fingerprint="",
        split_how="", leak_free=leak_free,
    )  # type: ignore[arg-type]  # fmt: skip


def test_the_best_on_validation_comes_first_and_is_reported_on_test(tmp_path: Path) -> None:
    spread = [0.5, 0.9] * 6
    trials = {
        "slow": [trial(tmp_path / "slow", [iou + 0.05 for iou in spread], size=5_000_000)],
        "fast": [trial(tmp_path / "fast", spread), trial(tmp_path / "fast-1", [iou - 0.02 for iou in spread])],
    }
    lines, _ = _judged(trials, {"slow": 40.0, "fast": 4.0}, data_of())
    assert [line.backbone for line in lines] == ["slow", "fast"]
    assert lines[0].quality["val"].mean == pytest.approx(0.75)
    assert lines[0].quality["test"].mean == pytest.approx(0.65)
    assert lines[0].model_bytes == 5_000_000
    assert (lines[1].seconds_first, lines[1].beside["test"]) == (30.0, 0.8)
    assert lines[1].best_run == tmp_path / "fast"


def test_what_cannot_be_told_apart_is_said_and_which_of_it_is_the_fastest(tmp_path: Path) -> None:
    up, down = [0.8, 0.6, 0.7, 0.9] * 3, [0.6, 0.8, 0.9, 0.67] * 3
    trials = {
        "vgg16": [trial(tmp_path / "a", up, per_session=1)],
        "mobilenetv2": [trial(tmp_path / "b", down, per_session=1)],
        "scratch": [trial(tmp_path / "c", [0.2] * 12, per_session=1)],
    }
    _, said = _judged(trials, {"vgg16": 30.0, "mobilenetv2": 3.0, "scratch": 1.0}, data_of(leak_free=False))
    text = "\n".join(said)
    assert "vgg16 is best on the 12 validation photos" in said[0]
    assert "vgg16 and mobilenetv2 can't be told apart on 12 test photos" in text
    assert "Of these mobilenetv2 is the fastest: 3.0 ms a photo against 30.0 ms of vgg16." in text
    assert "vgg16 is better than scratch there" in text
    assert "One seed" in text
    assert "tears a session apart" in text


def test_detectors_are_compared_by_iou_and_classifiers_by_accuracy_on_all_parts(tmp_path: Path) -> None:
    (detector,), _ = _judged({"x": [trial(tmp_path / "x", [0.5, 0.6])]}, {"x": 2.0}, data_of())
    assert columns(detector.exam) == ("backbone", "val IoU", "test IoU", "AP50", "ms", "MB", "training")
    assert detector.row()[1:4] == ("0.550", "0.450", "0.800")
    assert {"val_mean_iou", "test_mean_iou_low", "test_ap50"} <= set(detector.to_dict())
    (line,), said = _judged({"cnn": [classified(tmp_path / "c")]}, {"cnn": 2.0}, data_of())
    assert columns(line.exam)[:5] == ("backbone", "train accuracy", "val accuracy", "test accuracy", "macro F1")
    assert [cell.partition("\n")[0] for cell in line.row()[1:5]] == ["1.000", "0.750", "0.500", "0.700"]
    assert {"train_accuracy", "val_accuracy", "test_accuracy_high", "test_macro_f1"} <= set(line.to_dict())
    assert "iou" not in json.dumps([line.to_dict(), said]).lower()


def test_the_page_of_classifiers_shows_what_each_mistakes_and_speaks_of_no_boxes(tmp_path: Path) -> None:
    lines, said = _judged({"cnn": [classified(tmp_path / "c")]}, {"cnn": 2.0}, data_of())
    counts = {"train": 9, "copies": 0, "val": 8, "test": 8}
    comparison = Comparison(
        folder=tmp_path, lines=lines, statements=tuple(said), left_out={}, photos=counts, machine={"cpu": "x"}
    )
    write_comparison(comparison)
    page = (tmp_path / "compare.html").read_text()
    assert "What was taken for what: cnn" in page
    assert page.count("data:image/png;base64,") == 2
    assert "Accuracy on the test photos" in page
    assert "to the answer" in page
    words = re.sub(r"base64,[^\"]*", "", page)
    assert not any(word in words for word in ("IoU", "boxes", "AP50"))


def test_the_table_has_every_figure_that_one_of_the_backbones_has(tmp_path: Path) -> None:
    runs = {name: trial(tmp_path / name, [score] * 4) for name, score in (("first", 0.9), ("second", 0.5))}
    runs["first"] = replace(runs["first"], artifact=replace(runs["first"].artifact, metrics={}))
    lines, said = _judged({name: [run] for name, run in runs.items()}, {"first": 1.0, "second": 2.0}, data_of())
    counts = {"train": 9, "copies": 0, "val": 8, "test": 8}
    write_comparison(
        Comparison(folder=tmp_path, lines=lines, statements=tuple(said), left_out={}, photos=counts, machine={})
    )
    with (tmp_path / "compare.csv").open() as stream:
        assert [(row["backbone"], row["test_ap50"]) for row in csv.DictReader(stream)] == [
            ("first", ""), ("second", "0.8"),
        ]  # fmt: skip


def classified(folder: Path) -> Trial:
    """A finished classifier: right on every train photo, on three in four of validation, on half of test."""
    files.write_bytes(folder / LITERT, bytes(10))
    shares = {"train": (1, 1, 1, 1), "val": (1, 1, 0, 1), "test": (1, 0, 0, 1)}
    looks = {
        part: tuple(Look(photo=f"{n}.jpg", session=f"s{n}", objects=1, score=right[n % 4]) for n in range(8))
        for part, right in shares.items()
    }
    confusion = {"labels": ["a", "b"], "counts": [[2, 2], [2, 2]]}
    artifact = Artifact(
        task="classify",
        classes=("a", "b"),
        size=64,
        decoder="classes",
        forms={LITERT: FormFile(sha256="0" * 64)},
        metrics={"test": {"macro_f1": 0.7, "confusion": confusion}},
        training={"seconds": {"epochs": 1.0}, "frozen_backbone": False},
    )
    return Trial(run_dir=folder, artifact=artifact, looks=looks)


def test_the_plot_of_one_backbone_without_an_interval_is_a_picture(tmp_path: Path) -> None:
    lines, _ = _judged({"x": [trial(tmp_path / "x", [0.5, 0.6])]}, {"x": 2.0}, data_of())
    assert lines[0].quality["test"].low is None
    assert quality_against_time_png(lines, "test").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backbones": ("vgg61",)}, "vgg61"),
        ({"backbones": ("vgg16", "vgg16")}, "once"),
        ({"seeds": 0}, "--seeds 0"),
        ({"train": TrainOptions(resume="latest")}, "--resume"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_a_usage_error(options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        CompareOptions(**options)


def test_without_names_all_backbones_are_compared_that_suit_the_task() -> None:
    assert CompareOptions().backbones == ("scratch", "vgg16", "resnet50", "inceptionv3", "mobilenetv2")
    assert CompareOptions(train=TrainOptions(task="classify")).backbones[:3] == ("scratch", "cnn", "vgg16")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = write_dataset(tmp_path_factory.mktemp("drawn") / "faces", sessions=5, per_session=4, empty_every=7)
    split_dataset(Dataset(root), SplitOptions())
    return Dataset(root)


OPTIONS = CompareOptions(backbones=("scratch", "vgg16"), seeds=1, train=TrainOptions(**SMALL))


@pytest.fixture(scope="module")
def compared(
    dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Comparison, ThirtyfoldError | None, Path]:
    """A comparison whose second backbone cannot have its weights: what lies where they should be is none."""
    home, runs = tmp_path_factory.mktemp("keras"), tmp_path_factory.mktemp("runs")
    files.write_bytes(home / "models" / imagenet_download("vgg16", 1.0).name, b"no weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(home))
        comparison, error = compare(dataset, OPTIONS, runs_dir=runs)
        again, _ = compare(dataset, OPTIONS, runs_dir=runs)
    assert again.lines[0].quality == comparison.lines[0].quality
    return comparison, error, runs


@pytest.mark.slow
def test_a_backbone_without_weights_is_named_and_the_others_go_on(
    compared: tuple[Comparison, ThirtyfoldError | None, Path],
) -> None:
    comparison, error, _ = compared
    assert [line.backbone for line in comparison.lines] == ["scratch"]
    assert "vgg16" in comparison.left_out
    assert isinstance(error, ModelError)
    assert any(line.startswith("vgg16 was left out.") for line in comparison.remarks())


@pytest.mark.slow
def test_a_comparison_leaves_table_plot_page_and_runs_that_every_command_takes(
    compared: tuple[Comparison, ThirtyfoldError | None, Path],
) -> None:
    comparison, _, runs = compared
    folder = comparison.folder
    assert folder == runs / "compare" / "1"
    assert (folder / "compare.png").read_bytes().startswith(b"\x89PNG")
    with (folder / "compare.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert (row["backbone"], row["seeds"]) == ("scratch", "1")
    assert float(row["frame_ms"]) > 0
    assert int(row["model_bytes"]) == (folder / "scratch-0" / LITERT).stat().st_size
    page = (folder / "compare.html").read_text()
    assert "data:image/png;base64," in page
    assert "vgg16 was left out" in page
    assert "http" not in page.replace("http-equiv", "")
    assert json.loads((folder / "compare.json").read_text())["photos"]["val"] > 0
    assert find_run("compare/1/scratch-0", runs) == folder / "scratch-0"


@pytest.mark.slow
def test_the_same_question_goes_on_in_the_same_folder_and_another_one_does_not(
    compared: tuple[Comparison, ThirtyfoldError | None, Path], dataset: Dataset
) -> None:
    _, _, runs = compared
    # The fixture asked twice: everything was there the second time.
    assert [path.name for path in (runs / "compare").iterdir()] == ["1"]
    with pytest.raises(ModelError, match="no run to go on with"):
        find_unfinished_run("latest", runs)


@pytest.mark.slow
def test_finished_trainings_make_a_curve(
    compared: tuple[Comparison, ThirtyfoldError | None, Path],
    dataset: Dataset,
    tmp_path: Path,
) -> None:
    # Four trainings cost a minute: the curve finds them finished, as it does after it was killed.
    runs, options = tmp_path / "runs", TrainOptions(backbone="scratch", **SMALL)
    study = open_study("curve", shared_options(options, "share"), dataset, gather(dataset, options, SILENT), runs)
    for share in SHARES:
        shutil.copytree(compared[0].folder / "scratch-0", study / f"share{share * 100:03.0f}-0")
    curve = learning_curve(dataset, options, seeds=1, runs_dir=runs)
    assert curve.folder == study
    assert [point.share for point in curve.points] == list(SHARES)
    assert [point.photos for point in curve.points] == sorted(point.photos for point in curve.points)
    assert curve.by == "photos"
    assert any("fewer than the 8" in note for note in curve.notes)
    assert "use --seeds 3" in curve.forecast.sentence
    assert {path.name for path in study.glob("curve.*")} == {"curve.json", "curve.csv", "curve.png", "curve.html"}
    assert (study / "curve.csv").read_text().count("\n") == 1 + len(SHARES)
    assert "How many photos are enough?" in (study / "curve.html").read_text()


def points(*scores: tuple[float, ...]) -> list[Point]:
    photos = (10.0, 25.0, 50.0, 100.0)
    return [
        Point(share=count / 100, photos=count, sessions=count / 5, scores=each)
        for count, each in zip(photos, scores, strict=True)
    ]


def test_a_clear_curve_says_what_more_photos_would_likely_bring() -> None:
    law, forecast = foresee(points((0.42, 0.44), (0.59, 0.61), (0.68, 0.70), (0.75, 0.76)))
    assert law is not None
    assert forecast.sentence.startswith("Another 50 photos would likely add 0.0")
    assert forecast.low is not None
    assert forecast.gain is not None
    assert forecast.high is not None
    assert 0 < forecast.low < forecast.gain < forecast.high < 0.1
    assert "worth taking" in forecast.sentence


def test_a_curve_of_classifiers_speaks_of_accuracy() -> None:
    _, forecast = foresee(points((0.42, 0.44), (0.59, 0.61), (0.68, 0.70), (0.75, 0.76)), "accuracy")
    assert "to the accuracy of 0.755" in forecast.sentence
    assert "IoU" not in forecast.sentence


def test_a_curve_that_has_levelled_off_says_that_more_photos_hardly_pay() -> None:
    _, forecast = foresee(points((0.40, 0.46), (0.78, 0.83), (0.79, 0.83), (0.79, 0.84)))
    assert "hardly pay" in forecast.sentence


def test_a_curve_within_its_noise_says_nothing_and_why() -> None:
    _, forecast = foresee(points((0.5, 0.8), (0.6, 0.7), (0.4, 0.9), (0.6, 0.8)))
    assert forecast.sentence.startswith("Too noisy to say: 100 photos score 0.700 and 10 photos 0.650")
    assert forecast.gain is None


def test_one_seed_says_nothing_about_noise() -> None:
    law, forecast = foresee(points((0.5,), (0.6,), (0.7,), (0.8,)))
    assert law is None
    assert "use --seeds 3" in forecast.sentence

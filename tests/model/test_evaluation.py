"""`evaluate`: on photos that were not learned from, never over anything, beside ready detectors."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.drawn import draw_photo, write_dataset, write_label
from tests.model.judged import write_finished_run, write_fresh_photos
from tests.tiny_model import write_tiny_run
from thirtyfold import cli
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, ModelError, SplitError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.model.evaluate import evaluate
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.evaluation import evaluate_predictor
from thirtyfold.predict.artifact import read_card, write_artifact
from thirtyfold.predict.runtime import load
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(write_dataset(tmp_path / "faces", sessions=6, per_session=4, empty_every=6))


@pytest.fixture
def run(tmp_path: Path, dataset: Dataset) -> Path:
    return write_finished_run(tmp_path / "runs" / "detect" / "1", dataset)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_is_judged_on_the_test_part_it_was_trained_with_and_nothing_is_written_over(
    run: Path, dataset: Dataset
) -> None:
    before, mine = contents(run), contents(dataset.root)
    result = evaluate(EvaluateOptions(run=str(run)))
    assert result.folder == run / "evaluation-1"
    assert {"evaluation.json", "report.html", "plots/worst.png", "plots/precision_recall.png"} <= set(
        contents(result.folder)
    )
    assert evaluate(EvaluateOptions(run=str(run))).folder == run / "evaluation-2"
    after = contents(run)
    assert {name: after[name] for name in before} == before
    assert contents(dataset.root) == mine
    (model,) = json.loads((result.folder / "evaluation.json").read_text())["models"]
    parts = json.loads((run / "photos.json").read_text())["photos"].values()
    assert model["photos"] == sum(photo["part"] == "test" for photo in parts)
    assert model["threshold_from"] == "chosen in training"
    assert model["mean_iou"] > 0.8  # the tiny model counts skin, and the faces are drawn
    assert model["ap50"] == pytest.approx(1.0)
    assert set(model["sessions"]) == {photo["session"] for photo in parts if photo["part"] == "test"}
    assert result.foreign is False
    assert any("no capture session stands on both sides" in line for line in result.statements)


def test_a_split_made_again_since_changes_nothing(run: Path, dataset: Dataset) -> None:
    before = evaluate(EvaluateOptions(run=str(run))).to_dict()["models"]
    split_dataset(dataset, SplitOptions(seed=5, val=0.3, test=0.3))
    after = evaluate(EvaluateOptions(run=str(run))).to_dict()["models"]
    assert [set(model["sessions"]) for model in before] == [set(model["sessions"]) for model in after]


@pytest.mark.parametrize("change", ["label", "picture", "gone"])
def test_a_dataset_that_has_changed_is_refused_by_the_photo(run: Path, dataset: Dataset, change: str) -> None:
    path = dataset.image_paths()[3]
    if change == "label":
        write_label(path, [Annotation.from_box("face", (1, 1, 50, 50))])
    elif change == "picture":
        write_jpeg(path, draw_photo(99)[0])
    else:
        path.unlink()
    with pytest.raises(DataError, match=rf"has changed since .* was trained on it \({path.name} .*--dataset"):
        evaluate(EvaluateOptions(run=str(run)))


def test_photos_that_came_after_the_training_are_no_matter(run: Path, dataset: Dataset) -> None:
    write_jpeg(dataset.images_dir / "new.jpg", draw_photo(77)[0])
    assert "new.jpg" not in str(evaluate(EvaluateOptions(run=str(run))).to_dict())


def test_a_dataset_that_was_moved_is_known_again(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    shutil.move(dataset.root, tmp_path / "elsewhere")
    with pytest.raises(DataError, match="give its new place by --dataset"):
        evaluate(EvaluateOptions(run=str(run)))
    assert evaluate(EvaluateOptions(run=str(run), dataset=tmp_path / "elsewhere")).foreign is False


def test_another_dataset_is_judged_when_it_is_named_and_the_result_says_so(run: Path, tmp_path: Path) -> None:
    other = write_fresh_photos(tmp_path / "kitchen", 6)
    result = evaluate(EvaluateOptions(run=str(run), dataset=other.root))
    assert (result.foreign, result.part, result.photos) == (True, "all", 6)
    assert "kitchen is not what detect/1 was trained on" in result.warnings[0]


def test_photos_it_has_learned_from_are_left_out_of_another_dataset(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    other = tmp_path / "mixed"
    shutil.copytree(dataset.images_dir, other / "images")
    pixels, shapes = draw_photo(500)
    write_jpeg(other / "images" / "fresh.jpg", pixels)
    write_label(other / "images" / "fresh.jpg", shapes)
    seen = json.loads((run / "photos.json").read_text())["photos"]
    first = next(name for name, photo in seen.items() if photo["part"] == "train")
    (other / "images" / first).unlink()  # with all of them it would be its own dataset, moved
    learned = sum(photo["part"] != "test" for photo in seen.values()) - 1
    result = evaluate(EvaluateOptions(run=str(run), dataset=other))
    assert result.photos == len(seen) - 1 - learned + 1
    assert f"Left out: {learned} photos that it was trained or chosen on." in result.warnings


def test_the_validation_part_says_that_it_flatters(run: Path) -> None:
    result = evaluate(EvaluateOptions(run=str(run), part="val"))
    assert any("flatter" in warning for warning in result.warnings)


def test_all_photos_of_its_own_dataset_are_refused(run: Path) -> None:
    with pytest.raises(UsageError, match="take test or val"):
        evaluate(EvaluateOptions(run=str(run), part="all"))


def test_a_run_that_does_not_say_what_it_was_trained_on_is_judged_on_named_photos_only(
    tmp_path: Path, dataset: Dataset
) -> None:
    run = write_tiny_run(tmp_path / "runs" / "detect" / "9")
    with pytest.raises(ModelError, match=r"photos\.json: is not there"):
        evaluate(EvaluateOptions(run=str(run)))
    result = evaluate(EvaluateOptions(run=str(run), dataset=dataset.root))
    assert result.photos == 24
    assert "nobody knows whether it has learned from these photos" in result.warnings[-1]


def test_haar_stands_in_the_same_table_with_a_threshold_chosen_on_the_validation_photos(run: Path) -> None:
    result = evaluate(EvaluateOptions(run=str(run), baselines=("haar",)))
    ours, haar = result.to_dict()["models"]
    assert (ours["name"], haar["name"]) == ("detect/1", "haar")
    assert ours["photos"] == haar["photos"]
    assert haar["threshold_from"] == "chosen on validation"
    assert haar["mean_iou"] < ours["mean_iou"]  # its boxes are square, the drawn faces are not
    assert (result.folder / "plots" / "models.png").is_file()


def test_ready_detectors_are_judged_alone_on_any_photos(tmp_path: Path, dataset: Dataset) -> None:
    options = EvaluateOptions(dataset=dataset.root, part="all", baselines=("haar",))
    result = evaluate(options, runs_dir=tmp_path / "runs")
    assert (result.photos, result.folder) == (24, tmp_path / "runs" / "evaluation-1")
    assert result.models[0].threshold_from == "its own"
    with pytest.raises(SplitError, match="no split yet"):
        evaluate(replace(options, part="test"), runs_dir=tmp_path / "runs")


def test_yunet_from_a_file_is_judged_like_the_others(shared: object, tmp_path: Path) -> None:
    yunet = shared("weights/yunet_n_640_640.onnx")  # type: ignore[operator]
    photos = tmp_path / "one" / "images"
    photos.mkdir(parents=True)
    for name in ("milk_002", "book_002"):
        for suffix in (".jpg", ".json"):
            shutil.copy(shared(f"data/clip_frames/{name}{suffix}"), photos)  # type: ignore[operator]
    options = EvaluateOptions(dataset=tmp_path / "one", baselines=(str(yunet), "haar"), out=tmp_path / "out")
    first, _ = evaluate(options).to_dict()["models"]
    assert (first["name"], first["found"]) == ("yunet_n_640_640", 1.0)


def test_a_run_on_photos_of_other_labels_is_judged_on_boxes(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    other = write_fresh_photos(tmp_path / "heads", 6)
    for path in other.image_paths():
        label = path.with_suffix(".json")
        label.write_text(label.read_text().replace('"face"', '"head"'))
    result = evaluate(EvaluateOptions(run=str(run), dataset=other.root))
    (model,) = result.to_dict()["models"]
    assert "boxes are judged, names are not" in model["note"]
    assert model["found"] == 1.0


def test_beside_a_detector_of_other_labels_a_run_is_judged_by_label_and_whatever_the_label(
    tmp_path: Path, dataset: Dataset
) -> None:
    for path in dataset.image_paths():
        label = path.with_suffix(".json")
        label.write_text(label.read_text().replace('"face"', '"head"'))
    run = write_finished_run(tmp_path / "runs" / "detect" / "1", dataset)
    write_artifact(run, replace(read_card(run), classes=("head",)))
    models = evaluate(EvaluateOptions(run=str(run), baselines=("haar",))).to_dict()["models"]
    assert [model["name"] for model in models] == ["detect/1", "detect/1 (any label)", "haar"]
    assert [list(model["classes"]) for model in models] == [["head"], ["any"], ["any"]]
    assert models[0]["found"] == models[1]["found"] == 1.0


def test_whatever_the_label_all_models_are_judged_on_the_same_objects(run: Path, tmp_path: Path) -> None:
    # The run knows faces, Haar is taken for a finder of something else: of the hands both have to be asked.
    write_artifact(run, replace(read_card(run), classes=("head",)))
    other = write_fresh_photos(tmp_path / "kitchen", 6)
    for number, path in enumerate(other.image_paths()):
        label = path.with_suffix(".json")
        label.write_text(label.read_text().replace('"face"', '"head"' if number % 2 else '"hand"'))
    models = evaluate(EvaluateOptions(run=str(run), dataset=other.root, baselines=("haar",))).to_dict()["models"]
    assert [(model["name"], model["objects"]) for model in models] == [
        ("detect/1", 3), ("detect/1 (any label)", 6), ("haar", 6),
    ]  # fmt: skip
    assert models[1]["found"] == 1.0


def test_a_second_run_is_compared_unless_it_has_learned_from_the_photos(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    twin = Path(shutil.copytree(run, run.parent / "2"))
    result = evaluate(EvaluateOptions(run=str(run), against=(str(twin),)))
    assert [model["name"] for model in result.to_dict()["models"]] == ["detect/1", "detect/2"]
    listed = json.loads((twin / "photos.json").read_text())
    for photo in listed["photos"].values():
        photo["part"] = "train"
    (twin / "photos.json").write_text(json.dumps(listed))
    with pytest.raises(ModelError, match=r"has learned from \d+ of these"):
        evaluate(EvaluateOptions(run=str(run), against=(str(twin),)))


def test_a_run_trained_with_one_label_for_all_is_judged_so(tmp_path: Path, dataset: Dataset) -> None:
    for number, path in enumerate(dataset.image_paths()):
        label = path.with_suffix(".json")
        label.write_text(label.read_text().replace('"face"', f'"mask{number % 2}"'))
    run = write_finished_run(tmp_path / "runs" / "detect" / "1", dataset, one_label="face")
    (model,) = evaluate(EvaluateOptions(run=str(run))).to_dict()["models"]
    assert (list(model["classes"]), model["note"], model["found"]) == (["face"], "", 1.0)


def test_a_photo_that_cannot_be_read_is_named_and_in_no_figure(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    other = write_fresh_photos(tmp_path / "torn", 6)
    torn = other.image_paths()[2]
    torn.write_bytes(torn.read_bytes()[:3000])
    result = evaluate(EvaluateOptions(run=str(run), dataset=other.root))
    assert [problem.path for problem in result.problems] == [torn]
    assert result.to_dict()["models"][0]["photos"] == 5
    assert torn.name in (result.folder / "report.html").read_text()


def test_each_photo_that_cannot_be_read_is_counted_and_the_first_few_are_named(run: Path, tmp_path: Path) -> None:
    other = write_fresh_photos(tmp_path / "torn", 9)
    torn = other.image_paths()[1:8]
    for path in torn:
        path.write_bytes(path.read_bytes()[:3000])
    result = evaluate(EvaluateOptions(run=str(run), dataset=other.root))
    said = result.remarks()
    at = said.index("7 photos could not be read and are in no figure:")
    assert [line.split(":")[0].strip() for line in said[at + 1 : at + 6]] == [str(path) for path in torn[:5]]
    assert said[at + 6] == "  and 2 more; --json names them all"
    assert [line.split(":")[0] for line in result.to_dict()["problems"]] == [str(path) for path in torn]


def test_an_evaluation_that_is_killed_while_it_writes_is_in_nobodys_way(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="Windows has no limits of this kind")
    out = tmp_path / "out"
    whole = evaluate(EvaluateOptions(run=str(run), out=tmp_path / "whole")).folder
    # The page holds every picture and is by far the largest file; the system kills whoever writes more than the limit.
    limit = (whole / "report.html").stat().st_size * 3 // 4
    code = (
        "import resource, signal, sys; from pathlib import Path; from thirtyfold.model.evaluate import evaluate; "
        "from thirtyfold.model.evaluate_options import EvaluateOptions; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "evaluate(EvaluateOptions(run=sys.argv[1], out=Path(sys.argv[2]) if sys.argv[2:] else None))"
    )
    for arguments in ([str(run), str(out)], [str(run)]):
        killed = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert killed.returncode == -signal.SIGXFSZ, killed.stderr
    assert not out.exists()
    assert set(contents(evaluate(EvaluateOptions(run=str(run), out=out)).folder)) == set(contents(whole))
    assert not list(run.glob("evaluation-*/*"))
    assert set(contents(evaluate(EvaluateOptions(run=str(run))).folder)) == set(contents(whole))


def test_an_evaluation_that_fails_leaves_no_folder(run: Path, tmp_path: Path) -> None:
    other = write_fresh_photos(tmp_path / "torn", 3)
    for path in other.image_paths():
        path.write_bytes(path.read_bytes()[:3000])
    for out in (None, tmp_path / "out"):
        with pytest.raises(DataError, match="none of the photos to judge on can be read"):
            evaluate(EvaluateOptions(run=str(run), dataset=other.root, out=out))
    assert not list(run.glob("*evaluation*"))
    assert not list(tmp_path.glob("*out*"))


def test_nothing_is_written_into_photos_or_over_a_folder(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in the dataset"):
        evaluate(EvaluateOptions(run=str(run), out=dataset.root / "report"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        evaluate(EvaluateOptions(run=str(run), out=tmp_path / "full"))


def test_names_in_the_list_of_photos_lead_nowhere_else(run: Path, tmp_path: Path) -> None:
    listed = json.loads((run / "photos.json").read_text())
    listed["photos"]["../../../../etc/passwd"] = {"part": "test", "session": None, "sha256": "", "shapes": ""}
    (run / "photos.json").write_text(json.dumps(listed))
    with pytest.raises(DataError, match=r"passwd is gone"):
        evaluate(EvaluateOptions(run=str(run)))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 9, "photos": {}}', '{"format": 1, "photos": {"a": {"part": "x"}}}']
)
def test_a_list_of_photos_that_makes_no_sense_is_a_model_error(run: Path, text: str) -> None:
    (run / "photos.json").write_text(text)
    with pytest.raises(ModelError, match=r"photos\.json"):
        evaluate(EvaluateOptions(run=str(run)))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"part": "train"}, "--part train"),
        ({"run": "1", "threshold": 2.0}, "--threshold 2.0"),
        ({"baselines": ("haar",), "dataset": Path("x"), "against": ("1",)}, "--against: there is no run"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        EvaluateOptions(**options)  # type: ignore[arg-type]


def test_without_a_run_the_latest_is_judged_or_ready_detectors_alone() -> None:
    assert EvaluateOptions().run == EvaluateOptions(baselines=("haar",)).run == "latest"
    assert EvaluateOptions(baselines=("haar",), dataset=Path("x")).run is None


def test_the_command_prints_a_table_for_people_and_json_for_programs(run: Path) -> None:
    runner = CliRunner()
    told = runner.invoke(cli.app, ["evaluate", str(run)])
    assert told.exit_code == 0
    assert "detect/1" in told.stdout
    assert "report:" in told.stdout
    printed = runner.invoke(cli.app, ["evaluate", str(run), "--threshold", "0.3", "--json"])
    (model,) = json.loads(printed.stdout)["models"]
    assert (model["threshold"], model["threshold_from"]) == (0.3, "given")


def test_evaluating_never_imports_tensorflow(run: Path) -> None:
    code = (
        "import sys; from thirtyfold.model.evaluate import evaluate; "
        "from thirtyfold.model.evaluate_options import EvaluateOptions; evaluate(EvaluateOptions(run=sys.argv[1])); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras'}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_after_training_both_parts_are_judged_and_the_threshold_is_chosen_on_validation(
    run: Path, dataset: Dataset
) -> None:
    photos = read_samples(dataset)
    evaluation = evaluate_predictor(load(run), photos[:8], photos[8:])
    assert set(evaluation.metrics) == {"val", "test"}
    assert evaluation.metrics["test"]["threshold"] == evaluation.threshold
    for figures in evaluation.metrics.values():
        assert {"mean_iou", "found", "sessions", "ap", "ap50", "intervals", "any", "classes"} <= set(figures)
    json.dumps(evaluation.metrics, allow_nan=False)  # it stands in model.json
    assert evaluation.notes == ()


def test_without_test_photos_the_figures_of_the_validation_photos_are_called_flattering(
    run: Path, dataset: Dataset
) -> None:
    evaluation = evaluate_predictor(load(run), read_samples(dataset), [])
    assert set(evaluation.metrics) == {"val"}
    assert "figures flatter" in evaluation.notes[0]


def test_without_validation_photos_nothing_is_chosen_and_that_is_said(run: Path, dataset: Dataset) -> None:
    evaluation = evaluate_predictor(load(run), [], read_samples(dataset))
    assert evaluation.threshold == 0.5
    assert evaluation.fitted.calibration.is_identity
    assert "was not chosen" in evaluation.notes[0]
    assert evaluate_predictor(load(run), [], []).metrics == {}


def test_a_torn_photo_is_left_out_after_training_too(run: Path, dataset: Dataset) -> None:
    photos = read_samples(dataset)
    torn = photos[1].image_path
    torn.write_bytes(torn.read_bytes()[:3000])
    evaluation = evaluate_predictor(load(run), photos[:8], photos[8:])
    assert [problem.path for problem in evaluation.problems] == [torn]
    assert evaluation.metrics["val"]["photos"] == 7


def test_a_calibrated_run_keeps_its_calibration_and_the_error_before_is_known(run: Path, dataset: Dataset) -> None:
    write_artifact(run, replace(read_card(run), calibration={"slope": 0.5, "intercept": -0.5}))
    evaluation = evaluate_predictor(load(run), read_samples(dataset)[:8], read_samples(dataset)[8:])
    assert evaluation.fitted.note == "calibrated in training"
    assert evaluation.parts["test"].before is not None
    assert "calibration_error_before" in evaluation.metrics["test"]

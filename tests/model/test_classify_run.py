"""A classifier from photos to a finished run, and what is asked of it afterwards."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.cli import main
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import ModelError, UsageError
from thirtyfold.images import read_rgb, write_jpeg
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.exams.classify import ClassifyExam
from thirtyfold.model.exams.photo import Judging
from thirtyfold.model.explain import open_explainer
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.model.trials import _look
from thirtyfold.predict.artifact import read_card
from thirtyfold.predict.runtime import load
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

pytestmark = pytest.mark.slow
SIZE = 32


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """24 photos, half of them of a room with a face in it."""
    root = tmp_path_factory.mktemp("drawn") / "rooms"
    for number in range(24):
        pixels, _ = draw_photo(number, face=number % 2 == 0)
        path = root / "images" / f"{number:02d}.jpg"
        write_jpeg(path, pixels)
        name = "somebody" if number % 2 == 0 else "nobody"
        file = labelme_json.LabelFile(image_path=path.name, width=320, height=240, annotations=(), flags={name: True})
        labelme_json.write(path.with_suffix(".json"), file)
    split_dataset(Dataset(root), SplitOptions())
    return Dataset(root)


@pytest.fixture(scope="module")
def run(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of them by the network of first tutorials, its photos equalized and whitened."""
    options = TrainOptions(
        task="classify", backbone="cnn", size=SIZE, batch=8, epochs=2, prepare=("equalize", "whiten"),
        class_weights="auto", label_smoothing=0.1,
    )  # fmt: skip
    return train(dataset, options, runs_dir=tmp_path_factory.mktemp("runs")).run_dir


def test_what_is_judged_is_fed_as_what_was_learned(run: Path) -> None:
    card = read_card(run)
    assert card.prepare == ("equalize", "whiten")
    with (run / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    best = rows[card.training["best_epoch"] - 1]
    # The training's squares and Keras on one side, files, letterbox and LiteRT on the other.
    assert card.metrics["tflite_against_keras"]["largest_difference"] < 1e-3
    assert card.metrics["val"]["log_loss"] == pytest.approx(float(best["val_log_loss"]), abs=0.01)
    assert card.training["options"]["class_weights"].count(",") == 1


def test_figures_report_and_card_are_those_of_a_classifier(run: Path) -> None:
    metrics = json.loads((run / "model.json").read_text())["metrics"]
    assert {"accuracy", "balanced_accuracy", "macro_f1", "log_loss", "report", "confusion"} <= set(metrics["test"])
    page = (run / "report.html").read_text()
    assert "By class: test photos" in page
    assert "balanced accuracy" in page
    assert "IoU" not in re.sub(r"base64,[^\"]*", "", page)
    assert {"confusion.png", "reliability.png", "worst.png", "random.png"} <= {
        p.name for p in (run / "plots").iterdir()
    }
    assert "macro F1" in (run / "README.md").read_text()


def test_photos_of_a_class_that_was_never_taught_are_counted_and_in_no_figure(run: Path, dataset: Dataset) -> None:
    first, *others = read_samples(dataset)[:4]
    exam, stranger = load_exam("classify"), replace(first, tags=("stranger",))
    assert isinstance(exam, ClassifyExam)
    part = exam.part(load(run), [stranger, *others], Judging())
    assert part is not None
    assert (part.figures["photos"], part.figures["left_out"]) == (3, 1)
    (remark,) = exam.remarks(part.figures)
    assert remark == "1 photo is of a class it was never taught, and is in no figure."
    assert remark in exam.sections(part, "photos", load(run).artifact).tables[0].note
    assert exam.part(load(run), [stranger], Judging()) is None


def test_train_photos_are_looked_at_for_a_comparison(run: Path, dataset: Dataset) -> None:
    photos = read_samples(dataset)[:4]
    looks = _look(run, {"train": photos, "val": photos[:1], "test": ()}, SILENT)
    assert {part: len(of_part) for part, of_part in looks.items()} == {"train": 4, "val": 1, "test": 0}
    assert {look.score for look in looks["train"]} <= {0.0, 1.0}


def test_grad_cam_rises_where_the_score_does(run: Path, dataset: Dataset) -> None:
    explainer = open_explainer(run)
    pixels = read_rgb(dataset.image_paths()[0])
    before = pixels.copy()
    heat = explainer.heat(pixels, "somebody")
    assert heat.shape == (240, 320)
    assert 0 <= heat.min() <= heat.max() <= 1
    drawn = explainer(pixels, Annotation.from_box("somebody", (0, 0, 320, 240), score=0.5))
    assert (drawn.shape, drawn.dtype) == (pixels.shape, np.uint8)
    assert (pixels == before).all()
    # Both of its sides are the network itself: what it says by way of the map is what it says.
    import tensorflow as tf

    square, placement = load(run).square(pixels)
    logits = explainer._to_logits(explainer._to_map(tf.constant(square[None])))[0].numpy()
    said = load(run).outputs(square)["probabilities"][0]
    assert np.exp(logits) / np.exp(logits).sum() == pytest.approx(said, abs=1e-3)
    assert placement.image_wh == (320, 240)


def test_predict_explains_beside_each_picture(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    photo = dataset.image_paths()[0]
    with pytest.raises(SystemExit) as ended:
        main(["predict", "-i", str(photo), "-m", str(run), "--explain", "--save", str(tmp_path / "out"), "--json"])
    assert ended.value.code in (0, None)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00-explained.jpg", "00.jpg"]


def test_a_run_without_its_keras_file_or_of_another_task_cannot_be_explained(run: Path, tmp_path: Path) -> None:
    card = json.loads((run / "model.json").read_text())
    for name, change, error in (
        ("missing", {}, ModelError),
        ("detect", {"task": "detect", "decoder": "dense"}, UsageError),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.json").write_text(json.dumps({**card, **change}))
        with pytest.raises(error):
            open_explainer(folder)

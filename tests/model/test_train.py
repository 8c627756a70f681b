"""The whole of a training, on drawn photos and the smallest networks."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drawn import write_dataset
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import ModelError, NothingToDo, TrainingError
from thirtyfold.images import read_rgb
from thirtyfold.model import detect
from thirtyfold.model.losses import localization_loss
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.state import read_args
from thirtyfold.model.train import TrainResult, train
from thirtyfold.predict.artifact import read_artifact
from thirtyfold.predict.runtime import load
from thirtyfold.workspace import Dataset

SMALL: dict[str, Any] = {"backbone": "tiny", "weights": "none", "size": 96, "batch": 8, "seed": 3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = write_dataset(tmp_path_factory.mktemp("drawn") / "faces", sessions=5, per_session=12, empty_every=7)
    dataset = Dataset(root)
    split_dataset(dataset, SplitOptions())
    return dataset


@pytest.fixture(scope="module")
def finished(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainResult]:
    yield train(dataset, TrainOptions(**SMALL, epochs=25, patience=25), runs_dir=tmp_path_factory.mktemp("runs"))


@pytest.mark.slow
def test_a_training_leaves_every_file_of_a_run(finished: TrainResult) -> None:
    names = {path.relative_to(finished.run_dir).as_posix() for path in finished.run_dir.rglob("*") if path.is_file()}
    expected = {"model.keras", "model.tflite", "model.json", "args.json", "results.csv", "report.html"}
    expected |= {"photos.json", "README.md", "plots/curves.png", "plots/worst.png", "plots/random.png"}
    assert expected <= names
    assert any(name.startswith("tensorboard/events") for name in names)
    assert not [name for name in names if name.endswith(".npy")], "the letterboxed cache was left behind"
    assert (
        (finished.run_dir / "results.csv").read_text().startswith("epoch,phase,loss,class_loss,box_loss,val_mean_iou")
    )


@pytest.mark.slow
def test_the_model_learned_to_find_drawn_faces(finished: TrainResult) -> None:
    assert finished.artifact.metrics["test"]["mean_iou"] > 0.4  # an untrained one reaches 0.1 at most
    assert finished.artifact.metrics["test"]["found"] > 0.4


@pytest.mark.slow
def test_what_is_exported_is_what_was_trained(finished: TrainResult) -> None:
    difference = finished.artifact.metrics["tflite_against_keras"]
    assert difference["photos"] > 0
    assert difference["largest_box_difference_px"] < 0.5
    assert difference["largest_score_difference"] < 0.01


@pytest.mark.slow
def test_the_run_predicts_boxes_in_pixels_of_the_photo(finished: TrainResult, dataset: Dataset) -> None:
    predictor = load(finished.run_dir, threshold=0.05)
    found = predictor(read_rgb(dataset.image_paths()[0]))
    assert found
    left, top, right, bottom = found[0].box_xyxy
    assert 0 <= left < right <= 320
    assert 0 <= top < bottom <= 240


@pytest.mark.slow
def test_the_report_needs_no_other_file(finished: TrainResult) -> None:
    page = (finished.run_dir / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 5
    assert "src='http" not in page
    assert "href=" not in page


@pytest.mark.slow
def test_a_finished_run_is_never_trained_over(finished: TrainResult, dataset: Dataset) -> None:
    with pytest.raises(NothingToDo, match="is finished"):
        train(dataset, TrainOptions(resume=str(finished.run_dir)), runs_dir=finished.run_dir.parent)


@pytest.mark.slow
def test_the_options_and_the_fingerprint_stand_in_the_run(finished: TrainResult) -> None:
    options = read_args(finished.run_dir)
    assert (options.backbone, options.size, options.seed) == ("tiny", 96, 3)
    artifact = read_artifact(finished.run_dir)
    assert len(artifact.training["data_fingerprint"]) == 64
    assert artifact.training["split_leak_free"] is True


@pytest.mark.slow
def test_a_training_killed_half_way_goes_on_where_it_was(dataset: Dataset, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "thirtyfold", "train", str(dataset.root), "--runs", str(tmp_path)]
    command += ["--backbone", "tiny", "--weights", "none", "--size", "64", "--batch", "8", "--epochs", "60"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = tmp_path / "detect" / "1" / "training" / "state.json"
    try:
        deadline = time.monotonic() + 600
        while not (state.exists() and json.loads(state.read_text())["epoch"] >= 2):
            assert process.poll() is None, "the training ended by itself"
            assert time.monotonic() < deadline, "no second epoch within ten minutes"
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = json.loads(state.read_text())
    stopped_at = before["epoch"]
    args = state.parents[1] / "args.json"
    args.write_text(args.read_text().replace('"epochs": 60', f'"epochs": {stopped_at + 1}'))
    result = train(dataset, TrainOptions(resume="latest", epochs=1), runs_dir=tmp_path)
    rows = (result.run_dir / "results.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in rows[1:]] == list(range(1, stopped_at + 2))
    after = json.loads(state.read_text())
    assert after["best_score"] >= before["best_score"]
    assert after["rows"][:stopped_at] == before["rows"]
    assert not (tmp_path / "detect" / "2").exists()


def test_a_loss_that_is_no_number_stops_with_what_to_try(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(y_true: Any, y_pred: Any) -> Any:
        return localization_loss(y_true, y_pred) * float("nan")

    monkeypatch.setattr(detect, "relative_localization_loss", broken)
    with pytest.raises(TrainingError, match="--rate"):
        train(dataset, TrainOptions(**{**SMALL, "size": 32}, epochs=1), runs_dir=tmp_path)


def test_too_little_memory_names_a_smaller_batch(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    import tensorflow as tf

    def exhausted(*arguments: Any, **options: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(keras.Model, "fit", exhausted)
    with pytest.raises(TrainingError, match="--batch 4"):
        train(dataset, TrainOptions(**{**SMALL, "size": 32}, epochs=1), runs_dir=tmp_path)


def test_options_of_a_run_that_cannot_be_read_are_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "args.json").write_text('{"backbone": "resnet1000"}')
    with pytest.raises(Exception, match="resnet1000"):
        read_args(tmp_path)
    (tmp_path / "args.json").write_text("[]")
    with pytest.raises(ModelError):
        read_args(tmp_path)

"""The whole of a training, on drawn photos and the smallest networks."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.drawn import write_dataset
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import ModelError, NothingToDo, TrainingError
from thirtyfold.images import letterbox, read_rgb
from thirtyfold.model import detect
from thirtyfold.model.export import to_tflite
from thirtyfold.model.losses import localization_loss
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.state import read_args
from thirtyfold.model.tasks import TASKS, load_task
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
    expected |= {"plots/curves.png", "plots/test_predictions.png", "plots/val_predictions.png"}
    assert expected <= names
    assert any(name.startswith("tensorboard/events") for name in names)
    assert not [name for name in names if name.endswith(".npy")], "the letterboxed cache was left behind"
    assert (finished.run_dir / "results.csv").read_text().startswith("epoch,loss,class_loss,box_loss,val_mean_iou")


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
    assert page.count("data:image/png;base64,") == 3
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
        deadline = time.monotonic() + 120
        while not (state.exists() and json.loads(state.read_text())["epoch"] >= 2):
            assert process.poll() is None, "the training ended by itself"
            assert time.monotonic() < deadline, "no second epoch within two minutes"
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

    monkeypatch.setattr(detect, "localization_loss", broken)
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


CONTRACT = [("tiny", "dense"), ("tiny", "global"), ("mobilenetv2", "dense"), ("vgg16", "dense"), ("vgg16", "global")]


@pytest.mark.slow
@pytest.mark.parametrize("task_name", TASKS)
@pytest.mark.parametrize(("backbone", "heads"), CONTRACT)
def test_every_task_builds_fits_a_step_exports_and_predicts_the_same(
    task_name: str, backbone: str, heads: str, dataset: Dataset
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    task = load_task(task_name)
    options = TrainOptions(task=task_name, backbone=backbone, heads=heads, weights="none", size=64, alpha=0.35)
    model = task.build(options, 2).model
    losses, weights = task.losses(options)
    model.compile(optimizer="sgd", loss=losses, loss_weights=weights)
    from thirtyfold.datasets.samples import read_samples

    samples = read_samples(dataset)[:4]
    squares = np.stack([letterbox(read_rgb(sample.image_path), 64)[0] for sample in samples])
    encoded = [task.encode_sample(sample, options, ("face", "hand")) for sample in samples]
    targets = {name: np.stack([item[name] for item in encoded]) for name in encoded[0]}
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    model.train_on_batch(squares, targets)
    assert any((a != b.numpy()).any() for a, b in zip(before, model.trainable_weights, strict=True))
    runner = Interpreter(model_content=to_tflite(model, 64)).get_signature_runner("serving_default")
    exported = runner(image=squares[:1])
    for name, expected in model.predict_on_batch(squares[:1]).items():
        assert np.allclose(exported[name], expected, atol=2e-3), name


@pytest.mark.slow
def test_a_frozen_backbone_stays_as_it_was_and_its_features_leave_no_files(dataset: Dataset, tmp_path: Path) -> None:
    import keras

    from thirtyfold.model.backbones import BACKBONES

    keras.utils.set_random_seed(7)
    given = BACKBONES["tiny"].build(64, 1.0)
    given.save_weights(tmp_path / "given.weights.h5")
    options = TrainOptions(**{**SMALL, "size": 64, "weights": str(tmp_path / "given.weights.h5")}, epochs=2)
    result = train(dataset, options, runs_dir=tmp_path / "runs")
    assert result.artifact.training["frozen_backbone"] is True
    trained = load_task("detect").build(options, 1)
    trained.model.load_weights(result.run_dir / "model.keras")
    for before, after in zip(given.weights, trained.backbone.weights, strict=True):
        assert (before.numpy() == after.numpy()).all(), before.path
    assert result.artifact.metrics["tflite_against_keras"]["largest_box_difference_px"] < 0.5
    assert not (result.run_dir / ".cache").exists()


def test_features_are_stored_photo_by_photo_as_the_trunk_gives_them(tmp_path: Path) -> None:
    from thirtyfold.model.inputs import store_features
    from thirtyfold.progress import SILENT

    network = detect.build(TrainOptions(**{**SMALL, "size": 64}), 1)
    squares = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    maps = store_features(network.trunk, squares, tmp_path / "cache", batch=2, progress=SILENT)
    assert [stored.shape[1] for stored in maps] == [8, 4, 2]
    for stored, features in zip(maps, network.trunk.predict_on_batch(squares), strict=True):
        assert np.allclose(stored, features, rtol=2e-3, atol=2e-3)

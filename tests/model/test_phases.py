"""A training up to its best weights: features once, two phases, killed, resumed, disturbed. Nothing is exported."""

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.drawn import write_dataset, write_label
from tests.heard import Heard
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, TrainingError, UsageError
from thirtyfold.model import detect, phases
from thirtyfold.model.backbones import BACKBONES
from thirtyfold.model.data import TrainingData, gather
from thirtyfold.model.devices import Devices
from thirtyfold.model.fit import Fitted, fit
from thirtyfold.model.inputs import store_features
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.state import TrainingState, load_best, read_state, save_state, save_weights, state_dir
from thirtyfold.progress import SILENT, Silent
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

# With CIoU a single epoch finds something already, which is what a second phase is compared with.
SMALL: dict[str, Any] = {"backbone": "tiny", "size": 64, "batch": 8, "seed": 3, "epochs": 2, "fine_tune": "always"}
SMALL["box_loss"] = "ciou"


class StopsAt(Silent):
    """A person who presses Ctrl-C as soon as a line with these words appears."""

    def __init__(self, words: str) -> None:
        self.words = words

    def say(self, text: str) -> None:
        if self.words in text:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_dataset(tmp_path_factory.mktemp("drawn") / "faces", sessions=4, per_session=6)
    split_dataset(Dataset(root), SplitOptions())
    return root


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights for the small backbone, as a pretrained one has them."""
    keras.utils.set_random_seed(7)
    path = tmp_path_factory.mktemp("weights") / "given.weights.h5"
    BACKBONES["tiny"].build(64, 1.0).save_weights(path)
    return path


def gathered(root: Path, given: Path, **changed: Any) -> tuple[TrainingData, TrainOptions]:
    options = TrainOptions(**{**SMALL, "weights": str(given), **changed})
    data = gather(Dataset(root), options, SILENT)
    return data, detect.resolve_options(options, data.train, data.classes)


def fitted(root: Path, given: Path, run_dir: Path, *, progress: Any = SILENT, **changed: Any) -> Fitted:
    data, options = gathered(root, given, **changed)
    run_dir.mkdir(exist_ok=True)
    return fit(data, options, run_dir, given, Devices(), root=root, progress=progress)


def weights_of(fitted: Fitted) -> list[Any]:
    return [weight.numpy().copy() for weight in fitted.network.model.weights]


def assert_equal(first: Fitted, second: Fitted) -> None:
    assert first.state.rows == second.state.rows
    for before, after in zip(weights_of(first), weights_of(second), strict=True):
        assert (before == after).all()


@pytest.fixture(scope="module")
def undisturbed(root: Path, given: Path, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fitted(root, given, tmp_path_factory.mktemp("run"))


@pytest.mark.slow
def test_a_training_stopped_again_and_again_ends_as_one_of_the_same_seed_that_was_not(
    undisturbed: Fitted, root: Path, given: Path, tmp_path: Path
) -> None:
    # With features computed anew at every attempt, where the other one kept its own.
    heard = Heard()
    for where in ("epoch 1/2", "fine-tuning 1/"):
        with pytest.raises(KeyboardInterrupt):
            fitted(root, given, tmp_path / "run", cache=False, progress=StopsAt(where))
        assert read_state(tmp_path / "run").seconds["epochs"] > 0, "the time of an attempt that was cut short counts"
    assert_equal(undisturbed, fitted(root, given, tmp_path / "run", cache=False, progress=heard))
    assert any(line.startswith("features of") and line.endswith("computed once for all epochs") for line in heard.lines)
    assert not (tmp_path / "run" / ".cache").exists()
    assert len(list((root / ".cache").glob("features-*"))) == 2, "the undisturbed one's, of train and val"


@pytest.mark.slow
@pytest.mark.parametrize("tuned", [False, True])
def test_fine_tuning_is_kept_only_if_it_made_things_better(
    root: Path, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tuned: bool
) -> None:
    # A rate that ruins everything; or the usual one, judged by the loss, which still falls after one epoch.
    if not tuned:
        monkeypatch.setattr(phases, "_TUNING_RATE", 10.0)
    heard = Heard()
    data, options = gathered(root, given, epochs=1)
    (tmp_path / "run").mkdir()
    data = replace(data, val=()) if tuned else data
    result = fit(data, options, tmp_path / "run", given, Devices(), root=root, progress=heard)
    scores = [row.get("val_mean_iou", -row["loss"]) for row in result.state.rows]
    assert result.state.best_score == max(scores)
    assert (result.state.best_epoch > 1) is tuned
    assert any("nothing better" in line for line in heard.lines) is not tuned
    pristine = BACKBONES["tiny"].build(64, 1.0)
    pristine.load_weights(given)
    same = {
        before.path: bool((before.numpy() == after.numpy()).all())
        for before, after in zip(pristine.weights, result.network.backbone.weights, strict=True)
    }
    tops = {path for path, equal in same.items() if not equal}
    assert all(path.startswith("stage5") and "_bn" not in path for path in tops)
    assert bool(tops) is tuned


def test_fine_tuning_all_trains_every_layer_but_the_norms(given: Path) -> None:
    options = TrainOptions(**{**SMALL, "weights": str(given), "fine_tune": "all"})
    network = detect.build(options, ("a",))
    network.backbone.trainable = False
    phase = phases.fine_tuning(network, options, TrainingState(epoch=2, first_phase_epochs=2), validated=True)
    assert phase is not None
    assert not phase.on_features
    trained = {variable.path for variable in phase.learner.trainable_variables}
    assert any(path.startswith("stage1_down/") for path in trained)
    assert not any(path.startswith("stage1_down_bn") for path in trained)


def test_auto_fine_tunes_where_the_block_is_cheap_and_validation_can_say_whether_it_helped(
    root: Path, given: Path
) -> None:
    state = TrainingState(epoch=3, first_phase_epochs=3)
    for backbone, validated, expected in (
        ("mobilenetv2", True, True),
        ("mobilenetv2", False, False),
        ("vgg16", True, False),
    ):
        options = TrainOptions(backbone=backbone, alpha=0.35, size=64, weights=str(given))
        network = detect.build(options, ("a",))
        network.backbone.trainable = False
        assert (phases.fine_tuning(network, options, state, validated=validated) is not None) is expected
    never = replace(options, fine_tune="never")
    assert phases.fine_tuning(network, never, state, validated=True) is None
    everything = replace(options, weights="none", fine_tune="always")
    assert phases.fine_tuning(network, everything, state, validated=True) is None


@pytest.mark.parametrize("backbone", ["mobilenetv2", "tiny", "vgg16"])
def test_heads_on_stored_maps_say_what_the_whole_model_says(backbone: str, tmp_path: Path) -> None:
    network = detect.build(TrainOptions(backbone=backbone, alpha=0.35, size=64, weights="none"), ("a", "b"))
    squares = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    store_features(network.trunk, squares, tmp_path, batch=2, progress=SILENT)
    maps = [np.load(path) for path in sorted(tmp_path.glob("map*.npy"))]
    assert len(maps) == len(network.stored)
    whole = network.model.predict_on_batch(squares)
    for learner, takes in ((network.learner, range(len(maps))), (network.tuner, network.tuner_takes)):
        said = learner.predict_on_batch([maps[index] for index in takes])
        for name in whole:
            assert np.allclose(said[name], whole[name], atol=5e-3), name


def test_mobilenets_maps_are_stored_where_they_are_narrow() -> None:
    network = detect.build(TrainOptions(backbone="mobilenetv2", alpha=0.35, size=224), ("a",))
    stored = sum(int(np.prod(output.shape[1:])) for output in network.trunk.outputs)
    wide = sum(int(np.prod(tensor.shape[1:])) for tensor in network.heads.inputs)
    assert stored * 9 < wide


@pytest.mark.slow
def test_a_photo_that_cannot_be_read_is_named_counted_and_does_not_stop_the_training(
    root: Path, given: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "faces"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".cache"))
    data, options = gathered(copy, given, epochs=1, fine_tune="never")
    broken = data.train[2].image_path
    broken.write_bytes(broken.read_bytes()[:2000])
    heard = Heard()
    (tmp_path / "run").mkdir()
    result = fit(data, options, tmp_path / "run", given, Devices(), root=copy, progress=heard)
    assert len(result.state.left_out) == 1
    assert result.state.left_out[0].startswith(str(broken))
    assert any(line.startswith(f"left out: {broken}") for line in heard.lines)
    assert read_state(tmp_path / "run").left_out == result.state.left_out
    for photo in data.train:
        photo.image_path.write_bytes(b"no picture")
    with pytest.raises(TrainingError, match="none of the"):
        fit(data, options, tmp_path / "another", given, Devices(), root=copy, progress=SILENT)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes: what a full disk does to a writer."""
    resource = pytest.importorskip("resource", reason="Windows has no limits of this kind")
    assert threading.current_thread() is threading.main_thread()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_disk_that_fills_up_while_saving_leaves_the_old_best_whole(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(256)])
    path = state_dir(tmp_path) / "best.npz"
    state = TrainingState(epoch=1, best_epoch=1, best_score=0.7)
    save_weights(model, path)
    save_state(tmp_path, model, state)
    before, kernel = path.read_bytes(), model.weights[0].numpy().copy()
    model.weights[0].assign(model.weights[0] * 2)
    state.epoch = 2
    with largest_file(20_000):
        with pytest.raises(DataError, match=r"best\.npz"):
            save_weights(model, path)
        with pytest.raises(DataError, match=r"epoch2\.npz"):
            save_state(tmp_path, model, state)
    assert path.read_bytes() == before
    assert sorted(item.name for item in state_dir(tmp_path).iterdir()) == [
        "best.npz",
        "epoch1.npz",
        "state.json",
    ]
    assert read_state(tmp_path).epoch == 1
    load_best(tmp_path, "best.npz", model)
    assert (model.weights[0].numpy() == kernel).all()


def test_small_faces_get_a_finer_map_and_large_ones_do_not(tmp_path: Path, given: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=3)
    split_dataset(Dataset(root), SplitOptions())
    assert gathered(root, given, size=96)[1].stride == "8"
    for image in Dataset(root).image_paths():
        write_label(image, [Annotation.from_box("face", (40, 40, 72, 80))])
    assert gathered(root, given, size=96)[1].stride == "4"
    assert gathered(root, given, size=96, stride="8")[1].stride == "8"


def test_faces_of_every_label_can_be_called_one(tmp_path: Path, given: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    for number, image in enumerate(Dataset(root).image_paths()):
        write_label(image, [Annotation.from_box(("mask", "none")[number % 2], (10, 10, 60, 70))])
    split_dataset(Dataset(root), SplitOptions())
    assert gathered(root, given)[0].classes == ("mask", "none")
    data = gathered(root, given, one_label="face")[0]
    assert data.classes == ("face",)
    assert {shape.label for photo in (*data.train, *data.val, *data.test) for shape in photo.annotations or ()} == {
        "face"
    }
    with pytest.raises(UsageError, match="--labels"):
        TrainOptions(one_label="face", labels=("mask",))


def test_objects_too_small_to_be_found_are_said_with_a_size_that_helps(tmp_path: Path, given: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    split_dataset(Dataset(root), SplitOptions())
    heard = Heard()
    gather(Dataset(root), TrainOptions(size=32, weights=str(given)), heard)
    assert any("too small to be found; try --size 320" in line for line in heard.lines)
    heard = Heard()
    gather(Dataset(root), TrainOptions(size=224, weights=str(given)), heard)
    assert not any("too small" in line for line in heard.lines)

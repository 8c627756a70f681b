import inspect
from importlib import import_module
from pathlib import Path

import h5py
import keras
import pytest

from thirtyfold.errors import ModelError, UsageError
from thirtyfold.model.backbones import BACKBONES
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.weights import has_imagenet, imagenet_download, load_backbone_weights, weights_path
from thirtyfold.progress import SILENT

CONTENT = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 64


def test_a_cached_file_that_differs_is_reported_and_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    download = imagenet_download("vgg16", 1.0)
    path = tmp_path / "models" / download.name
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    with pytest.raises(ModelError, match="move it away"):
        weights_path(TrainOptions(backbone="vgg16"), SILENT)
    assert path.read_bytes() == CONTENT


def test_a_cached_file_that_is_not_hdf5_is_refused_even_without_a_published_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = tmp_path / "models" / imagenet_download("mobilenetv2", 0.35).name
    path.parent.mkdir()
    path.write_bytes(b"not weights")
    with pytest.raises(ModelError, match="ImageNet weights"):
        weights_path(TrainOptions(backbone="mobilenetv2", alpha=0.35), SILENT)


def test_without_a_network_training_can_start_from_nothing() -> None:
    assert "--weights none" in imagenet_download("vgg16", 1.0).otherwise


def test_weights_of_another_shape_are_refused_with_the_options_to_check(tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ModelError, match="do not fit tiny"):
        load_backbone_weights(BACKBONES["tiny"].build(64, 1.0), tmp_path / "other.weights.h5")


def test_a_weights_file_of_the_same_layout_is_loaded(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    first, second = (BACKBONES["tiny"].build(64, 1.0) for _ in range(2))
    first.save_weights(tmp_path / "tiny.weights.h5")
    load_backbone_weights(second, tmp_path / "tiny.weights.h5")
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(first.weights, second.weights, strict=True))


PUBLISHED = {
    "vgg16": keras.applications.VGG16,
    "resnet50": keras.applications.ResNet50,
    "inceptionv3": keras.applications.InceptionV3,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_file_of_the_published_layout_is_loaded(name: str, tmp_path: Path) -> None:
    # The real ones are 59 to 94 MB and not here: the same layers, names and format with random values.
    legacy = import_module("keras.src.legacy.saving.legacy_h5_format")
    theirs = PUBLISHED[name](include_top=False, weights=None, input_shape=(96, 96, 3))
    path = tmp_path / imagenet_download(name, 1.0).name
    with h5py.File(path, "w") as file:
        legacy.save_weights_to_hdf5_group(file, theirs)
    ours = BACKBONES[name].build(64, 1.0)
    load_backbone_weights(ours, path)
    assert all((a == b).all() for a, b in zip(theirs.get_weights(), ours.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("name", "module", "function"),
    [("vgg16", "vgg16", "VGG16"), ("inceptionv3", "inception_v3", "InceptionV3")],
)
def test_the_files_and_hashes_are_those_that_keras_publishes(name: str, module: str, function: str) -> None:
    theirs = import_module(f"keras.src.applications.{module}")
    download = imagenet_download(name, 1.0)
    assert download.url == theirs.WEIGHTS_PATH_NO_TOP
    assert download.digest is not None
    assert f'"{download.digest.removeprefix("md5:")}"' in inspect.getsource(getattr(theirs, function))


def test_the_file_and_hash_of_resnet50_are_those_that_keras_publishes() -> None:
    theirs = import_module("keras.src.applications.resnet")
    download = imagenet_download("resnet50", 1.0)
    assert download.url == f"{theirs.BASE_WEIGHTS_PATH}{download.name}"
    assert download.digest == f"md5:{theirs.WEIGHTS_HASHES['resnet50'][1]}"


def test_every_backbone_says_whether_it_was_ever_trained_on_imagenet() -> None:
    assert {name: has_imagenet(name) for name in BACKBONES} == {
        "vgg16": True, "resnet50": True, "inceptionv3": True, "mobilenetv2": True, "tiny": False,
    }  # fmt: skip


def test_the_published_mobilenet_weights_load_from_kerass_own_cache(
    shared: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = imagenet_download("mobilenetv2", 0.35).name
    source = shared(f"weights/{name}")  # type: ignore[operator]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / name).symlink_to(source)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = weights_path(TrainOptions(backbone="mobilenetv2", alpha=0.35), SILENT)
    assert path is not None
    backbone = BACKBONES["mobilenetv2"].build(64, 0.35)
    before = backbone.weights[0].numpy().copy()
    load_backbone_weights(backbone, path)
    assert (backbone.weights[0].numpy() != before).any()


def test_an_alpha_without_published_weights_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"0\.35, 0\.5"):
        imagenet_download("mobilenetv2", 0.4)


def test_a_backbone_without_published_weights_says_what_to_add() -> None:
    with pytest.raises(UsageError, match="--weights none"):
        imagenet_download("tiny", 1.0)


def test_a_weights_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        weights_path(TrainOptions(weights=str(tmp_path / "none.h5")), SILENT)

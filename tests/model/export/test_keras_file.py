"""``model.keras`` is read without running anything that it says: each file here would, if it could."""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from thirtyfold.errors import ModelError
from thirtyfold.model import detect
from thirtyfold.model.export.keras_file import keras_bytes, load_keras
from thirtyfold.model.losses import heatmap_loss, localization_loss
from thirtyfold.model.options import TrainOptions


@pytest.fixture(scope="module")
def network() -> Any:
    keras.utils.set_random_seed(5)
    return detect.build(TrainOptions(backbone="tiny", weights="none", size=64), ("a", "b"))


@pytest.fixture(scope="module")
def good(network: Any) -> bytes:
    return keras_bytes(network.model)


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_config(data: bytes, change: Callable[[Any], Any]) -> bytes:
    members = parts(data)
    members["config.json"] = json.dumps(change(json.loads(members["config.json"]))).encode()
    return packed(members)


def test_what_is_written_is_read_back_and_says_the_same(network: Any, good: bytes) -> None:
    photos = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    expected = network.model.predict_on_batch(photos)
    found = load_keras(good, "model.keras").predict_on_batch(photos)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_the_file_holds_no_losses_and_no_optimizer_even_of_a_model_that_was_trained(network: Any) -> None:
    network.heads.compile(optimizer="adam", loss={"scores": heatmap_loss, "boxes": localization_loss})
    network.heads.optimizer.build(network.heads.trainable_variables)
    data = keras_bytes(network.model)
    assert b"heatmap_loss" not in parts(data)["config.json"]
    assert len(data) < 1.5 * 4 * network.model.count_params() + 500_000
    assert load_keras(data, "model.keras").input_shape == (None, 64, 64, 3)


def test_a_model_of_an_older_version_which_kept_its_losses_is_read(network: Any, tmp_path: Path) -> None:
    network.heads.compile(optimizer="sgd", loss={"scores": heatmap_loss, "boxes": localization_loss})
    network.model.save(tmp_path / "old.keras")
    data = (tmp_path / "old.keras").read_bytes()
    assert b"heatmap_loss" in parts(data)["config.json"]
    assert set(load_keras(data, "old.keras").output) == {"scores", "boxes"}


def test_a_lambda_layer_is_refused_and_never_runs(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    image = keras.Input((64, 64, 3), name="image")
    name = str(marker)
    harmful = keras.layers.Lambda(lambda x: (open(name, "w").close(), x)[1])  # noqa: PTH123
    keras.Model(image, harmful(image)).save(tmp_path / "model.keras")
    marker.unlink()  # it ran while it was made
    with pytest.raises(ModelError, match="'Lambda', which no model of ours has"):
        load_keras((tmp_path / "model.keras").read_bytes(), "model.keras")
    assert not marker.exists()
    keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    assert marker.exists(), "the file is harmless and proves nothing"


def test_a_class_of_another_module_is_refused_and_the_module_is_never_imported(
    good: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "harmful_module.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass Harm: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module, registered in (("harmful_module", None), ("harmful_module", "thirtyfold>Harm"), ("keras.harmful", "x")):
        harm = {"module": module, "class_name": "Harm", "config": {}, "registered_name": registered}
        data = with_config(good, lambda config, harm=harm: {**config, "config": {**config["config"], "extra": [harm]}})
        with pytest.raises(ModelError, match="'Harm', which no model of ours has"):
            load_keras(data, "model.keras")
    assert not marker.exists()
    assert "harmful_module" not in sys.modules


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "StringLookup"),
        ("keras.utils", "get_file"),
        ("builtins", "function"),
        ("builtins", "Conv2D"),
        ("os", "system"),
        ("thirtyfold.files", "write_bytes"),
        (None, "__lambda__"),
    ],
)
def test_what_could_run_code_or_open_files_is_refused(good: bytes, module: str | None, kind: str) -> None:
    harm = {"module": module, "class_name": kind, "config": {"name": "x"}, "registered_name": None}

    def swap(config: Any) -> Any:
        config["config"]["layers"][1] = harm
        return config

    with pytest.raises(ModelError, match=f"'{kind}', which no model of ours has; nothing of it was run"):
        load_keras(with_config(good, swap), "model.keras")


class _Harmful:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.marker,)


def test_a_pickle_is_refused_and_never_runs(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not a \.keras file"):
        load_keras(pickle.dumps(_Harmful(tmp_path / "ran")), "model.keras")
    assert not (tmp_path / "ran").exists()


def test_an_h5_file_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(ModelError, match=r"is not a \.keras file of Keras 3"):
        load_keras((tmp_path / "model.h5").read_bytes(), "model.keras")


def test_archives_that_unpack_to_more_than_any_model_are_refused() -> None:
    bomb = packed({"config.json": b" " * (33 * 2**20), "model.weights.h5": b""}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(ModelError, match=r"its config\.json unpacks to more than 32 MB"):
        load_keras(bomb, "model.keras")


def test_archives_with_other_files_are_refused(good: bytes) -> None:
    for members in (
        {**parts(good), "assets/../../evil": b"x"},
        {**parts(good), "model.weights.npz": b"x"},
        {name: data for name, data in parts(good).items() if name != "config.json"},
    ):
        with pytest.raises(ModelError, match="holds other files than a model of ours"):
            load_keras(packed(members), "model.keras")


@pytest.mark.parametrize("kept", [0, 3, 40, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused(good: bytes, kept: float) -> None:
    cut = good[: kept if isinstance(kept, int) else int(len(good) * kept)]
    with pytest.raises(ModelError, match=r"model\.keras: is (damaged|not a \.keras file)"):
        load_keras(cut, "model.keras")


def test_damaged_weights_are_refused(good: bytes) -> None:
    members = parts(good)
    half = members["model.weights.h5"][: len(members["model.weights.h5"]) // 2]
    with pytest.raises(ModelError, match="its weights are damaged"):
        load_keras(packed({**members, "model.weights.h5": half}), "model.keras")


@pytest.mark.parametrize("kind", ["link", "external"])
def test_weights_that_point_into_other_files_are_refused(good: bytes, tmp_path: Path, kind: str) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.zeros(3)
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        if kind == "link":
            file["layers"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")
        else:
            raw = [(str(tmp_path / "other.h5"), 0, 24)]
            file.create_dataset("layers", (3,), np.float64, external=raw)
    with pytest.raises(ModelError, match=r"its weights (point to another place|lie in another file)"):
        load_keras(packed({**parts(good), "model.weights.h5": path.read_bytes()}), "model.keras")


def test_weights_that_are_no_arrays_or_claim_more_than_the_file_holds_are_refused(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    for named, message in (("type", "something else than numbers"), ("huge", "unpack to more than the file holds")):
        with h5py.File(path, "w") as file:
            if named == "type":
                file["layers"] = np.dtype("f4")
            else:
                file.create_dataset("layers", (2**40,), np.float32)
        with pytest.raises(ModelError, match=message):
            load_keras(packed({**parts(good), "model.weights.h5": path.read_bytes()}), "model.keras")


def test_a_description_that_is_nested_without_end_or_names_no_class_is_refused(good: bytes) -> None:
    deep: Any = []
    for _ in range(sys.getrecursionlimit() * 6 // 10):
        deep = [deep]
    with pytest.raises(ModelError, match=r"nested deeper|damaged"):
        load_keras(with_config(good, lambda config: {**config, "extra": deep}), "model.keras")
    unnamed = {"module": "keras.layers", "class_name": ["Conv2D"], "config": {}, "registered_name": None}
    with pytest.raises(ModelError, match="which no model of ours has"):
        load_keras(with_config(good, lambda config: {**config, "extra": unnamed}), "model.keras")


def test_weights_of_another_network_are_refused(good: bytes) -> None:
    other = keras_bytes(detect.build(TrainOptions(backbone="tiny", weights="none", size=64), tuple("abcde")).model)
    mixed = {**parts(good), "model.weights.h5": parts(other)["model.weights.h5"]}
    with pytest.raises(ModelError, match="its layers and weights do not fit"):
        load_keras(packed(mixed), "model.keras")

"""``model.keras``: written without what only training needs, read without running anything it says.

Keras's own ``safe_mode`` refuses lambdas; here the whole description of the network is read first, and
only layers that our networks are made of reach Keras at all.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import Any

from thirtyfold.errors import ModelError
from thirtyfold.model.export.quiet import quiet, scratch_folder
from thirtyfold.predict.artifact import MAX_FORM_BYTES

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
_MAX_CONFIG_BYTES = 32 * 2**20
_PACKAGE = "thirtyfold>"
# Layers that take numbers and give numbers. Others can run code or open files: Lambda, TFSMLayer,
# TorchModuleWrapper, StringLookup, ...
_LAYERS = frozenset(
    {
        "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate", "Conv2D",
        "Conv2DTranspose", "Cropping2D", "Dense", "DepthwiseConv2D", "Dropout", "Flatten", "Functional",
        "GlobalAveragePooling2D", "GlobalMaxPooling2D", "GroupNormalization", "InputLayer", "LayerNormalization",
        "LeakyReLU", "MaxPooling2D", "Maximum", "Model", "Multiply", "Normalization", "PReLU", "Permute", "ReLU",
        "Rescaling", "Reshape", "SeparableConv2D", "Sequential", "Softmax", "SpatialDropout2D", "Subtract",
        "UpSampling2D", "ZeroPadding2D",
    }
)  # fmt: skip
_OTHERS = frozenset(
    {
        "Constant", "DTypePolicy", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "L1", "L2", "LecunNormal",
        "LecunUniform", "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
        "Zeros", "__keras_tensor__",
    }
)  # fmt: skip


def keras_bytes(model: Any) -> bytes:
    """A model as a ``.keras`` file: the network and its weights, no losses and no optimizer.

    Losses would have to be registered wherever the file is read, and Adam's state is twice the weights.
    """
    import keras

    with quiet(), scratch_folder() as folder:
        copy = keras.saving.deserialize_keras_object(_without_training(keras.saving.serialize_keras_object(model)))
        copy.set_weights(model.get_weights())
        copy.save(folder / "model.keras")
        return (folder / "model.keras").read_bytes()


def load_keras(data: bytes, name: str) -> Any:
    """The network in a ``.keras`` file, not compiled; ``name`` is the file's, for errors.

    Raises :class:`ModelError` for anything but an archive of numbers and layers of ours, before any of it is
    given to Keras.
    """
    import keras

    # They register the layers of our own.
    from thirtyfold.model import backbones, detect, margin_loss  # noqa: F401

    config, weights = _parts(data, name)
    try:
        described = _without_training(config)
        _check(described, name)
    except RecursionError as error:
        raise ModelError(f"{name}: its description is nested deeper than that of any model of ours") from error
    _check_weights(weights, name)
    try:
        with quiet(), scratch_folder() as folder:
            # From the bytes that were checked, not from the file, which may have changed since.
            path = folder / "model.keras"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(_METADATA, json.dumps({"keras_version": keras.__version__}))
                archive.writestr(_CONFIG, json.dumps(described))
                archive.writestr(_WEIGHTS, weights)
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        summary = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"{name}: its layers and weights do not fit ({summary}); train again") from error


def _parts(data: bytes, name: str) -> tuple[Any, bytes]:
    """The description of the network and the bytes of its weights."""
    if not data.startswith(b"PK\x03\x04"):
        raise ModelError(f"{name}: is not a .keras file of Keras 3 (an archive); .h5 files and pickles are not read")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if not {_CONFIG, _WEIGHTS} <= set(names) <= {_CONFIG, _WEIGHTS, _METADATA} or len(names) != len(set(names)):
                raise ModelError(f"{name}: holds other files than a model of ours; train again")
            config = json.loads(_member(archive, _CONFIG, _MAX_CONFIG_BYTES, name))
            return config, _member(archive, _WEIGHTS, MAX_FORM_BYTES, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{name}: is damaged ({error}); copy it again or train again") from error


def _member(archive: zipfile.ZipFile, member: str, limit: int, name: str) -> bytes:
    # `read` stops at the size that the directory says, so that size is what has to be believed.
    if archive.getinfo(member).file_size > limit:
        raise ModelError(f"{name}: its {member} unpacks to more than {limit // 2**20} MB, which no model of ours does")
    return archive.read(member)


def _without_training(value: Any) -> Any:
    """The description without losses and optimizers, which Keras keeps in parts of a model even if not asked to."""
    if isinstance(value, dict):
        return {key: _without_training(item) for key, item in value.items() if key != "compile_config"}
    if isinstance(value, (list, tuple)):
        return type(value)(_without_training(item) for item in value)
    return value


def _check(value: Any, name: str) -> None:
    """Raise :class:`ModelError` if the description names anything that is not on the lists above."""
    if isinstance(value, list):
        for item in value:
            _check(item, name)
    if not isinstance(value, dict):
        return
    if "class_name" in value and not _is_known(value):
        raise ModelError(
            f"{name}: has a part of the kind {str(value['class_name'])[:80]!r}, which no model of ours has; nothing "
            "of it was run. Take only models from people you trust, or train again"
        )
    for item in value.values():
        _check(item, name)


def _is_known(part: dict[str, Any]) -> bool:
    import keras

    kind, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    if isinstance(registered, str) and registered.startswith(_PACKAGE):
        return registered == f"{_PACKAGE}{kind}" and registered in keras.saving.get_custom_objects()
    if not isinstance(kind, str):
        return False
    if kind == "__keras_tensor__":
        return module is None and registered is None
    from_keras = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    return from_keras and kind in _LAYERS | _OTHERS and registered in (None, kind)


def _check_weights(weights: bytes, name: str) -> None:
    """HDF5 can point into other files of this machine, and claim arrays of any size; weights have no reason to."""
    import h5py

    def look(group: Any) -> None:
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise ModelError(f"{name}: its weights point to another place ({key}); copy it again or train again")
            item = group[key]
            if isinstance(item, h5py.Group):
                look(item)
            elif not isinstance(item, h5py.Dataset):
                raise ModelError(f"{name}: its weights hold something else than numbers ({key}); train again")
            elif item.external or item.is_virtual:
                raise ModelError(f"{name}: its weights lie in another file ({key}); copy it again or train again")
            elif item.nbytes > len(weights):
                raise ModelError(f"{name}: its weights unpack to more than the file holds ({key}); train again")

    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            look(file)
    except (OSError, KeyError, RuntimeError, RecursionError) as error:
        raise ModelError(f"{name}: its weights are damaged ({error}); copy it again or train again") from error

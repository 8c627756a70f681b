"""A trained model as ``model.tflite``: uint8 pixels in, preprocessing inside, named outputs."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.native_noise import TENSORFLOW_CHAT, without_lines
from thirtyfold.predict.runtime import SIGNATURE


def to_tflite(model: Any, size: int) -> bytes:
    """The LiteRT form of a Keras model: "image" uint8 (1, size, size, 3) to the model's outputs by name."""
    import keras
    import tensorflow as tf

    def serve(image: Any) -> Any:
        return model(image, training=False)

    with tempfile.TemporaryDirectory(prefix="thirtyfold-export-") as folder, _quiet():
        # By way of a SavedModel: only then inputs and outputs keep their names.
        archive = keras.export.ExportArchive()
        archive.track(model)
        signature = [tf.TensorSpec((1, size, size, 3), tf.uint8, name="image")]
        archive.add_endpoint(SIGNATURE, serve, input_signature=signature)
        archive.write_out(folder, verbose=False)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE]).convert())


def save_keras(model: Any, path: Path) -> None:
    """Write ``model.keras`` by temporary file and rename."""
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        model.save(temporary)
        temporary.replace(path)
    except OSError as error:
        raise files.writing_failed(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what the converter says of itself: pages of it, none for the user."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with without_lines(TENSORFLOW_CHAT), warnings.catch_warnings():
            # tf.lite says at every use that it moves to another package; ours is pinned.
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

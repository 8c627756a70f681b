"""A run folder with a real, tiny model.tflite that finds the faces of ``tests.drawn``. No training.

The model counts skin-coloured pixels, so that what it should find is known beforehand:
every cell's score is the share of skin around it, its box the extent of all the skin.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.predict.artifact import Artifact, FormFile, write_artifact
from thirtyfold.predict.forms import LITERT

SKIN_RGB = (224.0, 172.0, 140.0)
SIZE = 160
CELL = 8
_MODELS: dict[str, bytes] = {}


def write_tiny_run(run_dir: Path, *, decoder: str = "dense", boxes: str = "one") -> Path:
    """Write ``model.tflite`` and ``model.json`` into ``run_dir`` and return it; imports TensorFlow (seconds)."""
    if decoder not in _MODELS:
        _MODELS[decoder] = _build(decoder)
    data = _MODELS[decoder]
    files.write_bytes(run_dir / LITERT, data)
    write_artifact(
        run_dir,
        Artifact(
            task="detect",
            classes=("face",),
            size=SIZE,
            decoder=decoder,
            forms={LITERT: FormFile(sha256=hashlib.sha256(data).hexdigest())},
            decoder_options={"boxes": boxes, "nms_iou": 0.5, "max_boxes": 100} if decoder == "dense" else {},
        ),
    )
    return run_dir


def _build(decoder: str) -> bytes:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        cells = SIZE // CELL

        def skin_extent(image: Any) -> tuple[Any, Any]:
            near = tf.reduce_max(tf.abs(tf.cast(image, tf.float32) - tf.constant(SKIN_RGB)), axis=-1, keepdims=True)
            skin = tf.cast(near < 24.0, tf.float32)
            solid = tf.cast(tf.nn.avg_pool2d(skin, 3, 1, "SAME") > 0.6, tf.float32)
            numbers = tf.range(SIZE, dtype=tf.float32)
            columns, rows = tf.reduce_max(solid, axis=(0, 1, 3)), tf.reduce_max(solid, axis=(0, 2, 3))

            def first(line: Any) -> Any:
                return tf.reduce_min(tf.where(line > 0.5, numbers, float(SIZE)))

            def last(line: Any) -> Any:
                return tf.reduce_max(tf.where(line > 0.5, numbers + 1.0, 0.0))

            return solid, tf.stack([first(columns), first(rows), last(columns), last(rows)]) / SIZE

        class Dense(tf.Module):  # type: ignore[misc]
            @tf.function(input_signature=[tf.TensorSpec((1, SIZE, SIZE, 3), tf.uint8, name="image")])  # type: ignore[untyped-decorator]
            def __call__(self, image: Any) -> dict[str, Any]:
                solid, extent = skin_extent(image)
                density = tf.nn.avg_pool2d(solid, CELL, CELL, "VALID")
                scores = tf.nn.avg_pool2d(density, 3, 1, "SAME")
                return {"scores": scores, "boxes": tf.zeros((1, cells, cells, 4)) + extent}

        class Global(tf.Module):  # type: ignore[misc]
            @tf.function(input_signature=[tf.TensorSpec((1, SIZE, SIZE, 3), tf.uint8, name="image")])  # type: ignore[untyped-decorator]
            def __call__(self, image: Any) -> dict[str, Any]:
                solid, extent = skin_extent(image)
                score = tf.minimum(1.0, 50.0 * tf.reduce_mean(solid))
                return {"scores": tf.reshape(score, (1, 1)), "boxes": tf.reshape(extent, (1, 4))}

        module = {"dense": Dense, "global": Global}[decoder]()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([module.__call__.get_concrete_function()], module)
        return bytes(converter.convert())

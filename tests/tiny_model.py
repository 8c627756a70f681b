"""A run folder with a real, tiny model.tflite that finds the faces of ``tests.drawn``. No training.

The model counts skin-coloured pixels, so that what it should find is known beforehand:
every cell's score is the share of skin around it, its box the extent of all the skin.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from tests.drawn import SKIN_RGB
from tests.lite import to_tflite, write_run

SIZE = 160
CELL = 8


def write_tiny_run(run_dir: Path, *, decoder: str = "dense", boxes: str = "one") -> Path:
    """Write ``model.tflite`` and ``model.json`` into ``run_dir`` and return it; imports TensorFlow (seconds)."""
    options = {"boxes": boxes, "nms_iou": 0.5, "max_boxes": 100} if decoder == "dense" else {}
    return write_run(
        run_dir,
        _model(decoder),
        task="detect",
        classes=("face",),
        size=SIZE,
        decoder=decoder,
        decoder_options=options,
    )


@cache
def _model(decoder: str) -> bytes:
    return to_tflite({"dense": _dense, "global": _global}[decoder], SIZE)


def _dense(image: Any) -> dict[str, Any]:
    import tensorflow as tf

    cells = SIZE // CELL
    solid, extent = _skin_extent(image)
    density = tf.nn.avg_pool2d(solid, CELL, CELL, "VALID")
    scores = tf.nn.avg_pool2d(density, 3, 1, "SAME")
    return {"scores": scores, "boxes": tf.zeros((1, cells, cells, 4)) + extent}


def _global(image: Any) -> dict[str, Any]:
    import tensorflow as tf

    solid, extent = _skin_extent(image)
    score = tf.minimum(1.0, 50.0 * tf.reduce_mean(solid))
    return {"scores": tf.reshape(score, (1, 1)), "boxes": tf.reshape(extent, (1, 4))}


def _skin_extent(image: Any) -> tuple[Any, Any]:
    """Where there is skin, and the box of it all as shares of the picture's side."""
    import tensorflow as tf

    near = tf.reduce_max(tf.abs(image - tf.constant(SKIN_RGB, tf.float32)), axis=-1, keepdims=True)
    skin = tf.cast(near < 24.0, tf.float32)
    solid = tf.cast(tf.nn.avg_pool2d(skin, 3, 1, "SAME") > 0.6, tf.float32)
    numbers = tf.range(SIZE, dtype=tf.float32)
    columns, rows = tf.reduce_max(solid, axis=(0, 1, 3)), tf.reduce_max(solid, axis=(0, 2, 3))

    def first(line: Any) -> Any:
        return tf.reduce_min(tf.where(line > 0.5, numbers, float(SIZE)))

    def last(line: Any) -> Any:
        return tf.reduce_max(tf.where(line > 0.5, numbers + 1.0, 0.0))

    return solid, tf.stack([first(columns), first(rows), last(columns), last(rows)]) / SIZE

"""A run folder with a real, tiny model that guesses attributes. No training.

Gender is what the picture has more of, red (female) or blue (male); age is its mean brightness, 0 to 85 years; the
head with a hostile name is half of that. So what it should say is known beforehand.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.lite import to_tflite, write_run
from thirtyfold.images import Pixels
from thirtyfold.predict.attribute_heads import heads_of

SIZE = 32
HOSTILE = "../<b>$x_{'label\""
CLASSES = ("gender=female", "gender=male", "age", HOSTILE)


def plain_photo(gender: str, age: float, *, side: int = 48) -> Pixels:
    """RGB pixels of which the model says that gender, with certainty, and very nearly that age, up to 70 years."""
    bright = age * 3
    most, least = min(255.0, 1.4 * bright), 0.6 * bright
    middle = 3 * bright - most - least
    rgb = (most, middle, least) if gender == "female" else (least, middle, most)
    return np.full((side, side, 3), np.round(rgb), np.uint8)


def write_guessing_run(run_dir: Path, *, dataset: str = "people", options: dict[str, Any] | None = None) -> Path:
    """Write a finished attributes run into ``run_dir`` and return it; imports TensorFlow (seconds)."""
    return write_run(
        run_dir,
        _model(),
        task="attributes",
        classes=CLASSES,
        size=SIZE,
        decoder="attributes",
        decoder_options={"margin_share": 0.0, "scales": {"age": [40.0, 20.0], HOSTILE: [20.0, 10.0]}},
        score_threshold=0.0,
        training={"dataset": dataset, "options": {"task": "attributes", **(options or {})}},
    )


@cache
def _model() -> bytes:
    outputs = [head.output for head in heads_of(CLASSES)]

    def answer(image: Any) -> dict[str, Any]:
        import tensorflow as tf

        means = tf.reduce_mean(image, axis=(1, 2))
        female = tf.sigmoid(means[:, 0] - means[:, 2])
        age = tf.reduce_mean(means, axis=1, keepdims=True) / 3.0
        return dict(zip(outputs, (tf.stack([female, 1.0 - female], axis=1), age, age / 2.0), strict=True))

    return to_tflite(answer, SIZE)

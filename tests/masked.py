"""Drawn faces with and without a mask, and a run folder with a real, tiny classifier of them. No training.

The classifier counts blue pixels in the lower half of the picture, so what it should say is known beforehand.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.drawn import draw_photo, write_label
from tests.lite import to_tflite, write_run
from thirtyfold.drawing import Color
from thirtyfold.images import Pixels, write_jpeg
from thirtyfold.sample import Annotation, BoxXyxy

WITH, WITHOUT = "with_mask", "without_mask"
MASK_RGB = (60, 120, 220)
SIZE = 64


def draw_mask(pixels: Pixels, box_xyxy: BoxXyxy) -> None:
    """Draw a blue mask onto the face in a box, **in place**; the skin around it stays."""
    left, top, right, bottom = box_xyxy
    center = round((left + right) / 2), round(top + 0.68 * (bottom - top))
    axes = round(0.34 * (right - left)), round(0.2 * (bottom - top))
    cv2.ellipse(pixels, center, axes, 0, 0, 360, MASK_RGB, cv2.FILLED, cv2.LINE_AA)


def draw_masked(seed: int, *, masked: bool, width: int = 320, height: int = 240) -> tuple[Pixels, Annotation]:
    """RGB pixels (height, width, 3) and the face's true box, labelled with its class."""
    pixels, (face,) = draw_photo(seed, width=width, height=height)
    if masked:
        draw_mask(pixels, face.box_xyxy)
    return pixels, Annotation.from_box(WITH if masked else WITHOUT, face.box_xyxy)


def is_boxed_in(pixels: Pixels, box_xyxy: BoxXyxy, color: Color) -> bool:
    """Whether a line of ``color`` runs along both upright sides of a box, a few pixels to and fro."""
    left, top, right, bottom = (round(value) for value in box_xyxy)
    reach = max(5, round(max(pixels.shape[:2]) / 60))
    rows = slice(top + (bottom - top) // 4, bottom - (bottom - top) // 4)
    sides = (pixels[rows, max(0, x - reach) : x + reach].astype(int) for x in (left, right))
    return all(((np.abs(side - color).max(axis=2) < 90).any(axis=1)).mean() > 0.9 for side in sides)


def write_masked_dataset(root: Path, count: int = 4) -> Path:
    """Photos of one face each, every other one masked, with the class of each as the label of its box."""
    for number in range(1, count + 1):
        pixels, face = draw_masked(number, masked=number % 2 == 1)
        path = root / "images" / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        write_label(path, [face])
    return root


def write_class_folders(root: Path, count: int = 4) -> Path:
    """Cut-out faces with a margin of a tenth, a folder for each class."""
    for number in range(count):
        for label, masked in ((WITH, True), (WITHOUT, False)):
            pixels, face = draw_masked(100 + number, masked=masked)
            left, top, right, bottom = face.box_xyxy
            dx, dy = (right - left) / 10, (bottom - top) / 10
            rows, columns = (
                slice(max(0, round(top - dy)), round(bottom + dy)),
                slice(max(0, round(left - dx)), round(right + dx)),
            )
            write_jpeg(root / label / f"{label}{number}.jpg", pixels[rows, columns].copy())
    return root


def write_tiny_classifier(run_dir: Path, *, dataset: str = "masks", margin_share: Any = 0.05) -> Path:
    """Write a finished classify run into ``run_dir`` and return it; imports TensorFlow (seconds)."""
    return write_run(
        run_dir,
        _model(),
        task="classify",
        classes=(WITH, WITHOUT),
        size=SIZE,
        decoder="classes",
        decoder_options={} if margin_share is None else {"margin_share": margin_share},
        score_threshold=0.0,
        training={"dataset": dataset},
    )


@cache
def _model() -> bytes:
    def answer(image: Any) -> dict[str, Any]:
        import tensorflow as tf

        lower = image[:, SIZE // 2 :]
        blue = tf.cast(lower[..., 2] - lower[..., 0] > 80.0, tf.float32)
        share = tf.reduce_mean(blue, axis=(1, 2))
        masked = tf.sigmoid(40.0 * (share - 0.1))
        return {"probabilities": tf.stack([masked, 1.0 - masked], axis=1)}

    return to_tflite(answer, SIZE)

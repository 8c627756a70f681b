"""Photos drawn by the tests themselves: a face-like disc on a noisy room, with its true box."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.images import Pixels, write_jpeg
from thirtyfold.sample import Annotation

SKIN_RGB = (224, 172, 140)


def draw_photo(seed: int, *, width: int = 320, height: int = 240, face: bool = True) -> tuple[Pixels, list[Annotation]]:
    """RGB pixels (height, width, 3) and the annotations of the one face in it, or none."""
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 160, (6, 8, 3), np.uint8)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = random.integers(0, 30, pixels.shape, np.uint8)
    pixels = cv2.add(pixels, noise)
    if not face:
        return pixels, []
    half_width = int(random.integers(width // 12, width // 7))
    half_height = int(half_width * 1.3)
    cx = int(random.integers(half_width + 4, width - half_width - 4))
    cy = int(random.integers(half_height + 4, height - half_height - 4))
    cv2.ellipse(pixels, (cx, cy), (half_width, half_height), 0, 0, 360, SKIN_RGB, cv2.FILLED, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.circle(
            pixels, (cx + side * half_width // 2, cy - half_height // 4), max(2, half_width // 6), (40, 30, 30), -1
        )
    cv2.ellipse(pixels, (cx, cy + half_height // 2), (half_width // 2, half_height // 8), 0, 0, 180, (150, 40, 40), 2)
    box = (cx - half_width, cy - half_height, cx + half_width + 1, cy + half_height + 1)
    return pixels, [Annotation.from_box("face", box)]


def write_label(image_path: Path, annotations: list[Annotation], *, width: int = 320, height: int = 240) -> None:
    """A labelme file beside the photo."""
    label_file = labelme_json.LabelFile(
        image_path=image_path.name, width=width, height=height, annotations=tuple(annotations)
    )
    labelme_json.write(image_path.with_suffix(".json"), label_file)


def write_dataset(root: Path, *, sessions: int = 4, per_session: int = 5, empty_every: int = 0) -> Path:
    """``images/`` with labels and ``captures.jsonl`` under ``root``; every nth photo without a face."""
    number = 0
    for session in range(sessions):
        for _ in range(per_session):
            number += 1
            pixels, annotations = draw_photo(number, face=not (empty_every and number % empty_every == 0))
            path = root / "images" / f"{number:04d}.jpg"
            write_jpeg(path, pixels)
            write_label(path, annotations)
            files.append_line(root / "captures.jsonl", f'{{"image": "{path.name}", "session": "s{session}"}}')
    return root

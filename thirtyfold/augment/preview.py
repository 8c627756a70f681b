"""A sheet of copies with their shapes drawn: one look says whether the recipe does what it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from thirtyfold.datasets import labelme_json
from thirtyfold.drawing import draw_annotations
from thirtyfold.images import Pixels, letterbox, read_rgb, write_jpeg
from thirtyfold.sample import Annotation

COLUMNS, ROWS = 6, 4
CELL = 240
GAP = 4


def write_sheet(path: Path, image_paths: Sequence[Path]) -> None:
    """Write some of the pictures, spread evenly over all, as one JPEG; each in a square, as training sees it."""
    count = min(len(image_paths), COLUMNS * ROWS)
    if not count:
        return
    chosen = [image_paths[index * len(image_paths) // count] for index in range(count)]
    rows = -(-count // COLUMNS)
    sheet = np.full((rows * (CELL + GAP) + GAP, COLUMNS * (CELL + GAP) + GAP, 3), 255, np.uint8)
    for index, image_path in enumerate(chosen):
        top, left = (GAP + (CELL + GAP) * number for number in divmod(index, COLUMNS))
        sheet[top : top + CELL, left : left + CELL] = _cell(image_path)
    write_jpeg(path, sheet, quality=90, durable=False)


def _cell(image_path: Path) -> Pixels:
    square, scale, offset = letterbox(read_rgb(image_path), CELL)
    label_file = labelme_json.read(image_path.with_suffix(".json"))
    return draw_annotations(square, [_placed(annotation, scale, offset) for annotation in label_file.annotations])


def _placed(annotation: Annotation, scale: float, offset_xy: tuple[float, float]) -> Annotation:
    points = tuple((x * scale + offset_xy[0], y * scale + offset_xy[1]) for x, y in annotation.points)
    return replace(annotation, points=points)

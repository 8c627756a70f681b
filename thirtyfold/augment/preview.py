"""Sheets of copies with their shapes drawn: one look says whether the recipe does what it should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from thirtyfold.drawing import PALETTE, Color, draw_annotations, draw_text
from thirtyfold.images import Pixels, letterbox, write_jpeg
from thirtyfold.sample import Annotation

Labelled = tuple[Pixels, Sequence[Annotation]]

COLUMNS, ROWS = 6, 4
CELL = 240
GAP = 4
_MOST_NAMES = 15
# The names of more shapes than that would hide what is in them.
_FEW = 2


def spread_evenly(total: int) -> list[int]:
    """The numbers of as many of ``total`` copies as a sheet shows."""
    count = min(total, COLUMNS * ROWS)
    return [index * total // count for index in range(count)]


def draw_sheet(copies: Sequence[Labelled]) -> Pixels:
    """A sheet, RGB uint8, of at least one and at most 24 copies; each in a square, as training sees it."""
    sheet = _blank(-(-len(copies) // COLUMNS), COLUMNS)
    for index, copy in enumerate(copies):
        _put(sheet, divmod(index, COLUMNS), _cell(*copy, CELL))
    return sheet


def write_try_out(path: Path, photo: Labelled, copies: Sequence[Labelled]) -> None:
    """Write a photo, large and first, and its copies around it as one JPEG.

    All are pixels, RGB uint8 (height, width, 3), with their annotations. Every label has a
    colour, named on the photo; a copy that has lost every shape is marked.
    """
    labels = sorted({annotation.label for _, annotations in (photo, *copies) for annotation in annotations})
    colors = {label: PALETTE[index % len(PALETTE)] for index, label in enumerate(labels)}
    places = [place for place in product(range(-(-(len(copies) + 4) // 4)), range(4)) if max(place) >= 2]
    sheet = _blank(max(2, 1 + max((row for row, _ in places[: len(copies)]), default=0)), 4)
    large = _colored(*photo, colors, 2 * CELL + GAP)
    for index, (text, color) in enumerate([("the photo", (0, 0, 0)), *list(colors.items())[:_MOST_NAMES]]):
        draw_text(large, text, (0, large.shape[0] - 4 - 22 * index), background=color)
    _put(sheet, (0, 0), large)
    for place, copy in zip(places, copies, strict=False):
        cell = _colored(*copy, colors, CELL)
        if photo[1] and not copy[1]:
            draw_text(cell, "nothing left of the shapes", (0, CELL - 4), scale=0.4)
        _put(sheet, place, cell)
    write_jpeg(path, sheet, quality=85, durable=False)


def _colored(pixels: Pixels, annotations: Sequence[Annotation], colors: Mapping[str, Color], side: int) -> Pixels:
    square, scale, offset = letterbox(pixels, side)
    for annotation in annotations:
        moved = _placed(annotation, scale, offset)
        square = draw_annotations(square, [moved], color=colors[annotation.label], names=False)
    return square


def _blank(rows: int, columns: int) -> Pixels:
    return np.full((rows * (CELL + GAP) + GAP, columns * (CELL + GAP) + GAP, 3), 255, np.uint8)


def _put(sheet: Pixels, place: tuple[int, int], cell: Pixels) -> None:
    """Lay a cell onto the sheet **in place**, at (row, column)."""
    top, left = (GAP + (CELL + GAP) * number for number in place)
    sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell


def _cell(pixels: Pixels, annotations: Sequence[Annotation], side: int) -> Pixels:
    square, scale, offset = letterbox(pixels, side)
    moved = [_placed(annotation, scale, offset) for annotation in annotations]
    return draw_annotations(square, moved, names=len(moved) <= _FEW)


def _placed(annotation: Annotation, scale: float, offset_xy: tuple[float, float]) -> Annotation:
    points = tuple((x * scale + offset_xy[0], y * scale + offset_xy[1]) for x, y in annotation.points)
    return replace(annotation, points=points)

"""What is laid over a picture hides shapes in it: how much of each, and what of it can still be seen.

What is hidden is a mask: pixels (height, width), true where something lies on top. The labels follow what
can be seen, shape by shape:

- A *polygon*, *circle* or *mask* loses exactly the hidden pixels: it covers afterwards what it covered
  before, less those (specks of up to 3 pixels aside). In pieces it becomes several polygons of one object; with a
  hole, a mask.
- A *rectangle* stays as it is: people draw it around what is partly covered as well. So does a *line*.
- A *point* that is hidden is gone.

Every shape's visible share goes down by what is hidden of it (of its area, its length, its points), so that
``min_visible`` counts what lies on top like what a frame cuts off. Of a rectangle that was covered and cut the
two shares are multiplied, as if the cover lay evenly over it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment import masks, shapes
from thirtyfold.augment.travel import Moving
from thirtyfold.datasets.formats.regions import fill, outline, polygon_area, rings_of
from thirtyfold.sample import BoxXyxy, Point

Mask = NDArray[np.bool_]

# Pixels of area. Smaller pieces beside a larger one, and smaller holes, are not worth a shape.
_SPECK = 4
# Pixels between the places at which a line is looked at.
_STRIDE = 0.25


def hide(moving: Sequence[Moving], hidden: Mask) -> list[Moving]:
    """The shapes as far as they are still to be seen; ``hidden`` is (height, width) of the picture they are in."""
    left: list[Moving] = []
    for shape in moving:
        left += _seen(shape, hidden)
    return left


def covered_share(box_xyxy: BoxXyxy, hidden: Mask) -> float:
    """How much of a box lies under hidden pixels, 0 to 1 of its area, to the fraction of a pixel."""
    height, width = hidden.shape
    left, top, right, bottom = box_xyxy
    if right <= left or bottom <= top:
        return 0.0
    # How much of each column and row of pixels the box takes.
    columns = np.clip(np.minimum(right, np.arange(1, width + 1)) - np.maximum(left, np.arange(width)), 0, 1)
    rows = np.clip(np.minimum(bottom, np.arange(1, height + 1)) - np.maximum(top, np.arange(height)), 0, 1)
    return float(rows @ hidden @ columns) / ((right - left) * (bottom - top))


def area_mask(moving: Sequence[Moving], frame_wh: tuple[int, int]) -> Mask:
    """The pixels (height, width) that the shapes with an inside cover together; of a rectangle, its box."""
    covered = np.zeros((frame_wh[1], frame_wh[0]), np.bool_)
    for shape in moving:
        if encloses(shape):
            covered |= fill(outline_of(shape), frame_wh)
    return covered


def encloses(shape: Moving) -> bool:
    """Whether the shape has an inside."""
    return shape.annotation.kind in ("rectangle", "circle", masks.REGION) or (
        shape.annotation.kind == "polygon" and len(shape.points) > 2
    )


def outline_of(shape: Moving) -> tuple[Point, ...]:
    """The corners around a shape that :func:`encloses` something, where it is now."""
    return outline(shapes.gather(shape.annotation, shape.points))


def _seen(shape: Moving, hidden: Mask) -> list[Moving]:
    kind = shape.annotation.kind
    if encloses(shape) and kind != "rectangle":
        return _seen_area(shape, hidden)
    if kind == "rectangle":
        share = covered_share(shapes.gather(shape.annotation, shape.points).box_xyxy, hidden)
    elif kind in ("line", "linestrip"):
        places = _along(shape.points)
        share = sum(_is_hidden(place, hidden) for place in places) / len(places)
    else:
        points = tuple(point for point in shape.points if not _is_hidden(point, hidden))
        if not points:
            return []
        share = 1 - len(points) / len(shape.points)
        shape = replace(shape, annotation=replace(shape.annotation, points=points), points=points)
    return [replace(shape, visible=shape.visible * (1 - share))] if share < 1 else []


def _seen_area(shape: Moving, hidden: Mask) -> list[Moving]:
    height, width = hidden.shape
    covered = fill(outline_of(shape), (width, height))
    seen = covered & ~hidden
    share = seen.sum() / max(1, covered.sum())
    if share == 1 or not covered.any():
        return [shape]
    if not share:
        return []
    outer, inner = rings_of(seen)
    largest = max(polygon_area(ring) for ring in outer)
    # Specks at a ragged edge would become shapes, or make a mask of a polygon.
    outer = [ring for ring in outer if polygon_area(ring) >= min(_SPECK, largest)]
    inner = [ring for ring in inner if polygon_area(ring) >= _SPECK]
    annotation = shape.annotation
    if inner or annotation.kind == masks.REGION:
        region = masks.as_region(annotation, outer, inner)
        return [replace(shape, annotation=region, points=region.points, visible=shape.visible * share)]
    areas = [polygon_area(ring) for ring in outer]
    pieces = [replace(annotation, kind="polygon", points=ring) for ring in outer]
    return [
        replace(shape, annotation=piece, points=piece.points, visible=shape.visible * share * area / sum(areas))
        for piece, area in zip(pieces, areas, strict=True)
    ]


def _is_hidden(point: Point, hidden: Mask) -> bool:
    height, width = hidden.shape
    # A point on the far edge of the picture belongs to the last pixel.
    x, y = min(math.floor(point[0]), width - 1), min(math.floor(point[1]), height - 1)
    return bool(x >= 0 and y >= 0 and hidden[y, x])


def _along(points: Sequence[Point]) -> list[Point]:
    """Places on a line, each the middle of a stretch as long as all the others, nearly."""
    places: list[Point] = []
    for (ax, ay), (bx, by) in pairwise(points):
        count = max(1, math.ceil(math.dist((ax, ay), (bx, by)) / _STRIDE))
        places += [(ax + (bx - ax) * (n + 0.5) / count, ay + (by - ay) * (n + 0.5) / count) for n in range(count)]
    return places or [points[0]]

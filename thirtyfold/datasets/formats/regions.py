"""Polygons to masks and back, exactly.

Coordinates count from the outer corner of the first pixel: pixel (x, y) covers x to x + 1 and
y to y + 1. It belongs to a polygon if its centre lies inside (even-odd rule), and the
polygon around a mask follows the outer edges of its pixels. So mask → polygon → mask is
the identity. OpenCV's fillPoly and findContours both work on pixel centres and would
move every edge by half a pixel.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from thirtyfold.images import MAX_PIXELS
from thirtyfold.sample import Annotation, BoxXyxy, Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

AREA_KINDS = frozenset({"rectangle", "polygon", "circle", "mask"})
# The corners of a polygon that stands for a circle.
CIRCLE_CORNERS = 64


def encloses(annotation: Annotation) -> bool:
    """Whether the shape has an inside: a box, a circle, a mask, a polygon of three corners or more."""
    if annotation.kind == "mask":
        return len(annotation.points) == 2 and isinstance(annotation.extra.get("mask"), str)
    needed = 3 if annotation.kind == "polygon" else 2
    return annotation.kind in AREA_KINDS and len(annotation.points) >= needed


def extent(annotation: Annotation) -> BoxXyxy:
    """The box around a shape, outer edges: labelme's masks name their last pixel, not the edge behind it."""
    left, top, right, bottom = annotation.box_xyxy
    return (left, top, right + 1, bottom + 1) if annotation.kind == "mask" else (left, top, right, bottom)


def extent_of(pieces: Sequence[Annotation]) -> BoxXyxy:
    """The box around several shapes."""
    boxes = [extent(piece) for piece in pieces]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def outline(annotation: Annotation) -> tuple[Point, ...]:
    """The corners around a rectangle, circle or polygon: left top, right top, right bottom, left bottom for a box."""
    if annotation.kind == "rectangle":
        left, top, right, bottom = annotation.box_xyxy
        return ((left, top), (right, top), (right, bottom), (left, bottom))
    if annotation.kind == "circle":
        (cx, cy), (rim_x, rim_y) = annotation.points
        radius = math.hypot(rim_x - cx, rim_y - cy)
        turns = (2 * math.pi * step / CIRCLE_CORNERS for step in range(CIRCLE_CORNERS))
        return tuple((cx + radius * math.cos(turn), cy + radius * math.sin(turn)) for turn in turns)
    return annotation.points


def polygon_area(points: Sequence[Point]) -> float:
    """The area inside of a polygon, in pixels (the shoelace formula)."""
    total = 0.0
    for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
        total += ax * by - bx * ay
    return abs(total) / 2


def fill(points: Sequence[Point], size_wh: tuple[int, int]) -> Mask:
    """The pixels (height, width) whose centres lie inside of one polygon, by the even-odd rule."""
    width, height = size_wh
    start = np.asarray(points, np.float64) - 0.5  # now pixel centres are the whole numbers
    end = np.roll(start, -1, axis=0)
    down = start[:, 1] <= end[:, 1]
    upper, lower = np.where(down[:, None], start, end), np.where(down[:, None], end, start)
    first = np.clip(np.ceil(upper[:, 1]), 0, height).astype(np.int64)
    stop = np.clip(np.ceil(lower[:, 1]), 0, height).astype(np.int64)
    canvas = np.zeros((height, width), np.bool_)
    x_range = np.clip(np.ceil([start[:, 0].min(), start[:, 0].max()]), 0, width).astype(np.int64)
    top, bottom, left, right = int(first.min()), int(stop.max()), int(x_range[0]), int(x_range[1])
    # One entry for every row that an edge crosses: where it crosses, inside and outside change.
    counts = stop - first
    edge = np.repeat(np.arange(len(start)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    (x0, y0), (x1, y1) = upper[edge].T, lower[edge].T
    column = np.clip(np.ceil(x0 + (row - y0) * (x1 - x0) / (y1 - y0)), left, right).astype(np.int64)
    changes = np.zeros((bottom - top, right - left + 1), np.int32)
    np.add.at(changes, (row - top, column - left), 1)
    canvas[top:bottom, left:right] = np.cumsum(changes[:, :-1], axis=1) % 2
    return canvas


def mask_of(annotation: Annotation, size_wh: tuple[int, int]) -> Mask:
    """The pixels (height, width) of a shape that :func:`encloses` something, the part outside of the picture cut."""
    if annotation.kind != "mask":
        return fill(outline(annotation), size_wh)
    width, height = size_wh
    canvas = np.zeros((height, width), np.bool_)
    crop = _decode_crop(annotation)
    x, y = (math.floor(value) for value in annotation.box_xyxy[:2])
    left, top = max(0, x), max(0, y)
    seen = crop[top - y : height - y, left - x : width - x] if x < width and y < height else crop[:0, :0]
    canvas[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return canvas


def mask_annotation(label: str, mask: Mask) -> Annotation:
    """A shape of labelme's kind ``mask``: first and last pixel as points, and between them a PNG in base64."""
    import cv2

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    crop = mask[top : bottom + 1, left : right + 1].astype(np.uint8)
    data = base64.b64encode(cv2.imencode(".png", crop)[1].tobytes()).decode("ascii")
    points = ((float(left), float(top)), (float(right), float(bottom)))
    return Annotation(label=label, kind="mask", points=points, extra={"mask": data})


def mask_is_readable(annotation: Annotation) -> bool:
    """Whether the PNG of a mask shape can be decoded and has the size that its corners say."""
    try:
        _decode_crop(annotation)
    except ValueError:
        return False
    return True


def shapes_around(
    label: str, mask: Mask, *, first_group: int = 1, origin_xy: tuple[int, int] = (0, 0)
) -> list[Annotation]:
    """A region as shapes that fill to exactly this mask: a polygon a piece, or one mask shape if it has holes.

    Pieces of one region share a group. Pixels that touch only at a corner are two pieces.
    ``origin_xy`` is where the first pixel of ``mask`` lies in the picture.
    """
    outer, inner = rings_of(mask)
    if inner:
        return [_moved(mask_annotation(label, mask), origin_xy)]
    group = first_group if len(outer) > 1 else None
    return [_moved(Annotation(label=label, kind="polygon", points=ring, group=group), origin_xy) for ring in outer]


def rings_of(mask: Mask) -> tuple[list[tuple[Point, ...]], list[tuple[Point, ...]]]:
    """The outlines around a mask's pieces, and those around its holes, which run the other way.

    Corners only, the first one top left. Pixels that touch at a corner are two pieces, holes that do are one.
    """
    # Along the cracks between pixels, with the region to the right. Where four cracks meet, `_walk` turns right.
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [], []
    y0, x0 = int(rows[0]), int(columns[0])
    padded = np.pad(mask[y0 : rows[-1] + 1, x0 : columns[-1] + 1], 1).astype(np.int8)
    across = np.diff(padded, axis=0)[:, 1:-1]  # cracks that lie: (y, x) between rows
    along = np.diff(padded, axis=1)[1:-1, :]  # cracks that stand
    next_of: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for cracks, lying in ((across, True), (along, False)):
        for sign in (1, -1):
            ys, xs = np.nonzero(cracks == sign)
            for y, x in zip(ys.tolist(), xs.tolist(), strict=True):
                here, there = ((x, y), (x + 1, y)) if lying else ((x, y), (x, y + 1))
                # Region below a lying crack: to the right of somebody walking right.
                forward = (sign == 1) == lying
                next_of.setdefault(here if forward else there, []).append(there if forward else here)
    outer: list[tuple[Point, ...]] = []
    inner: list[tuple[Point, ...]] = []
    for start in sorted(next_of, key=lambda corner: (corner[1], corner[0])):
        while next_of[start]:
            ring = _walk(start, next_of)
            shifted = tuple((float(x + x0), float(y + y0)) for x, y in ring)
            (outer if _signed_area(ring) > 0 else inner).append(shifted)
    return outer, inner


def one_ring(outer: Sequence[Sequence[Point]], inner: Sequence[Sequence[Point]] = ()) -> tuple[Point, ...]:
    """The outlines of pieces (one at least) and holes as a single ring, by ways there and back from its first corner.

    By the even-odd rule these ways enclose nothing, so the ring fills to exactly the same pixels.
    """
    home = outer[0][0]
    points: list[Point] = [*outer[0]]
    for ring in (*outer[1:], *inner):
        points += [home, *ring, ring[0]]
    return tuple(points)


def cut_polygon(points: Sequence[Point], size_wh: tuple[int, int]) -> tuple[Point, ...]:
    """The part of a polygon inside of the picture; ``()`` if there is none."""
    ring = cut_ring(points, size_wh)
    return ring if len(ring) >= 3 and polygon_area(ring) > 0 else ()


def cut_ring(points: Sequence[Point], size_wh: tuple[int, int]) -> tuple[Point, ...]:
    """A ring of corners cut at the edges of the picture (Sutherland and Hodgman, 1974).

    Of one that lies outside nothing is left, or corners on an edge that enclose nothing.
    """
    kept = list(points)
    for axis, limit, sign in ((0, 0.0, 1), (0, float(size_wh[0]), -1), (1, 0.0, 1), (1, float(size_wh[1]), -1)):
        ring, kept = kept, []
        for here, after in zip(ring, ring[1:] + ring[:1], strict=True):
            here_in, after_in = sign * (here[axis] - limit) >= 0, sign * (after[axis] - limit) >= 0
            if here_in:
                kept.append(here)
            if here_in != after_in:
                share = (limit - here[axis]) / (after[axis] - here[axis])
                other = here[1 - axis] + share * (after[1 - axis] - here[1 - axis])
                # On the edge exactly, which rounding would miss by a hair.
                kept.append((limit, other) if axis == 0 else (other, limit))
    return tuple(kept)


def cut_box(box_xyxy: BoxXyxy, size_wh: tuple[int, int]) -> BoxXyxy | None:
    """The part of a box inside of the picture, ``None`` if it lies wholly outside."""
    left, top = max(0.0, box_xyxy[0]), max(0.0, box_xyxy[1])
    right, bottom = min(float(size_wh[0]), box_xyxy[2]), min(float(size_wh[1]), box_xyxy[3])
    return (left, top, right, bottom) if right >= left and bottom >= top else None


def objects_of(annotations: Sequence[Annotation]) -> list[tuple[Annotation, ...]]:
    """Shapes that are one object together: outlines of one label, group, score and extra. Order is kept.

    Boxes stay alone: a group of them (a person and his bag) is no object of several pieces.
    So do masks, which can be of several pieces themselves.
    """
    found: dict[object, list[Annotation]] = {}
    for index, annotation in enumerate(annotations):
        together = annotation.group is not None and annotation.kind in ("polygon", "circle") and encloses(annotation)
        key: object = index
        if together:
            key = (
                annotation.label,
                annotation.group,
                annotation.score,
                json.dumps(dict(annotation.extra), default=str),
            )
        found.setdefault(key, []).append(annotation)
    return [tuple(pieces) for pieces in found.values()]


def free_group(annotations: Sequence[Annotation]) -> int:
    """A group number that none of the shapes has."""
    return max((annotation.group for annotation in annotations if annotation.group is not None), default=0) + 1


def area_of(annotation: Annotation) -> float:
    """The area of a shape in pixels; of a mask, the number of its pixels."""
    if annotation.kind == "mask":
        return float(_decode_crop(annotation).sum())
    return polygon_area(outline(annotation))


def paint(objects: Sequence[Sequence[Annotation]], size_wh: tuple[int, int]) -> tuple[NDArray[np.uint16], list[int]]:
    """Objects onto one canvas (height, width): 0 for nothing, n for the n-th object, and the pixels each has by itself.

    The larger are painted first, so that the smaller are not covered.
    """
    canvas = np.zeros((size_wh[1], size_wh[0]), np.uint16)
    by_itself = [0] * len(objects)
    areas = [sum(area_of(piece) for piece in pieces) for pieces in objects]
    for index in sorted(range(len(objects)), key=lambda index: (-areas[index], index)):
        region = np.zeros(canvas.shape, np.bool_)
        for piece in objects[index]:
            region |= mask_of(piece, size_wh)
        canvas[region] = index + 1
        by_itself[index] = int(region.sum())
    return canvas, by_itself


def on_pixel_grid(annotation: Annotation) -> bool:
    """Whether a mask can hold the shape exactly: a mask, or straight edges along whole pixels."""
    if annotation.kind == "mask":
        return True
    ring = outline(annotation)
    whole = all(x == int(x) and y == int(y) for x, y in ring)
    edges = zip(ring, (*ring[1:], ring[0]), strict=True)
    return whole and all(a[0] == b[0] or a[1] == b[1] for a, b in edges)


def as_polygon(annotation: Annotation) -> Annotation:
    """A box or circle as the polygon around it."""
    return replace(annotation, kind="polygon", points=outline(annotation))


def _moved(annotation: Annotation, by_xy: tuple[int, int]) -> Annotation:
    return replace(annotation, points=tuple((x + by_xy[0], y + by_xy[1]) for x, y in annotation.points))


def _decode_crop(annotation: Annotation) -> Mask:
    import cv2

    try:
        data = base64.b64decode(str(annotation.extra.get("mask")), validate=True)
    except ValueError as error:
        raise ValueError(f"the mask of {annotation.label} is not base64") from error
    left, top, right, bottom = annotation.box_xyxy
    width, height = int(right) - int(left) + 1, int(bottom) - int(top) + 1
    # Before it is decoded: some bytes of a PNG can say that they are gigabytes of pixels.
    fits = _png_size_wh(data) == (width, height) and width * height <= MAX_PIXELS
    crop = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if fits else None
    if crop is None:
        raise ValueError(f"the mask of {annotation.label} is no PNG of {width}x{height} pixels")
    return np.asarray(crop if crop.ndim == 2 else crop.any(axis=2), np.bool_)


def _png_size_wh(data: bytes) -> tuple[int, int] | None:
    """The size that the header of a PNG says (PNG specification, 11.2.1); ``None`` if it is none."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _walk(start: tuple[int, int], next_of: dict[tuple[int, int], list[tuple[int, int]]]) -> list[tuple[int, int]]:
    here, step = start, (1, 0)
    corners: list[tuple[int, int]] = []
    while True:
        ways = next_of[here]
        if len(ways) == 2:
            right = (here[0] - step[1], here[1] + step[0])
            there = right if right in ways else ways[0]
        else:
            there = ways[0]
        ways.remove(there)
        new_step = (there[0] - here[0], there[1] - here[1])
        if not corners or new_step != step:
            corners.append(here)
        here, step = there, new_step
        if here == start:
            return corners


def _signed_area(ring: Sequence[tuple[int, int]]) -> int:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)

"""Shapes that move with the pixels: taken apart into points, put together again, cut at the frame.

Points are continuous pixels: (0, 0) is the outer corner of the first pixel, (width,
height) that of the last. A frame is (width, height).

A polygon or line travels as its vertices. A rectangle and a circle travel as the ends
of two diameters of the ellipse inside: where the picture is flipped, cropped or scaled
that gives exactly the moved rectangle, and where it is turned the box around the turned
*ellipse*. The box around the turned corners grows with every degree and no longer touches the
object; faces, hands and most things that are boxed are round. Measured against what the
YuNet face detector finds in turned webcam frames (its own boxes were turned): mean IoU
0.94 at 8° and 0.93 at 15° with the ellipse, 0.79 and 0.68 with the corners.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from thirtyfold.sample import Annotation, BoxXyxy, Point

SizeWh = tuple[int, int]
Cut = tuple[Annotation | None, float]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one ``shape_type`` becomes points, comes back from them, and is cut at a frame.

    ``cut`` returns what is left inside and its share, 0 to 1, of the area (or length,
    or number of points); ``None`` and 0.0 if nothing is.
    """

    spread: Callable[[Annotation], tuple[Point, ...]]
    gather: Callable[[Annotation, Sequence[Point]], Annotation]
    cut: Callable[[Annotation, SizeWh], Cut]


def can_move(annotation: Annotation) -> bool:
    """Whether this kind of shape can be carried. labelme's masks (pixels, not points) can't yet."""
    return annotation.kind in _KINDS


def spread(annotation: Annotation) -> tuple[Point, ...]:
    """The points that stand for the shape while the picture is moved."""
    return _KINDS[annotation.kind].spread(annotation)


def gather(annotation: Annotation, points: Sequence[Point]) -> Annotation:
    """The shape back from where its :func:`spread` points went; it may stand outside of the frame."""
    return _KINDS[annotation.kind].gather(annotation, points)


def cut(annotation: Annotation, frame_wh: SizeWh) -> Cut:
    """What of the shape lies in the frame, and which share of it, 0 to 1. ``(None, 0.0)`` if nothing does.

    A polygon that the frame cuts in two stays one, joined along the edge
    (Sutherland and Hodgman, 1974); of a line the longest piece is kept. A circle that is
    cut becomes a polygon. What lies inside comes back as it is.
    """
    left, top, right, bottom = annotation.box_xyxy
    if left >= 0 and top >= 0 and right <= frame_wh[0] and bottom <= frame_wh[1] and _has_extent(annotation):
        return annotation, 1.0
    return _KINDS[annotation.kind].cut(annotation, frame_wh)


def rounded(annotation: Annotation) -> Annotation:
    """Points to a thousandth of a pixel: the noise of single precision stays out of the files."""
    return replace(annotation, points=tuple((round(x, 3), round(y, 3)) for x, y in annotation.points))


def _has_extent(annotation: Annotation) -> bool:
    left, top, right, bottom = annotation.box_xyxy
    return annotation.kind != "rectangle" or (right > left and bottom > top)


# --- rectangles and circles: the ends of two diameters -----------------------------------------------


def _spread_rectangle(annotation: Annotation) -> tuple[Point, ...]:
    left, top, right, bottom = annotation.box_xyxy
    cx, cy = (left + right) / 2, (top + bottom) / 2
    return ((right, cy), (left, cy), (cx, bottom), (cx, top))


def _gather_rectangle(annotation: Annotation, points: Sequence[Point]) -> Annotation:
    (cx, cy), (ux, uy), (vx, vy) = _diameters(points)
    # The box of the ellipse centre + u cos t + v sin t reaches hypot(u, v) to either side.
    half_width, half_height = math.hypot(ux, vx), math.hypot(uy, vy)
    return replace(annotation, points=((cx - half_width, cy - half_height), (cx + half_width, cy + half_height)))


def _cut_rectangle(annotation: Annotation, frame_wh: SizeWh) -> Cut:
    inside = _clip_box(annotation.box_xyxy, frame_wh)
    whole_area = _box_area(annotation)
    if inside is None or whole_area <= 0:
        return None, 0.0
    share = (inside[2] - inside[0]) * (inside[3] - inside[1]) / whole_area
    return replace(annotation, points=((inside[0], inside[1]), (inside[2], inside[3]))), share


def _clip_box(box_xyxy: BoxXyxy, frame_wh: SizeWh) -> BoxXyxy | None:
    left, top = max(0.0, box_xyxy[0]), max(0.0, box_xyxy[1])
    right, bottom = min(float(frame_wh[0]), box_xyxy[2]), min(float(frame_wh[1]), box_xyxy[3])
    return (left, top, right, bottom) if right > left and bottom > top else None


def _spread_circle(annotation: Annotation) -> tuple[Point, ...]:
    (cx, cy), (rim_x, rim_y) = annotation.points
    dx, dy = rim_x - cx, rim_y - cy
    return ((rim_x, rim_y), (cx - dx, cy - dy), (cx - dy, cy + dx), (cx + dy, cy - dx))


def _gather_circle(annotation: Annotation, points: Sequence[Point]) -> Annotation:
    (cx, cy), (ux, uy), (vx, vy) = _diameters(points)
    u, v = math.hypot(ux, uy), math.hypot(vx, vy)
    still_round = abs(u - v) <= 0.01 * max(u, v) and abs(ux * vx + uy * vy) <= 0.01 * u * v
    if still_round:
        return replace(annotation, points=((cx, cy), (cx + ux, cy + uy)))
    turns = [2 * math.pi * step / 64 for step in range(64)]
    outline = tuple((cx + ux * math.cos(t) + vx * math.sin(t), cy + uy * math.cos(t) + vy * math.sin(t)) for t in turns)
    return replace(annotation, kind="polygon", points=outline)


def _cut_circle(annotation: Annotation, frame_wh: SizeWh) -> Cut:
    (cx, cy), (rim_x, rim_y) = annotation.points
    radius = math.hypot(rim_x - cx, rim_y - cy)
    turns = [2 * math.pi * step / 64 for step in range(64)]
    outline = tuple((cx + radius * math.cos(t), cy + radius * math.sin(t)) for t in turns)
    return _cut_polygon(replace(annotation, kind="polygon", points=outline), frame_wh)


def _diameters(points: Sequence[Point]) -> tuple[Point, Point, Point]:
    """Centre and the two half diameters, from their four ends."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    return (
        ((x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4),
        ((x0 - x1) / 2, (y0 - y1) / 2),
        ((x2 - x3) / 2, (y2 - y3) / 2),
    )


# --- polygons, lines, points: their vertices ---------------------------------------------------------


def _spread_vertices(annotation: Annotation) -> tuple[Point, ...]:
    return annotation.points


def _gather_vertices(annotation: Annotation, points: Sequence[Point]) -> Annotation:
    return replace(annotation, points=tuple(points))


def _cut_polygon(annotation: Annotation, frame_wh: SizeWh) -> Cut:
    inside = _clip_polygon(annotation.points, frame_wh)
    if len(inside) < 3:
        return None, 0.0
    left_over = replace(annotation, points=tuple(inside))
    whole_area, area = _area(annotation.points), _area(inside)
    if whole_area == 0 or area == 0:
        # The lobes of an outline that crosses itself cancel each other; its box does not.
        whole_area, area = _box_area(annotation), _box_area(left_over)
    return (left_over, min(1.0, area / whole_area)) if area > 0 else (None, 0.0)


def _clip_polygon(points: Sequence[Point], frame_wh: SizeWh) -> list[Point]:
    """Sutherland and Hodgman: cut at the four sides of the frame, one after the other."""
    inside = list(points)
    for axis, limit, sign in ((0, 0, 1), (1, 0, 1), (0, frame_wh[0], -1), (1, frame_wh[1], -1)):
        corners, inside = inside, []
        for index, corner in enumerate(corners):
            before = corners[index - 1]
            depth, depth_before = sign * (corner[axis] - limit), sign * (before[axis] - limit)
            if (depth >= 0) != (depth_before >= 0):
                crossing = _between(before, corner, depth_before / (depth_before - depth))
                # On the frame exactly, which rounding would miss by a hair.
                inside.append((float(limit), crossing[1]) if axis == 0 else (crossing[0], float(limit)))
            if depth >= 0:
                inside.append(corner)
    return inside


def _area(points: Sequence[Point]) -> float:
    """The area of a polygon in square pixels (shoelace formula)."""
    doubled = sum(points[index - 1][0] * y - x * points[index - 1][1] for index, (x, y) in enumerate(points))
    return abs(doubled) / 2


def _box_area(annotation: Annotation) -> float:
    left, top, right, bottom = annotation.box_xyxy
    return (right - left) * (bottom - top)


def _cut_line(annotation: Annotation, frame_wh: SizeWh) -> Cut:
    whole_length = _length(annotation.points)
    runs: list[list[Point]] = []
    for start, end in pairwise(annotation.points):
        piece = _clip_segment(start, end, frame_wh)
        if piece is None:
            continue
        if runs and runs[-1][-1] == piece[0]:
            runs[-1].append(piece[1])
        else:
            runs.append(list(piece))
    longest = max(runs, key=_length, default=[])
    if whole_length <= 0 or _length(longest) <= 0:
        return None, 0.0
    return replace(annotation, points=tuple(longest)), _length(longest) / whole_length


def _clip_segment(start: Point, end: Point, frame_wh: SizeWh) -> tuple[Point, Point] | None:
    """Liang and Barsky (1984): the part of a segment in the frame."""
    enters, leaves = 0.0, 1.0
    for axis in (0, 1):
        step = end[axis] - start[axis]
        for away, room in ((-step, start[axis]), (step, frame_wh[axis] - start[axis])):
            if away == 0:
                if room < 0:
                    return None
            elif away < 0:
                enters = max(enters, room / away)
            else:
                leaves = min(leaves, room / away)
    if enters >= leaves:
        return None
    first = start if enters == 0 else _held(_between(start, end, enters), frame_wh)
    return first, end if leaves == 1 else _held(_between(start, end, leaves), frame_wh)


def _held(point: Point, frame_wh: SizeWh) -> Point:
    return (min(max(point[0], 0.0), float(frame_wh[0])), min(max(point[1], 0.0), float(frame_wh[1])))


def _length(points: Sequence[Point]) -> float:
    return sum(math.dist(start, end) for start, end in pairwise(points))


def _between(start: Point, end: Point, share: float) -> Point:
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))


def _cut_points(annotation: Annotation, frame_wh: SizeWh) -> Cut:
    inside = tuple((x, y) for x, y in annotation.points if 0 <= x <= frame_wh[0] and 0 <= y <= frame_wh[1])
    return (replace(annotation, points=inside), len(inside) / len(annotation.points)) if inside else (None, 0.0)


_KINDS = {
    "rectangle": _Kind(_spread_rectangle, _gather_rectangle, _cut_rectangle),
    "circle": _Kind(_spread_circle, _gather_circle, _cut_circle),
    "polygon": _Kind(_spread_vertices, _gather_vertices, _cut_polygon),
    "line": _Kind(_spread_vertices, _gather_vertices, _cut_line),
    "linestrip": _Kind(_spread_vertices, _gather_vertices, _cut_line),
    "point": _Kind(_spread_vertices, _gather_vertices, _cut_points),
    "points": _Kind(_spread_vertices, _gather_vertices, _cut_points),
}

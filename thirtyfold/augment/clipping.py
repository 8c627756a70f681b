"""Outlines and lines cut at the frame of a picture: plain geometry of points.

Points are continuous pixels, (0, 0) the outer corner of the first one; a frame is (width,
height). What lies inside of an outline is meant by the even-odd rule, so that an outline
that crosses itself has an inside, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from thirtyfold.datasets.formats.regions import fill, polygon_area
from thirtyfold.sample import Point

SizeWh = tuple[int, int]
Ring = tuple[Point, ...]

# Whoever draws by hand may cross his own line; outlines of more corners were traced by a program.
_CORNERS_BY_HAND = 300
# The longer side of the grid on which the area of an outline that crosses itself is counted.
_GRID = 512
# Pixels. Computed corners don't lie where they should to the last digit: so close beside a line is on it.
_HAIR = 1e-6


def clip_polygon(points: Sequence[Point], frame_wh: SizeWh) -> list[Ring]:
    """The pieces of a polygon that lie in the frame, each a ring of corners; ``[]`` if nothing does.

    At each side of the frame the outline is cut into the chains that lie inside. Between
    the first and second crossing along that side, the third and fourth, and so on, the
    side runs through the polygon: these stretches join the chains to rings. (Weiler and
    Atherton, 1977, for one window of four straight sides.) Together the pieces cover
    exactly what the polygon covers in the frame. If an outline that crosses itself leaves
    pieces that lie over each other, they come back as one ring (:func:`clip_to_one_ring`).
    """
    rings: list[Ring] = [tuple(points)]
    for axis, limit, sign in _sides(frame_wh):
        rings = [piece for ring in rings for piece in _clip_at_side(ring, axis, limit, sign)]
    rings = [ring for ring in rings if len(ring) > 2]
    return [clip_to_one_ring(points, frame_wh)] if _share_pixels(rings, frame_wh) else rings


def clip_to_one_ring(points: Sequence[Point], frame_wh: SizeWh) -> Ring:
    """The same area as one ring, its pieces joined along the edge of the frame (Sutherland and Hodgman, 1974)."""
    ring = np.asarray(points, np.float64).reshape(-1, 2)
    for axis, limit, sign in _sides(frame_wh):
        depth = sign * (ring[:, axis] - limit)
        inside = depth >= 0
        if inside.all():
            continue
        before, depth_before = np.roll(ring, 1, axis=0), np.roll(depth, 1)
        crosses = np.flatnonzero(inside != np.roll(inside, 1))
        share = depth_before[crosses] / (depth_before[crosses] - depth[crosses])
        crossings = before[crosses] + share[:, None] * (ring[crosses] - before[crosses])
        crossings[:, axis] = limit  # exactly, which rounding would miss by a hair
        # Where an edge crosses the side, the crossing comes before the corner that it leads to.
        ring = np.insert(np.where(inside[:, None], ring, np.nan), crosses, crossings, axis=0)
        ring = ring[~np.isnan(ring[:, 0])]
    return tuple((x, y) for x, y in ring.tolist())


def clip_line(points: Sequence[Point], frame_wh: SizeWh) -> list[Ring]:
    """The pieces of a line in the frame, in their order along it."""
    pieces: list[list[Point]] = []
    for start, end in pairwise(points):
        part = _clip_segment(start, end, frame_wh)
        if part is None:
            continue
        if pieces and pieces[-1][-1] == part[0]:
            pieces[-1].append(part[1])
        else:
            pieces.append(list(part))
    return [tuple(piece) for piece in pieces if length(piece) > 0]


def area(points: Sequence[Point], *, crosses_itself: bool = False) -> float:
    """The area in square pixels that an outline encloses by the even-odd rule.

    Exact, unless the outline crosses itself: its loops would cancel each other in the shoelace
    formula, so their area is counted on a grid, to about a hundredth.
    """
    if len(points) < 3 or not crosses_itself:
        return polygon_area(points) if len(points) > 2 else 0.0
    corners = np.asarray(points, np.float64)
    low = corners.min(axis=0)
    extent = corners.max(axis=0) - low
    if extent.min() < _HAIR:
        return 0.0
    finer = _GRID / float(extent.max())
    width, height = (max(1, math.ceil(side * finer)) for side in extent)
    inside = fill([(float(x), float(y)) for x, y in (corners - low) * finer], (width, height))
    return float(inside.sum()) / finer**2


def crosses_itself(points: Sequence[Point]) -> bool:
    """Whether an outline drawn by hand crosses itself, or comes to a corner twice, as one around a hole does."""
    if not 3 < len(points) <= _CORNERS_BY_HAND:
        return False
    return len(set(points)) < len(points) or _cross(points)


def length(points: Sequence[Point]) -> float:
    """The length of a line, pixels."""
    return sum(math.dist(start, end) for start, end in pairwise(points))


# --- one side of the frame -------------------------------------------------------------------------------


def _sides(frame_wh: SizeWh) -> tuple[tuple[int, float, int], ...]:
    """(axis, where the side lies on it, +1 if the inside lies beyond, else -1)."""
    return ((0, 0.0, 1), (1, 0.0, 1), (0, float(frame_wh[0]), -1), (1, float(frame_wh[1]), -1))


def _clip_at_side(ring: Ring, axis: int, limit: float, sign: int) -> list[Ring]:
    depths = [sign * (corner[axis] - limit) for corner in ring]
    if not ring or min(depths) >= 0:
        return [ring] if ring else []
    if max(depths) <= 0:
        return []
    return _join(_chains_inside(ring, depths, axis, limit), 1 - axis)


def _chains_inside(ring: Ring, depths: Sequence[float], axis: int, limit: float) -> list[list[Point]]:
    """The stretches of an outline on the inner side, each from one crossing to the next.

    What runs along the side itself counts as outside, or two pieces would hang together by it.
    """
    outside = next(index for index, depth in enumerate(depths) if depth <= 0)
    order = [*range(outside, len(ring)), *range(outside + 1)]
    chains: list[list[Point]] = []
    for before, here in pairwise(order):
        if depths[before] <= 0 < depths[here]:
            chains.append([_crossing(ring[before], ring[here], axis, limit)])
        if depths[here] > 0:
            _append(chains[-1], ring[here])
        elif depths[before] > 0:
            _append(chains[-1], _crossing(ring[here], ring[before], axis, limit))
    return chains


def _join(chains: Sequence[Sequence[Point]], along: int) -> list[Ring]:
    """Chains to rings: crossings 1 and 2 along the side belong together, 3 and 4, …"""
    # An end is (chain, 0 for its first point or -1 for its last).
    ends = sorted(
        ((index, end) for index in range(len(chains)) for end in (0, -1)),
        # Where two meet in one point, the one that comes from before it goes first.
        key=lambda end: (chains[end[0]][end[1]][along], chains[end[0]][-1 - end[1]][along]),
    )
    partner = {}
    for one, other in zip(ends[::2], ends[1::2], strict=True):
        partner[one], partner[other] = other, one
    rings: list[Ring] = []
    left = dict.fromkeys(range(len(chains)))
    while left:
        start = here = (next(iter(left)), 0)
        ring: list[Point] = []
        while True:
            index, end = here
            del left[index]
            for point in chains[index] if end == 0 else reversed(chains[index]):
                _append(ring, point)
            here = partner[(index, -1 if end == 0 else 0)]
            if here == start:
                break
        if ring[0] == ring[-1]:
            ring.pop()
        rings.append(tuple(ring))
    return rings


def _append(points: list[Point], point: Point) -> None:
    if not points or points[-1] != point:
        points.append(point)


def _crossing(outside: Point, inside: Point, axis: int, limit: float) -> Point:
    share = (limit - outside[axis]) / (inside[axis] - outside[axis])
    other = outside[1 - axis] + share * (inside[1 - axis] - outside[1 - axis])
    # On the frame exactly, which rounding would miss by a hair.
    return (limit, other) if axis == 0 else (other, limit)


# --- outlines over each other ----------------------------------------------------------------------------


def _share_pixels(rings: Sequence[Ring], frame_wh: SizeWh) -> bool:
    if len(rings) < 2:
        return False
    covered = fill(rings[0], frame_wh)
    for ring in rings[1:]:
        inside = fill(ring, frame_wh)
        if (covered & inside).any():
            return True
        covered |= inside
    return False


def _cross(points: Sequence[Point]) -> bool:
    """Whether an edge of the outline goes through another one, not only up to it."""
    start = np.asarray(points, np.float64)
    step = np.roll(start, -1, axis=0) - start
    # (edges, points): twice the area of the triangle, its sign the side of the edge on which the point lies.
    sides = np.outer(step[:, 0], start[:, 1]) - np.outer(step[:, 1], start[:, 0])
    sides -= (step[:, 0] * start[:, 1] - step[:, 1] * start[:, 0])[:, None]
    clear = np.where(np.abs(sides) > _HAIR * max(1.0, float(np.ptp(start, axis=0).max())), np.sign(sides), 0)
    parted = clear * np.roll(clear, -1, axis=1) < 0  # the ends of one edge on both sides of another
    return bool((parted & parted.T).any())


# --- lines -----------------------------------------------------------------------------------------------


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


def _between(start: Point, end: Point, share: float) -> Point:
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))

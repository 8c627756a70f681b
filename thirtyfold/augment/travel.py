"""The shapes of one photo on their way to one of its copies: cut at every frame, counted at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment import shapes
from thirtyfold.augment.clipping import SizeWh
from thirtyfold.augment.masks import REGION
from thirtyfold.datasets.formats.regions import free_group, objects_of, outline, polygon_area
from thirtyfold.errors import UsageError
from thirtyfold.sample import Annotation, Point

# Shares are sums of quotients; a share that ought to be just enough is.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Moving:
    """A shape, or a piece of one, on its way.

    ``source`` is the place of the annotation it stems from among those given, ``thing`` the number of
    the object that it is (a part of); both are negative for what came from another photo. ``visible``
    is its share, 0 to 1, of all that the photo showed of the object: what no frame has cut off and nothing has hidden
    so far.
    """

    annotation: Annotation
    points: Sequence[Point]
    visible: float
    source: int
    thing: int


def depart(annotations: Sequence[Annotation], frame_wh: SizeWh) -> list[Moving]:
    """The shapes that can be moved, as far as the photo shows them."""
    moving: list[Moving] = []
    for source, thing, annotation in _things(annotations):
        if shapes.can_move(annotation):
            pieces = shapes.enter(annotation, frame_wh)
            shown = sum(share for _, share in pieces)
            moving += [
                Moving(piece, shapes.spread(piece), share / shown if shown else 1.0, source=source, thing=thing)
                for piece, share in pieces
            ]
    return _weighed(moving)


def arrive(moving: Sequence[Moving], points_xy: NDArray[np.float64], frame_wh: SizeWh) -> list[Moving]:
    """The shapes after a step, cut at the new frame: what a crop took, no later step brings back.

    ``points_xy`` (points, 2) is where all their points went, one shape after the other.
    Raises :class:`UsageError` if some are missing.
    """
    if len(points_xy) != sum(len(shape.points) for shape in moving):
        raise UsageError("the recipe has a transform that drops points; take one that moves them")
    arrived: list[Moving] = []
    start = 0
    for shape in moving:
        points = [(x, y) for x, y in points_xy[start : start + len(shape.points)].tolist()]
        start += len(points)
        whole = shapes.gather(shape.annotation, points)
        for piece, share in shapes.cut(whole, frame_wh):
            if piece is whole and whole.kind == shape.annotation.kind:
                # Untouched shapes keep their points, so that two turns don't box the shape twice.
                arrived.append(replace(shape, points=points))
            else:
                spread = shapes.spread(piece)
                arrived.append(replace(shape, annotation=piece, points=spread, visible=shape.visible * share))
    return arrived


def with_corners_every(moving: Sequence[Moving], longest_px: float) -> Sequence[Moving]:
    """The same shapes with no edge longer than that, for pictures that are bent: edges bend as their corners allow."""
    if math.isinf(longest_px):
        return moving
    return [
        replace(shape, points=_divided(shape.points, longest_px, closed=shape.annotation.kind != "linestrip"))
        if shape.annotation.kind in ("polygon", "linestrip", REGION)
        else shape
        for shape in moving
    ]


def _divided(points: Sequence[Point], longest_px: float, *, closed: bool) -> list[Point]:
    ends = [*points[1:], points[0]] if closed else points[1:]
    divided: list[Point] = []
    for (ax, ay), (bx, by) in zip(points, ends, strict=False):
        parts = max(1, math.ceil(math.dist((ax, ay), (bx, by)) / longest_px))
        divided += [(ax + (bx - ax) * part / parts, ay + (by - ay) * part / parts) for part in range(parts)]
    return divided if closed else [*divided, points[-1]]


def unpack(
    moving: Sequence[Moving], given: Sequence[Annotation], frame_wh: SizeWh, min_visible: float
) -> tuple[tuple[Annotation, ...], int]:
    """The annotations of the copy, and how many of those given left nothing in it."""
    visible: dict[int, float] = {}
    for shape in moving:
        visible[shape.thing] = visible.get(shape.thing, 0.0) + shape.visible
    pieces_of: dict[int, list[Annotation]] = {}
    for shape in moving:
        if visible[shape.thing] >= min_visible - _SLACK:
            left = shapes.leave(shapes.gather(shape.annotation, shape.points), frame_wh)
            if left is not None:
                pieces_of.setdefault(shape.source, []).append(left)
    kept: list[Annotation] = []
    group = free_group([*given, *(shape.annotation for shape in moving)])
    for pieces in pieces_of.values():
        # A group that isn't a whole number stands in extra, and holds the pieces together as well.
        if len(pieces) > 1 and pieces[0].group is None and "group_id" not in pieces[0].extra:
            kept += [replace(piece, group=group) for piece in pieces]
            group += 1
        else:
            kept += pieces
    return tuple(kept), len(given) - sum(source >= 0 for source in pieces_of)


def _things(annotations: Sequence[Annotation]) -> list[tuple[int, int, Annotation]]:
    """(place, number of the object, annotation), in the order given."""
    if all(annotation.group is None for annotation in annotations):
        return [(place, place, annotation) for place, annotation in enumerate(annotations)]
    number_of = {id(piece): number for number, pieces in enumerate(objects_of(annotations)) for piece in pieces}
    return [(place, number_of[id(annotation)], annotation) for place, annotation in enumerate(annotations)]


def _weighed(moving: Sequence[Moving]) -> list[Moving]:
    """Where an object came in several annotations, each counts by its area."""
    sources_of: dict[int, set[int]] = {}
    for shape in moving:
        sources_of.setdefault(shape.thing, set()).add(shape.source)
    several = {thing for thing, sources in sources_of.items() if len(sources) > 1}
    if not several:
        return list(moving)
    areas = [polygon_area(outline(shape.annotation)) if shape.thing in several else 0.0 for shape in moving]
    total = dict.fromkeys(several, 0.0)
    for shape, area in zip(moving, areas, strict=True):
        if shape.thing in several:
            total[shape.thing] += area
    return [
        replace(shape, visible=area / total[shape.thing]) if total.get(shape.thing) else shape
        for shape, area in zip(moving, areas, strict=True)
    ]

"""Objects of other photos among those of this one: "Simple Copy-Paste" (Ghiasi et al., CVPR 2021)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment import hiding, shapes, travel
from thirtyfold.augment.composing import Scene, blended, check_range
from thirtyfold.augment.travel import Moving
from thirtyfold.datasets.formats.regions import free_group
from thirtyfold.errors import FileDataError
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation, Point


class CopyPaste:
    """Paste ``objects`` (low, high: how many) of other train photos, each scaled by ``scale`` (low, high).

    At scale 1 an object is as large in this photo as it is in its own, by the photos' longer sides. Half of them are
    mirrored if ``mirror``. An object larger than the photo is shrunk until it fits; each comes to lie wholly in it.
    Only objects with an outline are pasted: polygons, circles and masks. What they hide of the shapes that
    were there is taken from those (``augment.hiding``). Without donors nothing is pasted.
    """

    def __init__(
        self,
        objects: tuple[int, int] = (1, 2),
        scale: tuple[float, float] = (0.6, 1.4),
        mirror: bool = True,
        p: float = 0.5,
    ) -> None:
        low, high = check_range("objects", objects, 1, 20)
        if not (low.is_integer() and high.is_integer()):
            raise ValueError(f"objects {objects!r}: whole numbers were expected")
        if not isinstance(mirror, bool):
            raise ValueError(f"mirror {mirror!r}: true or false was expected")
        self.objects, self.scale = (int(low), int(high)), check_range("scale", scale, 0.01, 100)
        self.mirror, self.p = mirror, p

    def compose(self, scene: Scene, chance: random.Random) -> tuple[Pixels, Sequence[Moving]]:
        pixels, moving = scene.pixels, list(scene.moving)
        for _ in range(chance.randint(*self.objects) if scene.donors else 0):
            donor = chance.choice(scene.donors)
            pieces = chance.choice(donor.objects)
            scale, mirrored = chance.uniform(*self.scale), self.mirror and chance.random() < 0.5
            place = chance.random(), chance.random()
            try:
                source = donor.pixels()
            except FileDataError:
                continue  # the run names it when its own turn comes
            cut_out = travel.depart(pieces, _size_wh(source))
            if not cut_out:
                continue  # drawn outside of its photo
            way = _Way.between(cut_out, _size_wh(source), scene.frame_wh, scale=scale, mirrored=mirrored, place=place)
            pasted = _pasted(cut_out, way, moving, scene.label_of(pieces[0].label, mirrored))
            hidden = hiding.area_mask(pasted, scene.frame_wh)
            if not hidden.any():
                continue  # so small that it holds no pixel's centre
            pixels = _laid_over(pixels, source, cut_out, way)
            moving = [*hiding.hide(moving, hidden), *pasted]
        return pixels, moving


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """From a box of whole pixels in the donor, ``size_wh`` from ``corner``, to one here; mirrored or not.

    Whole pixels on both sides: so the cut is scaled once, and shapes and pixels by exactly the same two factors.
    """

    corner: tuple[int, int]
    size_wh: tuple[int, int]
    new_corner: tuple[int, int]
    new_size_wh: tuple[int, int]
    mirrored: bool

    @staticmethod
    def between(
        cut_out: Sequence[Moving],
        donor_wh: tuple[int, int],
        frame_wh: tuple[int, int],
        *,
        scale: float,
        mirrored: bool,
        place: tuple[float, float],
    ) -> _Way:
        points = [point for shape in cut_out for point in hiding.outline_of(shape)]
        left, top = (max(0, math.floor(min(point[axis] for point in points))) for axis in (0, 1))
        right, bottom = (min(donor_wh[axis], math.ceil(max(point[axis] for point in points))) for axis in (0, 1))
        size_wh = max(1, right - left), max(1, bottom - top)
        factor = scale * max(frame_wh) / max(donor_wh)
        factor = min(factor, frame_wh[0] / size_wh[0], frame_wh[1] / size_wh[1])
        new_width, new_height = (max(1, math.floor(length * factor)) for length in size_wh)
        return _Way(
            corner=(left, top),
            size_wh=size_wh,
            new_corner=(round(place[0] * (frame_wh[0] - new_width)), round(place[1] * (frame_wh[1] - new_height))),
            new_size_wh=(new_width, new_height),
            mirrored=mirrored,
        )

    def point(self, point: Point) -> Point:
        x = (point[0] - self.corner[0]) * self.new_size_wh[0] / self.size_wh[0]
        y = (point[1] - self.corner[1]) * self.new_size_wh[1] / self.size_wh[1]
        return (self.new_corner[0] + (self.new_size_wh[0] - x if self.mirrored else x), self.new_corner[1] + y)

    def pixels(self, whole: NDArray[Any]) -> NDArray[Any]:
        """What is in the donor's box, as it is to be here."""
        (left, top), (width, height) = self.corner, self.size_wh
        shrinks = self.new_size_wh[0] < width
        scaled = cv2.resize(
            whole[top : top + height, left : left + width],
            self.new_size_wh,
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )
        return cv2.flip(scaled, 1) if self.mirrored else scaled


def _pasted(cut_out: Sequence[Moving], way: _Way, moving: Sequence[Moving], label: str) -> list[Moving]:
    """The donor's shapes where they are now, as one new object."""
    number = min((0, *(shape.source for shape in moving))) - 1
    group = free_group([shape.annotation for shape in moving]) if len(cut_out) > 1 else None
    pasted = []
    for shape in cut_out:
        points = tuple(way.point(point) for point in shape.points)
        # Bound to what it was drawn with in its own photo, it would be bound to something else here.
        extra = {key: value for key, value in shape.annotation.extra.items() if key != "group_id"}
        annotation: Annotation = shapes.gather(shape.annotation, points)
        annotation = replace(annotation, label=label, group=group, extra=extra)
        pasted.append(Moving(annotation, points, shape.visible, source=number, thing=number))
    return pasted


def _laid_over(pixels: Pixels, source: Pixels, cut_out: Sequence[Moving], way: _Way) -> Pixels:
    opacity = way.pixels(hiding.area_mask(cut_out, _size_wh(source)).astype(np.float32))
    (left, top), (width, height) = way.new_corner, way.new_size_wh
    result = pixels.copy()
    place = result[top : top + height, left : left + width]
    place[:] = blended(place, way.pixels(source), opacity)
    return result


def _size_wh(pixels: Pixels) -> tuple[int, int]:
    return (pixels.shape[1], pixels.shape[0])

"""Another room behind the objects."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment import hiding
from thirtyfold.augment.composing import Scene, blended
from thirtyfold.augment.pictures import Pictures, picture
from thirtyfold.augment.travel import Moving
from thirtyfold.datasets.formats.regions import fill
from thirtyfold.images import Pixels

# The ellipse kept of a box is wider than the box: hair and ears stand out of boxes around faces.
_ELLIPSE = 1.5
# So much of a box within an outline, and its object is what the outline is around.
_OUTLINED = 0.6
# Of the ellipse's smaller radius: how broad its soft edge is. Outlines are drawn with care, and get a pixel or two.
_BOX_EDGE, _OUTLINE_EDGE_PX = 0.5, 1.0


class ReplaceBackground:
    """Put a random cut of a random picture of ``folder`` behind the objects.

    What has an outline is kept to the outline, with an edge of a pixel or two. Of what has only a box the ellipse
    around its middle is kept, half as large again as the box and with a broad soft edge, unless the box lies mostly
    within an outline. Points and lines keep nothing of the photo; points outside of what is kept are gone. A photo
    with no object that has an inside stays as it is.
    """

    def __init__(self, folder: Pictures, p: float = 0.5) -> None:
        if not isinstance(folder, Pictures):
            raise ValueError("folder: a folder of pictures was expected")
        self.folder, self.p = folder, p

    def compose(self, scene: Scene, chance: random.Random) -> tuple[Pixels, Sequence[Moving]]:
        number, place = chance.randrange(len(self.folder.names)), [chance.random() for _ in range(4)]
        kept = kept_opacity(scene.moving, scene.frame_wh)
        if kept is None:
            return scene.pixels, scene.moving
        behind = random_cut(picture(self.folder, number), scene.frame_wh, place)
        return blended(behind, scene.pixels, kept), _not_replaced(scene.moving, kept < 0.5)


def kept_opacity(moving: Sequence[Moving], frame_wh: tuple[int, int]) -> NDArray[np.float32] | None:
    """How much of the photo stays at each pixel, (height, width), 0 to 1; ``None`` if no shape has an inside."""
    width, height = frame_wh
    kept: NDArray[Any] = np.zeros((height, width), np.float32)
    enclosing = [shape for shape in moving if hiding.encloses(shape)]
    outlined = [shape for shape in enclosing if shape.annotation.kind != "rectangle"]
    for shape in outlined:
        kept = np.maximum(kept, fill(hiding.outline_of(shape), frame_wh))
    if outlined:
        # Wider by what the blur takes, so that the object itself stays whole.
        kept = cv2.dilate(kept, np.ones((3, 3), np.uint8))
        kept = cv2.GaussianBlur(kept, (0, 0), _OUTLINE_EDGE_PX)
    outlines = kept >= 0.5
    for shape in enclosing:
        if shape.annotation.kind != "rectangle":
            continue
        (left, top), _, (right, bottom), _ = hiding.outline_of(shape)
        # A box around the face of a person who is outlined as a whole: there is no need to guess.
        if hiding.covered_share((left, top, right, bottom), outlines) < _OUTLINED:
            kept = np.maximum(kept, _soft_ellipse(shape, frame_wh))
    return kept if enclosing else None


def _soft_ellipse(shape: Moving, frame_wh: tuple[int, int]) -> NDArray[np.float32]:
    left, top = hiding.outline_of(shape)[0]
    right, bottom = hiding.outline_of(shape)[2]
    radius_x, radius_y = (max(1.0, _ELLIPSE * (high - low) / 2) for low, high in ((left, right), (top, bottom)))
    xs = (np.arange(frame_wh[0], dtype=np.float32) + 0.5 - (left + right) / 2) / radius_x
    ys = (np.arange(frame_wh[1], dtype=np.float32) + 0.5 - (top + bottom) / 2) / radius_y
    distance = np.sqrt(ys[:, None] ** 2 + xs[None, :] ** 2)
    return np.clip((1 - distance) / _BOX_EDGE + 0.5, 0, 1).astype(np.float32)


def random_cut(source: Pixels, frame_wh: tuple[int, int], place: Sequence[float]) -> Pixels:
    """A cut of ``source`` in the frame's proportions, scaled to it: ``place`` is four numbers of 0 to 1.

    Half to all of what fits, where from left and from top, and whether mirrored.
    """
    width, height = frame_wh
    share = (0.5 + place[0] / 2) * min(source.shape[1] / width, source.shape[0] / height)
    cut_width, cut_height = max(1, round(width * share)), max(1, round(height * share))
    left = round(place[1] * (source.shape[1] - cut_width))
    top = round(place[2] * (source.shape[0] - cut_height))
    cut = source[top : top + cut_height, left : left + cut_width]
    scaled = cv2.resize(cut, frame_wh, interpolation=cv2.INTER_AREA if share > 1 else cv2.INTER_LINEAR)
    return cv2.flip(scaled, 1) if place[3] < 0.5 else scaled  # type: ignore[return-value]


def _not_replaced(moving: Sequence[Moving], replaced: NDArray[np.bool_]) -> list[Moving]:
    """What has an inside was kept; points and lines are where they are, or gone."""
    left: list[Moving] = []
    for shape in moving:
        left += [shape] if hiding.encloses(shape) else hiding.hide([shape], replaced)
    return left

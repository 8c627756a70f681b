"""A hand, a telephone, any object over a part of what is to be found."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment import hiding
from thirtyfold.augment.composing import Scene, blended, check_range
from thirtyfold.augment.cutouts import VARIANTS, drawn_cutout
from thirtyfold.augment.pictures import Pictures, cutout
from thirtyfold.augment.travel import Moving
from thirtyfold.images import Pixels

# Halvings of the way in: the last one changes the covered share by less than a hundredth.
_HALVINGS = 10
# The object is looked at in about so many places while the cut-out's place is sought.
_PLACES = 900
# In terms of the object (the side of a square of its area): how wide a cut-out is, and how far aside of its middle.
_WIDTHS, _SIDEWAYS = (0.7, 1.4), 0.35
_GROWS, _MOST_GROWTHS = 1.25, 16
_OPAQUE = 128


class CoverPart:
    """Lay a cut-out over one of the objects so that it covers ``covered`` (low, high) of it, 0 to 1 of its area.

    It comes in from below, or from up to ``turn`` degrees to either side of that, top first as a raised hand does, as
    far as it has to. ``cutouts`` are PNGs with a transparent background, each as likely as the others and mirrored half
    the time; without them hands, telephones and cloths are drawn. A cut-out that would cover too little even in
    the object's middle is made larger. Other shapes that happen to lie under it are covered as well
    (``augment.hiding`` says what becomes of them). A photo with no object that has an inside stays as it is.
    """

    def __init__(
        self,
        covered: tuple[float, float] = (0.1, 0.4),
        cutouts: Pictures | None = None,
        turn: float = 60,
        p: float = 0.3,
    ) -> None:
        if cutouts is not None and not isinstance(cutouts, Pictures):
            raise ValueError("cutouts: a folder of PNG pictures was expected")
        if isinstance(turn, bool) or not isinstance(turn, int | float) or not 0 <= turn <= 180:
            raise ValueError(f"turn {turn!r}: degrees from 0 to 180 were expected")
        self.covered = check_range("covered", covered, 0.01, 0.95)
        self.cutouts, self.turn, self.p = cutouts, float(turn), p

    def compose(self, scene: Scene, chance: random.Random) -> tuple[Pixels, Sequence[Moving]]:
        share = chance.uniform(*self.covered)
        rgba = self._cutout(chance)
        rgba = rgba[:, ::-1] if chance.random() < 0.5 else rgba
        angle, width = math.radians(chance.uniform(-self.turn, self.turn)), chance.uniform(*_WIDTHS)
        sideways = chance.uniform(-_SIDEWAYS, _SIDEWAYS)
        things = sorted({shape.thing for shape in scene.moving if hiding.encloses(shape)})
        if not things:
            return scene.pixels, scene.moving
        thing = chance.choice(things)
        covered = hiding.area_mask([shape for shape in scene.moving if shape.thing == thing], scene.frame_wh)
        if not covered.any():
            return scene.pixels, scene.moving  # so small that it holds no pixel's centre
        centre, scale = _place_to_cover(covered, rgba[..., 3] >= _OPAQUE, share, angle, width, sideways)
        pixels, hidden = _laid_over(scene.pixels, rgba, centre, scale, angle)
        return pixels, hiding.hide(scene.moving, hidden)

    def _cutout(self, chance: random.Random) -> NDArray[np.uint8]:
        if self.cutouts is None:
            return drawn_cutout(chance.randrange(VARIANTS))
        return cutout(self.cutouts, chance.randrange(len(self.cutouts.names)))


def _place_to_cover(
    covered: hiding.Mask, opaque: hiding.Mask, share: float, angle: float, width: float, sideways: float
) -> tuple[tuple[float, float], float]:
    """Where the cut-out's middle has to be, (x, y), and its scale, for it to hide ``share`` of the object.

    ``angle`` is how far it is turned from upright, radians, ``width`` its width and ``sideways`` its distance from the
    object's middle, across its way in, both in terms of the object.
    """
    ys, xs = np.nonzero(covered)
    every = max(1, len(xs) // _PLACES)
    middle_x, middle_y = float(xs.mean()) + 0.5, float(ys.mean()) + 0.5
    dx, dy = xs[::every] + 0.5 - middle_x, ys[::every] + 0.5 - middle_y
    # The same places as somebody sees them who is turned like the cut-out: to its right, and towards its foot.
    across, along = dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)
    side = math.sqrt(len(xs))
    aside = sideways * side
    rows, columns = opaque.shape

    def hides(scale: float, back: float) -> float:
        u = np.floor((across - aside) / scale + columns / 2).astype(np.int64)
        v = np.floor((along - back) / scale + rows / 2).astype(np.int64)
        inside = (u >= 0) & (u < columns) & (v >= 0) & (v < rows)
        return float(opaque[v[inside], u[inside]].sum()) / len(dx)

    scale = width * side / columns
    nearest = _all_the_way_in(rows, columns, scale)
    for _ in range(_MOST_GROWTHS):
        if hides(scale, nearest) >= share:
            break
        scale *= _GROWS
        nearest = _all_the_way_in(rows, columns, scale)
    low, high = nearest, float(along.max()) + rows * scale / 2 + 1
    for _ in range(_HALVINGS):
        back = (low + high) / 2
        low, high = (back, high) if hides(scale, back) >= share else (low, back)
    x, y = aside * math.cos(angle) - low * math.sin(angle), aside * math.sin(angle) + low * math.cos(angle)
    return (middle_x + x, middle_y + y), scale


def _all_the_way_in(rows: int, columns: int, scale: float) -> float:
    """How far behind the object's middle a cut-out's is if its head lies on it: of a long one, the foot stays out."""
    return max(0.0, (rows - columns) / 2) * scale


def _laid_over(
    pixels: Pixels, rgba: NDArray[np.uint8], centre: tuple[float, float], scale: float, angle: float
) -> tuple[Pixels, hiding.Mask]:
    """New pixels with the cut-out on them, and where it hides what was there."""
    frame_height, frame_width = pixels.shape[:2]
    if scale < 0.5:
        # Otherwise only every second pixel or less of it would be looked at.
        shrunk_wh = tuple(max(1, round(length * scale)) for length in (rgba.shape[1], rgba.shape[0]))
        scale *= rgba.shape[1] / shrunk_wh[0]
        rgba = _premultiplied_resize(rgba, shrunk_wh)
    height, width = rgba.shape[:2]
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    # Pixel centres are whole numbers to OpenCV: hence the halves.
    to_frame = np.array([
        [a, -b, centre[0] - 0.5 - a * (width - 1) / 2 + b * (height - 1) / 2],
        [b, a, centre[1] - 0.5 - b * (width - 1) / 2 - a * (height - 1) / 2],
    ])  # fmt: skip
    color = np.ascontiguousarray(rgba[..., :3])
    frame_wh = (frame_width, frame_height)
    above = cv2.warpAffine(color, to_frame, frame_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(np.ascontiguousarray(rgba[..., 3]), to_frame, frame_wh, flags=cv2.INTER_LINEAR)
    return blended(pixels, above, alpha.astype(np.float32) / 255), alpha >= _OPAQUE  # type: ignore[arg-type]


def _premultiplied_resize(rgba: NDArray[np.uint8], size_wh: tuple[int, ...]) -> NDArray[np.uint8]:
    """Smaller, without the colour that transparent pixels have by accident."""
    alpha = rgba[..., 3:].astype(np.float32)
    whole = np.concatenate([rgba[..., :3] * alpha, alpha], axis=2)
    small = np.asarray(cv2.resize(whole, size_wh, interpolation=cv2.INTER_AREA), np.float32)
    color = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    small[..., :3] = color
    return np.asarray(cv2.convertScaleAbs(small), np.uint8)  # rounds and stays within 0 to 255

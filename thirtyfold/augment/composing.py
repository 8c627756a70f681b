"""Steps that put two pictures together: a hand before a face, a room behind it, objects of other photos beside it.

They are steps of a recipe like any other, in any place of it. A transform of albumentations sees pixels and
points; these see the shapes themselves, and change which of them can be seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment.donors import Donor
from thirtyfold.augment.travel import Moving
from thirtyfold.images import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A copy half made: RGB uint8 ``pixels`` (height, width, 3), which nobody writes to, and its shapes.

    ``donors`` are other photos whose objects may be pasted; ``label_of`` says what an object of theirs is
    called here, given its label and whether it was mirrored.
    """

    pixels: Pixels
    moving: Sequence[Moving]
    donors: Sequence[Donor] = ()
    label_of: Callable[[str, bool], str] = lambda label, mirrored: label

    @property
    def frame_wh(self) -> tuple[int, int]:
        return (self.pixels.shape[1], self.pixels.shape[0])


class Composer(Protocol):
    """``p`` is how often it happens, 0 to 1."""

    p: float

    def compose(self, scene: Scene, chance: random.Random) -> tuple[Pixels, Sequence[Moving]]:
        """New pixels, or the scene's own if nothing was done, and the shapes to be seen in them."""


def blended(below: Pixels, above: Pixels, opacity: NDArray[np.float32]) -> Pixels:
    """``above`` laid over ``below`` where ``opacity`` (height, width), 0 to 1, says so; all of one size."""
    blend = cv2.blendLinear(np.ascontiguousarray(above), np.ascontiguousarray(below), opacity, 1 - opacity)
    return np.asarray(blend, np.uint8)


def check_range(name: str, low_high: tuple[float, float], lowest: float, highest: float) -> tuple[float, float]:
    """A range of an argument. Raises :class:`ValueError` if it is none."""
    try:
        low, high = (float(value) for value in low_high)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not lowest <= low <= high <= highest:
        raise ValueError(f"{name} {low_high!r}: [low, high] from {lowest:g} to {highest:g} was expected")
    return low, high

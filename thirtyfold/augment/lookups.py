"""Steps that change every pixel by its own value alone: done together, as one table look-up.

Brightness, contrast, gamma and shifts of a channel give each of the 256 values of a
channel another one, wherever in the picture it stands. Such a step is done to a picture
of those 256 values, which then *is* its table. Tables are taken through one another, exactly: the picture
that one look-up gives is, to the last bit, the one that the steps would have given in turn.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from albucore import sz_lut  # albumentations' own arithmetic, of a version that it pins
from numpy.typing import NDArray

from thirtyfold.images import Pixels

# (256, 3): what becomes of each value, for each channel.
Table = NDArray[np.uint8]

# Transforms of albumentations 2.0.8 (tests/augment/test_lookups.py does each of them to a picture as well).
LOOKUPS = frozenset({
    "InvertImg", "PlanckianJitter", "Posterize", "RGBShift", "RandomBrightnessContrast", "RandomGamma",
    "RandomToneCurve", "Solarize",
})  # fmt: skip

_EVERY_VALUE = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)


def is_lookup(transform: Any) -> bool:
    """Whether the transform is a table, whatever the picture shows."""
    # Brightness in shares of the picture's own mean can't be told from a picture of all values.
    return type(transform).__name__ in LOOKUPS and getattr(transform, "brightness_by_max", True)


def table_of(transform: Any) -> Table:
    """Draw a transform's numbers and make them a table; its ``p`` is not asked."""
    done = transform(image=_EVERY_VALUE, force_apply=True)["image"]
    return np.asarray(done, np.uint8).reshape(256, 3)


def one_after_the_other(first: Table | None, then: Table) -> Table:
    """The table that does what ``first`` does, and to the outcome what ``then`` does."""
    return then if first is None else np.take_along_axis(then, first.astype(np.intp), axis=0)


def look_up(pixels: Pixels, table: Table, *, in_place: bool) -> Pixels:
    """RGB uint8 ``pixels`` (height, width, 3) with every value replaced: new ones, or the same if ``in_place``."""
    in_place &= pixels.flags.c_contiguous
    red, green, blue = np.ascontiguousarray(table.T)
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return sz_lut(pixels if in_place else np.array(pixels, order="C"), red, inplace=True)  # type: ignore[no-any-return]
    # Three look-ups of a byte take less than half the time of cv2.LUT's one of three bytes.
    channels = [
        sz_lut(channel, column, inplace=True)
        for channel, column in zip(cv2.split(pixels), (red, green, blue), strict=True)
    ]
    return cv2.merge(channels, pixels if in_place else None)  # type: ignore[return-value]

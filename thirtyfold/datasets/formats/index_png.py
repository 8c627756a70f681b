"""PNGs whose pixels are numbers, with the colours of Pascal VOC to look at them.

The palette is the VOC development kit's ``VOClabelcolormap``: bits 0, 3, 6 ... of the number
become the highest bits of red, 1, 4, 7 of green, 2, 5, 8 of blue.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thirtyfold.errors import ImageError
from thirtyfold.images import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOID = 255
MAX_NUMBER = 254


def colour_of(number: int) -> tuple[int, int, int]:
    """The RGB colour of an index, 0 to 255."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (number >> channel & 1) << (7 - place)
        number >>= 3
    return channels[0], channels[1], channels[2]


def encode(numbers: NDArray[np.uint8]) -> bytes:
    """An index PNG of (height, width) numbers."""
    from PIL import Image

    image = Image.fromarray(numbers, mode="L")
    image.putpalette(_palette())
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@cache
def _palette() -> list[int]:
    return [value for number in range(256) for value in colour_of(number)]


def read(path: Path) -> NDArray[np.int64]:
    """The numbers (height, width) of a paletted or grey PNG; of one in colours, :func:`rgb_number` of each pixel.

    Raises :class:`ImageError`.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(path, f"larger than {MAX_PIXELS / 1e6:.0f} megapixels")
            if image.mode not in ("P", "L", "1", "I", "I;16"):
                rgb = np.asarray(image.convert("RGB"), np.int64)
                return (1 << 24) + (rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2]
            return np.asarray(image).astype(np.int64)
    except ImageError:
        raise
    except Exception as error:  # Pillow's plugins raise what they like on broken files
        raise ImageError(path, f"is not a readable PNG ({error})") from error


def rgb_number(colour: tuple[int, int, int]) -> int:
    """A colour as :func:`read` gives it."""
    red, green, blue = colour
    return (1 << 24) + (red << 16) + (green << 8) + blue

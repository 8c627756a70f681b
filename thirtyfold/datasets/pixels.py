"""The pixels of a sample, wherever they lie."""

from __future__ import annotations

from thirtyfold.images import Pixels, read_rgb
from thirtyfold.sample import Sample


def read_pixels(sample: Sample) -> Pixels:
    """A sample's picture, RGB uint8 (height, width, 3), upright. Raises :class:`ImageError`."""
    return read_rgb(sample.image_path)

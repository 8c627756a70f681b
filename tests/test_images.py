"""Pictures by their header: their size, and those that are too large to be unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from thirtyfold.errors import ImageError
from thirtyfold.images import read_size


def test_a_scan_of_a_hundred_megapixels_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.new("1", (12_000, 9_000)).save(tmp_path / "slide.png")
    assert read_size(tmp_path / "slide.png") == (12_000, 9_000)


def test_the_limit_that_is_named_is_the_one_that_was_passed(tmp_path: Path) -> None:
    Image.new("1", (18_000, 10_000)).save(tmp_path / "slide.png")
    with pytest.raises(ImageError, match=r"slide\.png: larger than 179 megapixels"):
        read_size(tmp_path / "slide.png")

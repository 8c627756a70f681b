"""Pictures from strangers: the honest ones are read, the others cost nothing."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.drawn import draw_photo
from thirtyfold.errors import DataError
from thirtyfold.images import encode_jpeg
from thirtyfold.live.web.frames import decode_frame
from thirtyfold.live.web.security import MOST_FRAME_BYTES

HONEST = encode_jpeg(draw_photo(3)[0])


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(draw_photo(3)[0]).save(buffer, kind, **options)
    return buffer.getvalue()


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG, but its header says another size."""
    start = re.search(rb"\xff\xc0..\x08", jpeg, re.DOTALL)
    assert start is not None
    return jpeg[: start.end()] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[start.end() + 4 :]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}])
def test_an_ordinary_jpeg_is_read(options: dict[str, object]) -> None:
    pixels = decode_frame(saved("JPEG", quality=95, **options))
    assert pixels.shape == (240, 320, 3)
    assert np.abs(pixels.astype(int) - draw_photo(3)[0]).mean() < 8


def with_scans(count: int) -> bytes:
    """A progressive JPEG with its last scan repeated, as a "scan bomb" has it."""
    jpeg = saved("JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * count + jpeg[-2:]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JPEG"),
        (b"\xff\xd8", "no JPEG"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 100, "no JPEG"),
        (b"GIF89a" + b"\x00" * 100, "no JPEG"),
        (saved("PNG"), "no JPEG"),
        (saved("WEBP"), "no JPEG"),
        (saved("BMP"), "no JPEG"),
        (np.random.default_rng(1).bytes(5000), "no JPEG"),
        (HONEST[: len(HONEST) // 2], "cut off"),
        (HONEST[:-2], "cut off"),
        (HONEST + b"\x00" * MOST_FRAME_BYTES, "bytes"),
        (with_size(HONEST, 65535, 65535), "65535x65535 pixels"),
        (with_size(HONEST, 12000, 9000), "12000x9000 pixels"),  # Pillow would only warn
        (with_size(HONEST, 2000, 1200), "2000x1200 pixels"),
        (with_scans(100), "too many scans"),
    ],
)
def test_each_hostile_frame_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        decode_frame(data)


def test_a_header_without_size_is_refused() -> None:
    with pytest.raises(DataError):
        decode_frame(with_size(HONEST, 0, 0))

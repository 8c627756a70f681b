"""Pictures that came over the network: checked before anything is unpacked."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from thirtyfold.errors import DataError
from thirtyfold.images import decode_rgb
from thirtyfold.live.web.security import MOST_FRAME_BYTES, MOST_FRAME_PIXELS, MOST_FRAME_SCANS

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

_START_OF_SCAN, _END = b"\xff\xda", b"\xff\xd9"


def decode_frame(data: bytes) -> Pixels:
    """A JPEG as RGB uint8 (height, width, 3). Raises :class:`DataError` with what is wrong with it.

    Bytes, pixels (by the header) and scans are bounded, so that no picture costs more than a
    large honest one: a JPEG of a kilobyte may unpack to gigabytes, and one of a megabyte may
    hold thousands of scans (the ISO standard 10918-1 limits neither).
    """
    if len(data) > MOST_FRAME_BYTES:
        raise DataError(f"the frame has {len(data)} bytes; {MOST_FRAME_BYTES} at most were expected")
    width, height = _size_wh(data)
    if width * height > MOST_FRAME_PIXELS:
        raise DataError(f"the frame has {width}x{height} pixels; {MOST_FRAME_PIXELS} at most were expected")
    if data.count(_START_OF_SCAN) > MOST_FRAME_SCANS:
        raise DataError("the frame has too many scans; an ordinary JPEG was expected")
    # Inside the coded picture the end marker cannot occur. OpenCV paints what is missing grey, and says nothing.
    if data.rfind(_END) < data.rfind(_START_OF_SCAN):
        raise DataError("the frame is cut off")
    pixels = decode_rgb(data)
    if pixels is None:
        raise DataError("the frame's pixels cannot be decoded")
    return pixels


def _size_wh(data: bytes) -> tuple[int, int]:
    # Not `Image.open`: every further format would be one more decoder within reach of strangers.
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with JpegImageFile(io.BytesIO(data)) as image:
            return image.size
    except Exception as error:  # Pillow raises what it likes on broken headers
        raise DataError("the frame is no JPEG, or its header is broken") from error

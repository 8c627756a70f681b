"""Pixels in and out. EXIF rotation is handled here and nowhere else.

Pixels are RGB uint8 arrays of shape (height, width, 3).
"""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from thirtyfold import files, medical
from thirtyfold.errors import ImageError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
else:
    Pixels = object  # the name can be imported at run time, without numpy

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
# Larger ones are refused by their header, before anything is unpacked (a "decompression bomb").
MAX_PIXELS = medical.MAX_PIXELS
# Pillow refuses a file itself from twice its `Image.MAX_IMAGE_PIXELS`.
_PILLOWS_MAX_PIXELS = 178_956_970
_EXIF_ORIENTATION = 0x0112


def is_image(path: Path) -> bool:
    """Whether the name looks like a picture's; files starting with a dot never do."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def read_size(path: Path) -> tuple[int, int]:
    """(width, height) of the upright image, from the header alone. Raises :class:`ImageError`."""
    return _size(path, path)


def size_of(data: bytes, path: Path) -> tuple[int, int]:
    """As :func:`read_size`, of a file's bytes; ``path`` is for the error's text."""
    return _size(io.BytesIO(data), path)


def _size(source: Path | BinaryIO, path: Path) -> tuple[int, int]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is higher
            image = Image.open(source)
        with image:
            width, height = image.size
            # Pillow gives a TIFF's size upright already.
            sideways = image.format != "TIFF" and image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
    except FileNotFoundError as error:
        raise ImageError(path, "no such file") from error
    except UnidentifiedImageError as error:
        raise ImageError(path, "not a picture, or an unknown format; JPEG and PNG are read") from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            path, f"larger than {_PILLOWS_MAX_PIXELS / 1e6:.0f} megapixels; scale it down first"
        ) from error
    except Exception as error:  # Pillow's plugins raise what they like on broken headers
        raise ImageError(path, f"its header cannot be read ({error})") from error
    return (height, width) if sideways else (width, height)


def read_rgb(path: Path) -> Pixels:
    """The upright image as RGB uint8 (height, width, 3). Raises :class:`ImageError`.

    Grey and paletted pictures become RGB, transparency is dropped, 16 bits become 8: colours by their
    upper half, greys as :mod:`thirtyfold.medical` says. A DICOM file of one picture is read, too.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(path, "no such file") from error
    except OSError as error:
        raise ImageError(path, f"cannot be opened ({error.strerror or error})") from error
    return rgb_of(data, path)


def rgb_of(data: bytes, path: Path) -> Pixels:
    """As :func:`read_rgb`, of a file's bytes; ``path`` is for the error's text."""
    if medical.is_dicom(data):
        return medical.read_single(data, path)
    width, height = size_of(data, path)
    if width * height > MAX_PIXELS:
        raise ImageError(path, f"larger than {MAX_PIXELS / 1e6:.0f} megapixels; scale it down first")
    if _is_cut_jpeg(data):
        raise ImageError(path, "the file is cut off; copy it again from where it came")
    pixels = decode_rgb(data)
    if pixels is None:
        raise ImageError(path, "its pixels cannot be decoded; open it in a picture viewer and save it anew")
    return pixels


def require_rgb(pixels: Pixels) -> None:
    """Raise :class:`UsageError` unless ``pixels`` is an RGB picture: a uint8 array (height, width, 3)."""
    shape, kind = getattr(pixels, "shape", None), str(getattr(pixels, "dtype", type(pixels).__name__))
    if kind != "uint8" or shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        what = kind if shape is None else f"{kind} {shape}"
        raise UsageError(f"pixels: an RGB picture, uint8 (height, width, 3), was expected, not {what}")


def decode_rgb(data: bytes) -> Pixels | None:
    """An encoded picture as upright RGB uint8 (height, width, 3), or ``None`` if it is not one."""
    import cv2
    import numpy as np

    if not data:
        return None
    _quiet_opencv()
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if bgr is None:
        return None
    if _is_deep(data):
        deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
        if deep is not None and deep.ndim == 2 and deep.dtype != np.uint8:
            return cv2.cvtColor(medical.window_grey(deep), cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _is_deep(data: bytes) -> bool:
    """Whether a PNG says that it has 16 bits a sample (PNG 11.2.2), or it is a TIFF, which may."""
    return (data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10") or data[:4] in (b"II*\0", b"MM\0*")


@cache
def _quiet_opencv() -> None:
    """It writes on stderr what it can't decode; we say it ourselves, by file."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def encode_jpeg(pixels: Pixels, *, quality: int = 95) -> bytes:
    """RGB uint8 (height, width, 3) as a JPEG file, ``quality`` 1 to 100."""
    import cv2

    ok, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"a picture of shape {pixels.shape} cannot be written as JPEG")
    return data.tobytes()


def write_jpeg(path: Path, pixels: Pixels, *, quality: int = 95, durable: bool = True) -> None:
    """Write RGB uint8 (height, width, 3) as JPEG, atomically."""
    files.write_bytes(path, encode_jpeg(pixels, quality=quality), durable=durable)


def letterbox_placement(width: int, height: int, size: int) -> tuple[float, tuple[float, float]]:
    """Where a picture of ``width`` × ``height`` lies in a letterbox square of ``size`` pixels.

    The scale and the (x, y) offset: ``square_xy = image_xy * scale + offset``.
    """
    scale = size / max(width, height)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    return scale, (float((size - new_width) // 2), float((size - new_height) // 2))


def letterbox(pixels: Pixels, size: int) -> tuple[Pixels, float, tuple[float, float]]:
    """Fit an image into a square of ``size`` pixels without changing its proportions.

    Returns the square (size, size, 3), uint8, grey (114) where nothing is, and
    :func:`letterbox_placement`'s scale and offset.
    """
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    scale, offset = letterbox_placement(width, height, size)
    new_wh = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = cv2.resize(pixels, new_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.full((size, size, 3), 114, np.uint8)
    left, top = int(offset[0]), int(offset[1])
    square[top : top + new_wh[1], left : left + new_wh[0]] = shrunk
    return square, scale, offset


def _is_cut_jpeg(data: bytes) -> bool:
    # OpenCV paints the missing part grey and says nothing. Inside the coded picture the
    # end marker FFD9 cannot occur, so it has to stand after the last start-of-scan.
    return data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")

"""Reading label files that come from anywhere: their bytes, and the numbers in them."""

from __future__ import annotations

import math
import stat
from pathlib import Path
from typing import Any, TypeGuard

from thirtyfold.errors import LabelError

# The label file of one photo; with the photo embedded it is some megabytes.
MOST_LABEL_BYTES = 200_000_000
# Far beyond any photo. Areas and squares of such coordinates still fit into a float.
MOST_PX = 1e9
# Python refuses to read whole numbers of more than 4300 digits; no size, class or colour has so many.
_MOST_DIGITS = 18


def read_label_bytes(path: Path, *, most_bytes: int | None = MOST_LABEL_BYTES) -> bytes:
    """A label file's bytes. ``most_bytes=None`` is for files that hold the labels of a whole dataset.

    Raises :class:`LabelError` if it cannot be opened, is larger than ``most_bytes``, or is a folder or a device (which
    might never end).
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LabelError(path, "cannot be opened (it is no file, but a folder or a device)")
        if most_bytes is not None and status.st_size > most_bytes:
            size_mb, most_mb = status.st_size / 1e6, most_bytes / 1e6
            raise LabelError(path, f"has {size_mb:.0f} MB, {most_mb:.0f} MB are the most for labels; export it again")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise LabelError(path, "no such label file") from error
    except OSError as error:
        raise LabelError(path, f"cannot be opened ({error.strerror or error})") from error


def is_finite(raw: Any) -> TypeGuard[float]:
    """Whether it is a number (``True`` and ``False`` are none) that a float can hold."""
    try:
        return isinstance(raw, (int, float)) and not isinstance(raw, bool) and math.isfinite(raw)
    except OverflowError:  # a whole number beyond 1e308
        return False


def is_coordinate(raw: Any) -> TypeGuard[float]:
    """Whether it is a number that can be a place in a photo, in pixels: finite, and within :data:`MOST_PX`."""
    return is_finite(raw) and abs(raw) <= MOST_PX


def whole_number(text: str) -> int | None:
    """The number that a text of the digits 0 to 9 stands for; ``None`` for any other text, and for one too long."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None

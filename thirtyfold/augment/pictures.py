"""Pictures that a step of a recipe takes from a folder: hands to lay over faces, rooms to put behind them.

A recipe travels to other processes, so it carries their names and a hash of what is in them, never their
pixels. Each process reads a picture once and keeps the last few.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.errors import FileDataError, ImageError, UsageError
from thirtyfold.images import MAX_PIXELS, Pixels, is_image, read_rgb, read_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Of a larger folder every second, third, ... picture is taken: all their names travel with every job.
MOST_PICTURES = 1000
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Pictures:
    """``names`` of pictures in ``folder``, sorted. ``digest`` tells whether names or files have changed."""

    folder: str
    names: tuple[str, ...]
    digest: str

    def path(self, number: int) -> Path:
        return Path(self.folder) / self.names[number]


def find_pictures(folder: Path, *, cutouts: bool = False) -> Pictures:
    """The pictures directly in a folder, each looked at by its header; ``cutouts`` have to be PNGs with transparency.

    Raises :class:`UsageError` naming the folder or the first file that isn't what was expected.
    """
    wanted = "PNG pictures with a transparent background" if cutouts else "pictures"
    try:
        paths = sorted(path for path in folder.iterdir() if is_image(path))
    except OSError as error:
        raise UsageError(f"{folder}: a folder of {wanted} was expected ({error.strerror or error})") from error
    if not paths:
        raise UsageError(f"{folder}: holds no picture; {wanted} were expected")
    paths = paths[:: -(-len(paths) // MOST_PICTURES)]
    digest = hashlib.sha256()
    for path in paths:
        try:
            if cutouts and not _has_alpha(path):
                raise UsageError(f"{path}: has no transparent background; {wanted} were expected")
            read_size(path)
            digest.update(hashlib.sha256(path.name.encode("utf-8", "surrogateescape")).digest())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except FileDataError as error:
            raise UsageError(f"{error}; {wanted} were expected in this folder") from error
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    return Pictures(str(folder.resolve()), tuple(path.name for path in paths), digest.hexdigest()[:16])


@lru_cache(maxsize=_KEPT)
def picture(pictures: Pictures, number: int) -> Pixels:
    """One of them, RGB uint8 (height, width, 3), not to be written to. Raises :class:`ImageError`."""
    pixels = read_rgb(pictures.path(number))
    pixels.flags.writeable = False
    return pixels


@lru_cache(maxsize=_KEPT)
def cutout(pictures: Pictures, number: int) -> NDArray[np.uint8]:
    """One of them with its transparency, RGBA uint8 (height, width, 4), not to be written to.

    Nothing empty is around it. Raises :class:`ImageError`.
    """
    import cv2
    import numpy as np

    path = pictures.path(number)
    width, height = read_size(path)
    if width * height > MAX_PIXELS:
        raise ImageError(path, f"larger than {MAX_PIXELS / 1e6:.0f} megapixels; scale it down first")
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        raise ImageError(path, "is no PNG of 8 bits with a transparent background")
    if not pixels[..., 3].any():
        raise ImageError(path, "is transparent everywhere, so there is nothing to lay over a photo")
    rgba = trimmed(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), np.uint8))
    rgba.flags.writeable = False
    return rgba


def trimmed(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without the empty rows and columns around."""
    import numpy as np

    rows, columns = (np.flatnonzero(rgba[..., 3].any(axis=axis)) for axis in (1, 0))
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _has_alpha(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.mode == "RGBA"
    except Exception as error:  # Pillow's plugins raise what they like on broken headers
        raise ImageError(path, f"its header cannot be read ({error})") from error

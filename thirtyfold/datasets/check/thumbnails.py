"""Small upright JPEGs for the page, made again from the files: memory holds only those that are shown."""

from __future__ import annotations

import base64
import io
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from thirtyfold.datasets.check.photo import upright_rgb
from thirtyfold.progress import SILENT, Progress

SIDE_PX = 280
_QUALITY = 72
_BATCH = 64


def data_uris(paths: Sequence[Path], *, most_bytes: int, progress: Progress = SILENT) -> list[str | None]:
    """A ``data:`` address for each photo, ``None`` for the unreadable, and after ``most_bytes`` for the rest."""
    from PIL import Image

    uris: list[str | None] = []
    room = most_bytes
    with (
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        progress.bar("Making thumbnails", total=len(paths), unit="photos") as bar,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for start in range(0, len(paths), _BATCH):
            for uri in pool.map(_data_uri, paths[start : start + _BATCH]):
                room -= len(uri or "")
                uris.append(uri if room >= 0 else None)
                bar.advance()
            if room < 0:
                break
    return uris + [None] * (len(paths) - len(uris))


def _data_uri(path: Path) -> str | None:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB", "CMYK"):
                image.draft(image.mode, (SIDE_PX, SIDE_PX))
            image.load()
            small = upright_rgb(image)
    except Exception:  # it was said already what is wrong with the file
        return None
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")

"""Pictures of a report: a tile a photo, and all of them on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from thirtyfold.drawing import draw_text
from thirtyfold.images import Pixels
from thirtyfold.sample import BoxXyxy

MOST_TILES = 24
TILE_WH = (480, 360)
_BACKGROUND = 24
_SHEET_SCALE = 2 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One photo to show: ``pixels`` of at most :data:`TILE_WH`; ``zoomed`` where it is a part of the photo."""

    name: str
    pixels: Pixels
    caption: str
    session: str | None = None
    zoomed: bool = False


def fitted(pixels: Pixels) -> Pixels:
    """A photo as large as a tile may be, in new memory."""
    height, width = pixels.shape[:2]
    return resized(pixels, min(TILE_WH[0] / width, TILE_WH[1] / height))


def resized(pixels: Pixels, scale: float) -> Pixels:
    """RGB uint8 ``pixels`` times ``scale``, in new memory."""
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    # A contiguous copy: OpenCV draws into nothing else.
    return np.ascontiguousarray(cv2.resize(pixels, size_wh, interpolation=how)).astype(np.uint8)


def drawable(box_xyxy: BoxXyxy) -> tuple[int, int, int, int]:
    """The corners of a box in whole pixels of a tile.

    OpenCV takes no coordinates beyond its integers; what lies outside is not seen anyway.
    """
    left, top, right, bottom = (round(min(max(value, -9999.0), 9999.0)) for value in box_xyxy)
    return left, top, right, bottom


def sheet_png(tiles: Sequence[Tile], *, columns: int = 4) -> bytes:
    """All tiles on one sheet, as PNG."""
    import cv2
    import numpy as np

    width, height = TILE_WH[0], TILE_WH[1] + 26
    cells = []
    for tile in tiles:
        cell = np.full((height, width, 3), _BACKGROUND, np.uint8)
        rows, across = tile.pixels.shape[:2]
        top, left = (TILE_WH[1] - rows) // 2, (width - across) // 2
        cell[top : top + rows, left : left + across] = tile.pixels
        draw_text(cell, f"{tile.name}  {tile.caption}", (4, height - 4), background=(_BACKGROUND,) * 3)
        cells.append(cell)
    cells += [np.full((height, width, 3), _BACKGROUND, np.uint8)] * (-len(cells) % columns)
    rows_of_cells = [np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)]
    sheet = cv2.resize(np.vstack(rows_of_cells), None, fx=_SHEET_SCALE, fy=_SHEET_SCALE, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return data.tobytes()

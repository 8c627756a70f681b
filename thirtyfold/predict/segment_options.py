"""What a person can choose where outlines are predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.errors import UsageError

OPACITY = 0.4
# Smaller tiles show a network nothing.
SMALLEST_TILE_PX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOptions:
    """``masks`` is a folder for a mask of each picture. ``instances`` takes objects that touch apart. ``tile_px``: the
    picture is looked at in overlapping tiles of so many of its pixels. ``mm_per_pixel`` gives areas in mm². ``opacity``
    is that of filled outlines on drawn pictures.
    """

    masks: Path | None = None
    instances: bool = False
    tile_px: int | None = None
    mm_per_pixel: float | None = None
    opacity: float = OPACITY

    def __post_init__(self) -> None:
        if self.tile_px is not None and self.tile_px < SMALLEST_TILE_PX:
            raise UsageError(f"--tile {self.tile_px}: {SMALLEST_TILE_PX} pixels or more were expected")
        if self.mm_per_pixel is not None and not 0 < self.mm_per_pixel < 1e6:
            raise UsageError(f"--mm-per-pixel {self.mm_per_pixel}: more than 0 was expected, like 0.5")
        check_opacity(self.opacity)


def check_opacity(opacity: float) -> None:
    """Raise :class:`UsageError` for what is no share."""
    if not 0 <= opacity <= 1:
        raise UsageError(f"--opacity {opacity}: 0 (outlines alone) to 1 was expected")

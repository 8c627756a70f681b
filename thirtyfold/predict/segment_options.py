"""What a person can choose where outlines are predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.errors import UsageError
from thirtyfold.option import option

OPACITY = 0.4
OPACITY_HELP = "How much filled outlines cover, 0 to 1."
# Smaller tiles show a network nothing.
SMALLEST_TILE_PX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOptions:
    """``tile_px`` is in pixels of the picture, not of the model's input."""

    masks: Path | None = option(None, help="Outlines: write a mask of each picture into this folder, a class a number.")
    instances: bool = option(False, help="Outlines: take objects that touch apart.")
    tile_px: int | None = option(
        None, flag="--tile", help="Outlines: look at large pictures in overlapping tiles of so many pixels."
    )
    mm_per_pixel: float | None = option(None, help="Outlines: give their areas in mm².")
    opacity: float = option(OPACITY, help=OPACITY_HELP)

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

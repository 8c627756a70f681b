"""How large the pixels of photos are, where a scanner wrote it down."""

from __future__ import annotations

import math
from typing import Any

from thirtyfold import files
from thirtyfold.workspace import Dataset

MmPerPixel = tuple[float, float]
"""How far the middles of neighbouring pixels are apart in mm: from row to row, from column to column."""


def recorded_spacings(dataset: Dataset) -> dict[str, MmPerPixel]:
    """Photo name → its spacing, as ``convert`` took it from DICOM files into ``captures.jsonl``."""
    rows = files.read_json_lines(dataset.captures_path)
    found = {str(row["image"]): _spacing(row.get("mm_per_pixel")) for row in rows if "image" in row}
    return {name: spacing for name, spacing in found.items() if spacing is not None}


def _spacing(value: Any) -> MmPerPixel | None:
    try:
        down, across = (float(number) for number in value)
    except (TypeError, ValueError, OverflowError):
        return None
    return (down, across) if 0 < down < math.inf and 0 < across < math.inf else None

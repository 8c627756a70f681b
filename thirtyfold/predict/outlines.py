"""Label maps to outlines in the coordinates of annotations, and what is known of each: score and area.

The outline of a region runs along the outer edges of its pixels, (0, 0) being the outer corner of the first one, so an
outline that is not simplified fills to exactly the pixels that it came from. OpenCV's ``findContours`` runs
through the centres of the outermost pixels and would shrink every region by half a pixel all round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.machine_made import AREA_PX
from thirtyfold.sample import Annotation, Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    LabelMap = NDArray[np.uint8]
    Confidence = NDArray[np.float32]

# Pixels. Half of one is less than anybody draws by hand, and leaves a tenth of the corners.
TOLERANCE_PX = 0.5


def outlines_of(
    labels: LabelMap,
    classes: Sequence[str],
    *,
    confidence: Confidence | None = None,
    threshold: float = 0.0,
    tolerance_px: float = TOLERANCE_PX,
    smallest_px: int = 1,
) -> tuple[Annotation, ...]:
    """The regions of a label map (height, width), one polygon a connected piece, best score first.

    ``classes`` are those of the numbers 1, 2, ...; 0 is background. The score of a piece is the mean of
    ``confidence`` (height, width, 0 to 1) over its pixels, ``None`` without one; pieces below ``threshold`` or of
    fewer than ``smallest_px`` pixels are left out. Pixels that touch at a corner only are two pieces.
    ``extra["area_px"]`` is the number of its pixels. A hole is part of the polygon's own ring
    (:func:`thirtyfold.datasets.formats.regions.one_ring`), which every program that fills polygons understands.
    """
    import cv2

    found: list[Annotation] = []
    for number, label in enumerate(classes, start=1):
        count, pieces, stats, _ = cv2.connectedComponentsWithStats((labels == number).astype(np.uint8), connectivity=4)
        for piece in range(1, count):
            left, top, width, height, area = (int(value) for value in stats[piece])
            if area < smallest_px:
                continue
            window = np.s_[top : top + height, left : left + width]
            mask = pieces[window] == piece
            score = None if confidence is None else float(confidence[window][mask].mean())
            if score is None or score >= threshold:
                found.append(region(label, mask, (left, top), score=score, tolerance_px=tolerance_px))
    return tuple(sorted(found, key=lambda shape: -(shape.score or 0.0)))


def region(
    label: str,
    mask: NDArray[np.bool_],
    origin_xy: tuple[int, int] = (0, 0),
    *,
    score: float | None = None,
    tolerance_px: float = TOLERANCE_PX,
) -> Annotation:
    """One polygon around all pixels of ``mask`` (one at least), whose first pixel lies at ``origin_xy``."""
    outer, inner = regions.rings_of(mask)
    x, y = origin_xy
    rings = [
        [tuple((px + x, py + y) for px, py in _simplified(ring, tolerance_px)) for ring in some]
        for some in (outer, inner)
    ]
    return Annotation(
        label=label,
        kind="polygon",
        points=regions.one_ring(rings[0], [ring for ring in rings[1] if len(ring) > 2]),
        score=score,
        extra={AREA_PX: int(mask.sum())},
    )


def _simplified(ring: Sequence[Point], tolerance_px: float) -> tuple[Point, ...]:
    """A ring along the edges of pixels with fewer corners, none of its points moved by more than the tolerance.

    By the middles of the pixels' edges, which lie on a slanted border where its corners lie to both sides of it
    (Douglas and Peucker, 1973).
    """
    if tolerance_px <= 0:
        return tuple(ring)
    import cv2

    corners = np.asarray(ring, np.float64)
    steps = np.roll(corners, -1, axis=0) - corners
    lengths = np.abs(steps).sum(axis=1).astype(np.int64)
    which = np.repeat(np.arange(len(corners)), lengths)
    along = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + 0.5
    middles = corners[which] + steps[which] / lengths[which, None] * along[:, None]
    kept = cv2.approxPolyDP(middles.astype(np.float32), tolerance_px, True)[:, 0]
    if len(kept) < 3:
        return tuple(ring)
    return tuple((float(x), float(y)) for x, y in kept)

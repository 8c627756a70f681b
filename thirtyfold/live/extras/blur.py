"""Objects made unrecognisable, on every picture that leaves the program.

What is left of a box are at most 5 × 5 colours of 8 steps a channel: averages, from which no sharpening
brings anything back. That matters: mosaics of more cells and mere blurring were read by trained
networks (McPherson, Shokri and Shmatikov, "Defeating Image Obfuscation with Deep Learning", 2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from thirtyfold.predict.track import Tracker, TrackSettings
from thirtyfold.sample import Annotation, BoxXyxy

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

CELLS = 5
_STEP = 32
# A model's box often ends at the chin and the hair: this share of its sides is added all round ...
MARGIN_SHARE = 0.2
# ... and where it was not found on this very picture, so much more for each second, as it may have moved.
GROWTH_PER_SECOND = 0.8
# A model misses a face now and then; where it was a moment ago stays covered.
KEEP_SECONDS = 1.0
# Rather cover too much: of the threshold that boxes are shown from.
THRESHOLD_SHARE = 0.5


class Veil:
    """Where to blur: everything that was found, weak detections included, and what was there a moment ago."""

    def __init__(self, threshold: float) -> None:
        # Turning the threshold up while running must not uncover anybody.
        self._threshold = threshold * THRESHOLD_SHARE
        self._tracker = Tracker(TrackSettings(min_hits=1, keep_seconds=KEEP_SECONDS, weak_share=1.0))

    def learn(self, annotations: Sequence[Annotation], seconds: float) -> None:
        """What was found in the picture of ``seconds``, all of it."""
        self._tracker.update(annotations, seconds, threshold=self._threshold)

    def boxes_xyxy(self, seconds: float) -> list[BoxXyxy]:
        """What is to be covered in the picture of ``seconds``, pixels; may reach beyond its edges."""
        boxes = []
        for track in self._tracker.at(seconds):
            share = MARGIN_SHARE + GROWTH_PER_SECOND * max(0.0, seconds - track.seen_seconds)
            # Steadied or as it was found: both, as the one may trail and the other may jump.
            boxes += [_grown(one.box_xyxy, share) for one in (track.annotation, track.detected)]
        return boxes


def blurred(pixels: Pixels, boxes_xyxy: Sequence[BoxXyxy]) -> Pixels:
    """A copy of RGB ``pixels`` (height, width, 3), coarse where the boxes are; the same array without boxes."""
    import cv2

    if not boxes_xyxy:
        return pixels
    height, width = pixels.shape[:2]
    canvas = pixels.copy()
    for left, top, right, bottom in boxes_xyxy:
        x1, y1 = max(0, math.floor(left)), max(0, math.floor(top))
        x2, y2 = min(width, math.ceil(right)), min(height, math.ceil(bottom))
        if x2 <= x1 or y2 <= y1:
            continue
        wide, high = x2 - x1, y2 - y1
        longer = max(wide, high)
        cells_wh = max(1, round(CELLS * wide / longer)), max(1, round(CELLS * high / longer))
        means = cv2.resize(pixels[y1:y2, x1:x2], cells_wh, interpolation=cv2.INTER_AREA)
        means = means // _STEP * _STEP + _STEP // 2
        coarse = cv2.resize(means, (wide, high), interpolation=cv2.INTER_NEAREST)
        cell_px = longer / CELLS
        canvas[y1:y2, x1:x2] = cv2.GaussianBlur(coarse, (0, 0), max(0.5, cell_px / 4))
    return canvas


def _grown(box_xyxy: BoxXyxy, share: float) -> BoxXyxy:
    left, top, right, bottom = box_xyxy
    dx, dy = share * (right - left), share * (bottom - top)
    return (left - dx, top - dy, right + dx, bottom + dy)

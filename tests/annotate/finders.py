"""A detector whose answers are known: it finds the drawn faces by the colour of their skin."""

from __future__ import annotations

import cv2
import numpy as np

from tests.drawn import SKIN_RGB
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation


class SkinFinder:
    """One box around the largest patch of skin. Labels it ``label``; ``calls`` counts the pictures."""

    def __init__(self, label: str = "face", *, score: float = 0.8) -> None:
        self.threshold = 0.5
        self.model_ms = 1.0
        self.calls = 0
        self._label = label
        self._score = score

    @property
    def classes(self) -> tuple[str, ...]:
        return (self._label,)

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        self.calls += 1
        near = (np.abs(pixels.astype(int) - SKIN_RGB).max(axis=2) < 24).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(near)
        if len(stats) < 2 or stats[1:, cv2.CC_STAT_AREA].max() < 200:
            return ()
        left, top, width, height, _ = (float(v) for v in stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()])
        return (Annotation.from_box(self._label, (left, top, left + width, top + height), score=self._score),)

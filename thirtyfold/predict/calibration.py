"""Scores that mean what they say: of the boxes with a score of 0.8, eight in ten are right.

Platt scaling ("Probabilistic outputs for support vector machines", 1999): a straight line through the
score's logit. It is monotone, so it changes no order and no average precision, only what a score means.
The line is fitted in training (``model/metrics/platt.py``), kept in ``model.json`` and applied here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from thirtyfold.sample import Annotation

# A score of 0 or 1 has no logit. Float32 tells nothing nearer to 1 apart.
_EDGE = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """``calibrated = sigmoid(slope * logit(score) + intercept)``; the default changes nothing.

    ``slope`` is above 0. Raises :class:`ValueError` for what is no such line.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope > 0):
            raise ValueError(f"calibration: a slope above 0 and an intercept were expected, not {self}")

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> Calibration:
        """From ``model.json``; an empty one changes nothing. Raises :class:`ValueError`, :class:`TypeError`."""
        return Calibration(slope=float(raw.get("slope", 1.0)), intercept=float(raw.get("intercept", 0.0)))

    @property
    def is_identity(self) -> bool:
        return self.slope == 1.0 and self.intercept == 0.0

    def apply(self, score: float) -> float:
        """The calibrated score, 0 to 1, of a raw one."""
        if self.is_identity or not 0 < score < 1:
            return score
        return _sigmoid(self.slope * logit(score) + self.intercept)

    def undo(self, score: float) -> float:
        """The raw score of a calibrated one."""
        if self.is_identity or not 0 < score < 1:
            return score
        return _sigmoid((logit(score) - self.intercept) / self.slope)


def calibrate(
    annotations: Sequence[Annotation], calibration: Calibration, *, threshold: float = 0.0
) -> tuple[Annotation, ...]:
    """The annotations with calibrated scores, in the same order, those below ``threshold`` left out."""
    rescored = (
        annotation if annotation.score is None else replace(annotation, score=calibration.apply(annotation.score))
        for annotation in annotations
    )
    return tuple(annotation for annotation in rescored if annotation.score is None or annotation.score >= threshold)


def logit(score: float) -> float:
    """The log of the odds, of a score from 0 to 1."""
    inside = min(max(score, _EDGE), 1 - _EDGE)
    return math.log(inside / (1 - inside))


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    power = math.exp(value)
    return power / (1 + power)

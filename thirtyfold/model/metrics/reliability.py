"""Whether scores mean what they say, and the line that makes them: reliability and Platt scaling.

A box is right if it meets an object of its label with an IoU of 0.5 or more that no better box had met.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thirtyfold.predict.calibration import Calibration, logit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 10
# With fewer of a kind the line would follow single photos.
ENOUGH = 10
_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Boxes by score, in ten bins of equal width: ``counts``, mean ``scores`` and the share that is ``right``.

    An empty bin has ``None``. ``error`` is the expected calibration error: the mean distance of score and
    share over the boxes (Naeini, Cooper and Hauskrecht, 2015), ``None`` without boxes.
    """

    counts: tuple[int, ...]
    scores: tuple[float | None, ...]
    right: tuple[float | None, ...]
    error: float | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "counts": list(self.counts),
            "scores": [_rounded(value) for value in self.scores],
            "right": [_rounded(value) for value in self.right],
            "error": _rounded(self.error),
        }


def reliability(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> Reliability:
    """The reliability of boxes with ``scores`` (D,), 0 to 1, that are ``right`` (D,) or not."""
    import numpy as np

    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    score_sums = np.bincount(bins, weights=scores, minlength=BINS)
    right_sums = np.bincount(bins, weights=right.astype(np.float64), minlength=BINS)
    error = float(np.abs(score_sums - right_sums).sum() / counts.sum()) if counts.sum() else None
    return Reliability(
        counts=tuple(int(count) for count in counts),
        scores=_shares(score_sums.tolist(), counts.tolist()),
        right=_shares(right_sums.tolist(), counts.tolist()),
        error=error,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A calibration and how it came about, for ``model.json``: ``note`` is one sentence."""

    calibration: Calibration
    hits: int
    misses: int
    note: str

    def to_dict(self) -> dict[str, Any]:
        line = {} if self.calibration.is_identity else {
            "slope": self.calibration.slope, "intercept": self.calibration.intercept
        }  # fmt: skip
        return {**line, "hits": self.hits, "misses": self.misses, "note": self.note}


def fit_calibration(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> Fitted:
    """Platt's line for boxes with raw ``scores`` (D,) that are ``right`` (D,) or not.

    The identity where there are fewer than :data:`ENOUGH` of either kind, or where higher scores were
    not righter: then there is nothing to calibrate.
    """
    hits, misses = int(right.sum()), int((~right).sum())
    boxes = f"{hits} right and {misses} wrong validation boxes"
    if min(hits, misses) < ENOUGH:
        note = f"not calibrated: {boxes}, and {ENOUGH} of either kind are needed"
        return Fitted(calibration=Calibration(), hits=hits, misses=misses, note=note)
    line = _platt(scores, right)
    if line is None:
        note = f"not calibrated: of {boxes}, those with higher scores were not more often right"
        return Fitted(calibration=Calibration(), hits=hits, misses=misses, note=note)
    return Fitted(calibration=line, hits=hits, misses=misses, note=f"calibrated on {boxes}")


def _platt(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> Calibration | None:
    """Newton's method on the log loss, Platt's targets (never quite 0 or 1), a trace of ridge for steadiness."""
    import numpy as np

    x = np.array([logit(score) for score in scores.tolist()])
    hits, misses = right.sum(), (~right).sum()
    targets = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))
    design = np.column_stack([x, np.ones_like(x)])
    line = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        share = 1 / (1 + np.exp(-np.clip(design @ line, -40, 40)))
        slope = design.T @ (share - targets) + 1e-6 * line
        curvature = (design * (share * (1 - share))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        # A step that is too long overshoots where nearly every share is 0 or 1.
        line = line - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    if not (np.isfinite(line).all() and line[0] > 0):
        return None
    return Calibration(slope=round(float(line[0]), 6), intercept=round(float(line[1]), 6))


def _shares(sums: Sequence[float], counts: Sequence[int]) -> tuple[float | None, ...]:
    return tuple(total / count if count else None for total, count in zip(sums, counts, strict=True))


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 6)

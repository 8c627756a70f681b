"""How a score grows with the number of photos: score = best - scale × photos^-exponent.

The inverse power law of learning curves (Figueroa et al., "Predicting sample size required for classification
performance", 2012; Hestness et al., "Deep Learning Scaling is Predictable, Empirically", 2017). Four points do
not pin three numbers down, so no single curve is drawn: all curves on a grid are weighed by how well they go
through the points, given how far apart trainings of one size come out, and the answer is the middle and the
spread of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Smaller than any curve of ours falls, and larger: past 2 the last doubling would bring nothing measurable.
_EXPONENTS = (0.05, 2.0, 40)
_BEST_STEPS = 60
_SCALE_STEPS = 60
# Scores of a handful of seeds that happen to agree say less about their spread than they seem to.
_LEAST_SPREAD = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """Every curve of the grid with its weight: ``best``, ``scale`` and ``exponent`` (K,), ``weights`` (K,), sum 1."""

    best: NDArray[np.float64]
    scale: NDArray[np.float64]
    exponent: NDArray[np.float64]
    weights: NDArray[np.float64]

    def score(self, photos: float) -> tuple[float, float, float]:
        """The score at a number of photos: the 5, 50 and 95 % quantiles over the curves, by their weights."""
        return self._quantiles(self._at(photos))

    def gain(self, photos: float, more: float) -> tuple[float, float, float]:
        """What ``more`` photos on top of ``photos`` add to the score, quantiles as of :meth:`score`."""
        return self._quantiles(self._at(photos + more) - self._at(photos))

    def _at(self, photos: float) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.best - self.scale * photos**-self.exponent
        return values

    def _quantiles(self, values: NDArray[np.float64]) -> tuple[float, float, float]:
        import numpy as np

        order = np.argsort(values)
        below = np.cumsum(self.weights[order])
        low, middle, high = np.minimum(np.searchsorted(below, (0.05, 0.5, 0.95)), len(values) - 1)
        return float(values[order[low]]), float(values[order[middle]]), float(values[order[high]])


def fit_power_law(photos: Sequence[float], means: Sequence[float], errors: Sequence[float]) -> PowerLaw:
    """The curves that go through ``means`` at ``photos``; ``errors`` are standard errors of the means.

    Scores are between 0 and 1, and more photos never make it worse: that much is taken for granted.
    """
    import numpy as np

    counts = np.asarray(photos, np.float64)
    scores, spread = np.asarray(means, np.float64), np.maximum(np.asarray(errors, np.float64), _LEAST_SPREAD)
    # The scale is given as what is still missing at the smallest number of photos, so that the grid fits any count.
    best, missing, exponent = (
        grid.ravel()
        for grid in np.meshgrid(
            np.linspace(0.0, 1.0, _BEST_STEPS + 1),
            np.linspace(0.0, 1.0, _SCALE_STEPS + 1),
            np.linspace(*_EXPONENTS),
            indexing="ij",
        )
    )
    scale = missing * counts.min() ** exponent
    curves = best[:, None] - scale[:, None] * counts[None, :] ** -exponent[:, None]  # (K, points)
    misfit = (((scores - curves) / spread) ** 2).sum(axis=1)
    weights = np.exp(-0.5 * (misfit - misfit.min())) * (curves.min(axis=1) >= 0)
    return PowerLaw(best=best, scale=scale, exponent=exponent, weights=weights / weights.sum())


def pooled_spread(scores: Sequence[Sequence[float]]) -> float | None:
    """The standard deviation of trainings of one size, over all sizes; ``None`` where no size was trained twice."""
    import numpy as np

    repeated = [np.asarray(values, np.float64) for values in scores if len(values) > 1]
    freedom = sum(len(values) - 1 for values in repeated)
    if not freedom:
        return None
    return float(np.sqrt(sum(((values - values.mean()) ** 2).sum() for values in repeated) / freedom))

"""How sure the figures are: 95 % intervals by bootstrap over capture sessions.

Photos of one session are looks at the same person in the same room, so a session, not a photo, is what
is drawn (a cluster bootstrap: Davison and Hinkley, *Bootstrap Methods and their Application*, 1997,
3.8). The percentile method, 1,000 draws, always the same ones.

Where nothing ever went wrong (or right) every draw gives the same, and the percentiles would say that the
figure is certain. It is not: with n looks and no failure, up to 3 in n may fail (Hanley and Lippman-Hand, "If
nothing goes wrong, is everything all right?", 1983), and that is what is said there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thirtyfold.model.evaluate import NO_SESSION, Judged, Tally
from thirtyfold.model.metrics.coco import Hits, weighted_precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 0.95
DRAWS = 1000
# Fewer cannot be drawn from in more than a handful of ways.
FEWEST_GROUPS = 4
_FEW_GROUPS = 10
# Draws × boxes × IoUs beyond which there are fewer draws, so that a thousand photos don't take minutes.
_MOST_WORK = 1_500_000_000
_FEWEST_DRAWS = 200
_SEED = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """``bounds`` by the name of a figure, (low, high). ``by`` is what was drawn: ``sessions``, ``photos``, or
    ``nothing``; ``note`` says what is to be thought of it.
    """

    bounds: Mapping[str, tuple[float, float]]
    by: str
    groups: int
    draws: int
    note: str
    level: float = LEVEL

    def to_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "by": self.by,
            "groups": self.groups,
            "draws": self.draws,
            "note": self.note,
            **{name: [round(low, 6), round(high, 6)] for name, (low, high) in self.bounds.items()},
        }


def bootstrap(judged: Sequence[Judged], tallies: Sequence[Tally], hits: Sequence[Hits]) -> Intervals:
    """Intervals for photos, their counts at the threshold, and the boxes of each label."""
    work = sum(len(of_label.scores) for of_label in hits) * 10
    return bootstrap_figures(
        [item.sample.session for item in judged],
        lambda weights: {**_at_threshold(weights, tallies), **_precisions(weights, hits)},
        draws=max(_FEWEST_DRAWS, min(DRAWS, _MOST_WORK // max(work, 1))),
    )


def bootstrap_figures(
    sessions: Sequence[str | None],
    figures_of: Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Intervals:
    """Intervals of any figures of photos, whose ``sessions`` are given.

    ``level`` is how often an interval is to hold the truth. ``figures_of`` takes how often each photo counts in each
    draw, (draws, photos), to the figures of the draws, (draws,) by name; not a number where a draw has none.
    """
    import numpy as np

    by, groups, note = _what_to_draw(sessions)
    if by == "nothing":
        return Intervals(bounds={}, by=by, groups=len(set(groups)), draws=0, note=note)
    names = sorted(set(groups))
    drawn = np.random.default_rng(_SEED).multinomial(len(names), [1 / len(names)] * len(names), size=draws)
    place = {name: number for number, name in enumerate(names)}
    weights = drawn[:, [place[group] for group in groups]].astype(np.float64)  # (draws, photos)
    figures = figures_of(weights)
    bounds = {name: _bounds(values, len(names), level) for name, values in figures.items()}
    return Intervals(
        bounds={name: pair for name, pair in bounds.items() if pair is not None},
        by=by,
        groups=len(names),
        draws=draws,
        note=note,
        level=level,
    )


def _what_to_draw(known: Sequence[str | None]) -> tuple[str, list[str], str]:
    """What is drawn, the group of each photo, and what to think of the interval."""
    sessions = [session or NO_SESSION for session in known]
    count = len(set(sessions))
    if count >= FEWEST_GROUPS:
        few = f"only {count} sessions, so the intervals are rough, and rather too narrow"
        return "sessions", sessions, few if count < _FEW_GROUPS else ""
    if any(session is not None for session in known):
        why = f"{count} {'session is' if count == 1 else 'sessions are'} too few for an interval by sessions"
    else:
        why = "nobody says which photos belong to one session"
    if len(sessions) < FEWEST_GROUPS:
        return "nothing", sessions, f"{why}, and {len(sessions)} photos are too few for any"
    note = (
        f"{why}; these take the {len(sessions)} photos for independent looks, which photos of one session are not: "
        "the true ones are wider"
    )
    return "photos", [str(number) for number in range(len(sessions))], note


def _at_threshold(weights: NDArray[np.float64], tallies: Sequence[Tally]) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    def total(values: Sequence[float]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = weights @ np.asarray(values, np.float64)
        return summed

    objects, shown = total([t.objects for t in tallies]), total([t.shown for t in tallies])
    hits, overlap = total([t.hits for t in tallies]), total([t.iou for t in tallies])
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = hits / objects
        return {
            "mean_iou": overlap / objects,
            "found": recall,
            "precision": hits / shown,
            "recall": recall,
            "f1": 2 * hits / (shown + objects),
            "false_positives_per_photo": (shown - hits) / weights.sum(axis=1),
        }


def _precisions(weights: NDArray[np.float64], hits: Sequence[Hits]) -> dict[str, NDArray[np.float64]]:
    """Average precision of each draw, the mean over the labels; not a number for a draw that lacks one of them."""
    import numpy as np

    if not hits:
        return {}
    means = np.stack([weighted_precision(of_label, weights) for of_label in hits]).mean(axis=0)  # (draws, IoUs)
    return {"ap": means.mean(axis=1), "ap50": means[:, 0], "ap75": means[:, 5]}


def _bounds(values: NDArray[np.float64], groups: int, level: float = LEVEL) -> tuple[float, float] | None:
    """The middle ``level`` of the draws that have the figure; the rule of three where all are 0, or all are 1."""
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = (float(value) for value in np.quantile(known, [(1 - level) / 2, (1 + level) / 2]))
    if low == high == 1:
        low = max(0.0, 1 - 3 / groups)
    elif low == high == 0:
        high = min(1.0, 3 / groups)
    return low, high

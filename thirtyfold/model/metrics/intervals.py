"""How sure the figures are: 95 % intervals by bootstrap over capture sessions.

Photos of one session are looks at the same person in the same room, so a session, not a photo, is what
is drawn (a cluster bootstrap: Davison and Hinkley, *Bootstrap Methods and their Application*, 1997,
3.8). The percentile method, 1,000 draws, always the same ones.

Where nothing ever went wrong (or right) every draw gives the same, and the percentiles would say that the
figure is certain. It is not: with n looks and no failure, up to 3 in n may fail (Hanley and Lippman-Hand, "If
nothing goes wrong, is everything all right?", 1983), and that is what is said there. It holds for shares; distances,
errors and losses, which have no upper limit, keep their percentiles.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thirtyfold.model.metrics.coco import Hits, weighted_precision
from thirtyfold.model.metrics.detection import NO_SESSION, Judged, Tally

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
_IOUS = 10
# Of sums that are 1 but for rounding.
_ROUNDING = 1e-9
_SEED = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """``bounds`` by the name of a figure, (low, high). ``by`` is what was drawn: ``sessions``, ``photos``, ``people``
    or ``nothing``; ``note`` says how far to trust the intervals.
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
    work = sum(len(of_label.scores) for of_label in hits) * _IOUS
    return bootstrap_figures(
        [item.sample.session for item in judged],
        lambda weights: {**_at_threshold(weights, tallies), **_precisions(weights, hits)},
        draws=draws_within(_MOST_WORK, work),
        # A rate: the rule of three holds where there is no false box, not where each photo has one.
        no_shares=("false_positives_per_photo",) if any(one.shown > one.hits for one in tallies) else (),
    )


def bootstrap_figures(
    sessions: Sequence[str | None],
    figures_of: Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    no_shares: Collection[str] = (),
) -> Intervals:
    """Intervals of any figures of photos, whose ``sessions`` are given.

    ``level`` is how often an interval is to hold the truth. ``figures_of`` takes how often each photo counts in each
    draw, (draws, photos), to the figures of the draws, (draws,) by name; not a number where a draw has none.
    ``no_shares`` names those that have no upper limit of 1 (a distance, an error, a difference).
    """
    by, groups, note = _what_to_draw(sessions)
    if by == "nothing":
        return Intervals(bounds={}, by=by, groups=len(set(groups)), draws=0, note=note)
    names = sorted(set(groups))
    place = {name: number for number, name in enumerate(names)}
    weights = group_counts(len(names), draws)[:, [place[group] for group in groups]]  # (draws, photos)
    bounds = {
        name: bounds_of(values, len(names), level=level, is_share=name not in no_shares)
        for name, values in figures_of(weights).items()
    }
    return Intervals(
        bounds={name: pair for name, pair in bounds.items() if pair is not None},
        by=by,
        groups=len(names),
        draws=draws,
        note=note,
        level=level,
    )


def group_counts(groups: int, draws: int) -> NDArray[np.float64]:
    """How often each of ``groups`` comes up in each draw of as many, with replacement; (draws, groups)."""
    import numpy as np

    counts = np.random.default_rng(_SEED).multinomial(groups, [1 / groups] * groups, size=draws)
    return counts.astype(np.float64)


def weighted_mean(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each draw (draws,) over the photos whose value (photos,) is a number.

    ``weights`` (draws, photos); not a number for a draw that has none of them.
    """
    import numpy as np

    known = ~np.isnan(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(weights[:, known] @ values[known] / weights[:, known].sum(axis=1))


def draws_within(most_work: int, work_a_draw: int) -> int:
    """As many draws as ``most_work`` allows, between 200 and 1,000."""
    return max(_FEWEST_DRAWS, min(DRAWS, most_work // max(work_a_draw, 1)))


def few_note(groups: int, what: str) -> str:
    """A warning where there are few ``what`` (*sessions*) to draw from; empty where there are enough."""
    return f"only {groups} {what}, so the intervals are rough, and rather too narrow" if groups < _FEW_GROUPS else ""


def bounds_of(
    values: NDArray[np.float64], groups: int, *, level: float = LEVEL, is_share: bool = True
) -> tuple[float, float] | None:
    """The middle ``level`` of the draws (draws,) that have the figure, ``None`` where none has.

    Of a share that is 0 in all of them, or 1, the rule of three for ``groups`` looks.
    """
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = (float(value) for value in np.quantile(known, [(1 - level) / 2, (1 + level) / 2]))
    if is_share and low > 1 - _ROUNDING:
        low = max(0.0, 1 - 3 / groups)
    elif is_share and high < _ROUNDING:
        high = min(1.0, 3 / groups)
    return low, high


def _what_to_draw(known: Sequence[str | None]) -> tuple[str, list[str], str]:
    """What is drawn, the group of each photo, and how far to trust the interval."""
    sessions = [session or NO_SESSION for session in known]
    count = len(set(sessions))
    if count >= FEWEST_GROUPS:
        return "sessions", sessions, few_note(count, "sessions")
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
    """Average precision of each draw: the mean over the labels that it has objects of, as in ``mean_summary``."""
    import numpy as np

    if not hits:
        return {}
    of_labels = np.stack([weighted_precision(of_label, weights) for of_label in hits])  # (labels, draws, IoUs)
    known = ~np.isnan(of_labels)
    with np.errstate(invalid="ignore"):
        means = np.where(known, of_labels, 0.0).sum(axis=0) / known.sum(axis=0)  # (draws, IoUs)
    return {"ap": means.mean(axis=1), "ap50": means[:, 0], "ap75": means[:, 5]}

"""How good answers about attributes are: a head at a time, and in each group of people that another head makes.

A mean over all photos hides whom a model is wrong about (Buolamwini and Gebru, "Gender Shades", 2018). So every
figure of a head is also given for each class of the others, and for each decade of an age, with how many photos
there are and how sure it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.stratify import quantile_bins
from thirtyfold.model.metrics.classification import class_figures, drawn_figures
from thirtyfold.model.metrics.intervals import FEWEST_GROUPS, LEVEL, bootstrap_figures, weighted_mean
from thirtyfold.predict.attribute_heads import YEARS, Head

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of 20 photos, 18 of them right, the true share may be 0.68 or 0.99 (Clopper and Pearson, 1934): less says nothing.
SMALLEST_GROUP = 20
# The share of ages that are off by no more is what papers give.
NEAR_YEARS = 5.0
_DECADE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAnswers:
    """One head over the photos: ``truths`` and ``answers`` (photos,), class numbers or numbers of its unit.

    ``known`` (photos,) says where there is a truth; elsewhere ``truths`` is not a number. ``probabilities`` (photos,
    classes) are those of a head that chooses.
    """

    head: Head
    truths: NDArray[np.float64]
    answers: NDArray[np.float64]
    known: NDArray[np.bool_]
    probabilities: NDArray[np.float32] | None = None

    @property
    def errors(self) -> NDArray[np.float64]:
        """(photos,) answer less truth of a head of numbers, 1 or 0 (right or wrong) of one that chooses."""
        return (self.answers == self.truths).astype(np.float64) if self.head.classes else self.answers - self.truths

    @property
    def scored(self) -> NDArray[np.float64]:
        """(photos,) what the head's figure is the mean of: right or wrong, or the absolute error."""
        return self.errors if self.head.classes else np.abs(self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The mean and the spread (standard deviation) of the train photos' numbers."""

    mean: float
    spread: float


def figure_name(head: Head) -> str:
    """What the first figure of a head is called: ``accuracy`` or ``MAE``."""
    return "accuracy" if head.classes else "MAE"


def head_figures(one: HeadAnswers, sessions: Sequence[str | None], scale: Scale | None) -> dict[str, Any]:
    """The figures of one head over the photos that know it, plain values for ``model.json``.

    Of classes scikit-learn's, and ``most_frequent``: what always saying the most frequent class would reach. Of
    numbers ``mae``, ``bias`` (the mean of answer less truth), ``rmse``, ``mae_of_mean`` (always saying the mean of
    the train photos), for years ``within_5`` (the share of errors of 5 years at most), and ``by_value``: the
    figures of each decade, or of each quarter of other numbers.
    """
    if not one.known.any():
        return {"photos": 0}
    known = np.nonzero(one.known)[0]
    its_sessions = [sessions[int(index)] for index in known]
    if one.probabilities is not None:
        return _class_figures(one, one.probabilities[known], known, its_sessions)
    return _number_figures(one, known, its_sessions, scale)


def _class_figures(
    one: HeadAnswers, probabilities: NDArray[np.float32], known: NDArray[np.intp], sessions: Sequence[str | None]
) -> dict[str, Any]:
    truths = one.truths[known].astype(np.int64)
    intervals = bootstrap_figures(
        sessions, lambda weights: drawn_figures(weights, truths, probabilities), no_shares=("log_loss",)
    )
    most = np.bincount(truths, minlength=len(one.head.classes)).max()
    return {
        **class_figures(truths, probabilities, one.head.classes),
        "most_frequent": round(float(most) / len(truths), 6),
        "intervals": intervals.to_dict(),
    }


def _number_figures(
    one: HeadAnswers, known: NDArray[np.intp], sessions: Sequence[str | None], scale: Scale | None
) -> dict[str, Any]:
    errors = one.errors[known]
    parts = {"mae": np.abs(errors), "bias": errors}
    if one.head.unit == YEARS:
        parts["within_5"] = (np.abs(errors) <= NEAR_YEARS).astype(np.float64)
    figures: dict[str, Any] = {
        "photos": len(known),
        "unit": one.head.unit,
        **{name: round(float(values.mean()), 6) for name, values in parts.items()},
        "rmse": round(float(np.sqrt((errors**2).mean())), 6),
    }
    if scale is not None:
        figures["mae_of_mean"] = round(float(np.abs(one.truths[known] - scale.mean).mean()), 6)
        figures["train_mean"], figures["train_spread"] = round(scale.mean, 6), round(scale.spread, 6)
    by_value = []
    for name, members in groups_of(one):
        chosen = members[known]
        its = bootstrap_figures(
            _sessions_in(chosen, sessions),
            lambda weights, chosen=chosen: _means(weights, {"mae": parts["mae"][chosen]}),  # type: ignore[misc]
            no_shares=("mae",),
        )
        by_value.append(
            {
                "group": name,
                "photos": int(chosen.sum()),
                "mae": round(float(parts["mae"][chosen].mean()), 6),
                "bias": round(float(errors[chosen].mean()), 6),
                "interval": _bounds(its.bounds.get("mae")),
            }
        )
    intervals = bootstrap_figures(sessions, lambda weights: _means(weights, parts), no_shares=("mae", "bias"))
    return {**figures, "by_value": by_value, "intervals": intervals.to_dict()}


def groups_of(one: HeadAnswers) -> list[tuple[str, NDArray[np.bool_]]]:
    """The groups that a head's truths make: its classes, decades of years, quarters of other numbers.

    Name and members (photos,), in order; groups without a photo are left out.
    """
    if one.head.classes:
        groups = [(name, one.known & (one.truths == number)) for number, name in enumerate(one.head.classes)]
        return [(name, members) for name, members in groups if members.any()]
    values = {index: float(one.truths[index]) for index in np.nonzero(one.known)[0]}
    if one.head.unit == YEARS:
        starts = sorted({int(value // _DECADE) * _DECADE for value in values.values()})
        inside = [(one.truths >= start) & (one.truths < start + _DECADE) for start in starts]
        return [(f"{start}–{start + _DECADE - 1}", of) for start, of in zip(starts, inside, strict=True)]
    named = quantile_bins("", {str(index): value for index, value in values.items()})
    order = sorted(values, key=lambda index: values[index])
    names = dict.fromkeys(named[str(index)] for index in order)
    result = []
    for name in names:
        members = np.zeros(len(one.truths), np.bool_)
        members[[index for index in values if named[str(index)] == name]] = True
        result.append((name.strip(), members))
    return result


def group_figures(by: HeadAnswers, of: HeadAnswers, sessions: Sequence[str | None]) -> dict[str, Any]:
    """The figure of ``of`` in every group that ``by`` makes, and whether the groups differ.

    A group is large enough to say something of with 20 photos, and where sessions are known at least 4 of these.
    Each such group is compared with all the others together; the interval of the difference is widened for their
    number (Bonferroni), so that of many groups none differs by chance. ``said`` is a sentence about it, ``verdict``
    ``differ``, ``alike`` (no difference could be shown) or ``too few``.
    """
    groups = [(name, members & of.known) for name, members in groups_of(by) if (members & of.known).any()]
    rows = [_group_row(of, name, chosen, sessions) for name, chosen in groups]
    large = [(name, chosen) for name, chosen in groups if _is_large(chosen, sessions)]
    verdict, said = _said_of_groups(by, of, rows, _compared(of, large, sessions), {name for name, _ in large})
    return {
        "by": by.head.name,
        "of": of.head.name,
        "name": figure_name(of.head),
        "unit": of.head.unit,
        "groups": rows,
        "verdict": verdict,
        "said": said,
    }


def _group_row(of: HeadAnswers, name: str, chosen: NDArray[np.bool_], sessions: Sequence[str | None]) -> dict[str, Any]:
    """The figure of ``of`` over the photos ``chosen`` (photos,)."""
    values = of.scored[chosen]
    intervals = bootstrap_figures(
        _sessions_in(chosen, sessions),
        lambda weights: {"figure": weighted_mean(weights, values)},
        no_shares=() if of.head.classes else ("figure",),
    )
    row = {
        "group": name,
        "photos": int(chosen.sum()),
        "figure": round(float(values.mean()), 6),
        "interval": _bounds(intervals.bounds.get("figure")),
    }
    return row if of.head.classes else {**row, "bias": round(float(of.errors[chosen].mean()), 6)}


def _is_large(chosen: NDArray[np.bool_], sessions: Sequence[str | None]) -> bool:
    known = {session for session in _sessions_in(chosen, sessions) if session is not None}
    return int(chosen.sum()) >= SMALLEST_GROUP and (not known or len(known) >= FEWEST_GROUPS)


def _sessions_in(chosen: NDArray[np.bool_], sessions: Sequence[str | None]) -> list[str | None]:
    return [session for session, is_in in zip(sessions, chosen, strict=True) if is_in]


def _said_of_groups(
    by: HeadAnswers,
    of: HeadAnswers,
    rows: Sequence[Mapping[str, Any]],
    compared: Sequence[_Compared] | None,
    large: Collection[str],
) -> tuple[str, str]:
    """The verdict, and a sentence about it."""
    what = f"{of.head.name} {figure_name(of.head)}"
    if compared is None:
        return "too few", (
            f"too few photos to say whether {what} differs by {by.head.name}: {_counts(rows)}; two groups of "
            f"{SMALLEST_GROUP} photos from {FEWEST_GROUPS} sessions are the least"
        )
    if clear := [one for one in compared if one.low > 0 or one.high < 0]:
        worst = max(clear, key=lambda one: abs(one.inside - one.outside))
        return "differ", f"{what} differs clearly by {by.head.name}: {worst.said(of.head)}"
    few = [row for row in rows if row["group"] not in large]
    said = f"no clear difference of {what} by {by.head.name}, which is no proof that there is none"
    return "alike", said + (f"; too few photos to say anything of {_counts(few)}" if few else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """A group beside all others: the figure ``inside`` and ``outside``, and the interval of the difference."""

    group: str
    inside: float
    outside: float
    low: float
    high: float

    def said(self, head: Head) -> str:
        def text(value: float) -> str:
            return f"{value:.3f}" if head.classes else f"{value:.1f} {head.unit}".rstrip()

        return (
            f"{text(self.inside)} for {self.group}, {text(self.outside)} for the others (difference "
            f"{text(self.inside - self.outside)}, interval {text(self.low)} to {text(self.high)})"
        )


def _compared(
    of: HeadAnswers, groups: Sequence[tuple[str, NDArray[np.bool_]]], sessions: Sequence[str | None]
) -> list[_Compared] | None:
    """Every group beside the rest; ``None`` for fewer than two."""
    if len(groups) < 2:
        return None
    everyone = np.any([members for _, members in groups], axis=0)
    chosen = np.nonzero(everyone)[0]
    values = of.scored[chosen]
    inside = [members[chosen] for _, members in groups]

    def differences(weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {
            name: weighted_mean(weights[:, its], values[its]) - weighted_mean(weights[:, ~its], values[~its])
            for (name, _), its in zip(groups, inside, strict=True)
        }

    tests = 1 if len(groups) == 2 else len(groups)
    intervals = bootstrap_figures(
        [sessions[int(index)] for index in chosen],
        differences,
        level=1 - (1 - LEVEL) / tests,
        no_shares=[name for name, _ in groups],
    )
    return [
        _Compared(
            group=name,
            inside=float(values[its].mean()),
            outside=float(values[~its].mean()),
            low=intervals.bounds[name][0],
            high=intervals.bounds[name][1],
        )
        for (name, _), its in zip(groups, inside, strict=True)
        if name in intervals.bounds
    ]


def _means(weights: NDArray[np.float64], values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    return {name: weighted_mean(weights, its) for name, its in values.items()}


def _bounds(pair: tuple[float, float] | None) -> list[float] | None:
    return None if pair is None else [round(pair[0], 6), round(pair[1], 6)]


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{row['group']} ({row['photos']})" for row in rows) or "none"

"""How well vectors tell people apart: verification, identification, and strangers.

*Verification* asks of any two photos whether they show one person: the ROC over all pairs (as LFW does it; Huang et
al., 2007). *Identification* enrols half of everybody's photos and asks who the other half is. *Open set*: some people
are not enrolled, and should be nobody. The last two are done as ``predict/recognizer.py`` does it, with templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thirtyfold.model.metrics.intervals import (
    FEWEST_GROUPS,
    Intervals,
    bounds_of,
    draws_within,
    few_note,
    group_counts,
    weighted_mean,
)
from thirtyfold.predict.recognizer_threshold import templates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    ThresholdOf = Callable[[Vectors, Sequence[str]], float]

FARS = {"tar_at_far_1": 0.01, "tar_at_far_01": 0.001}
HALVES = 20
# A fifth of the people plays strangers, two of ten.
STRANGERS = 0.2
_TRIALS = ("rank1", "named", "misnamed", "rejected")
_SEED = 30
# Draws × pairs beyond which there are fewer draws, and pairs beyond which only some are looked at.
_MOST_WORK = 400_000_000
_MOST_PAIRS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two photos each: their cosines (N,), sorted downwards, whether it is one person, and the people's numbers."""

    cosines: NDArray[np.float64]
    same: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roc:
    """False- and true-accept rates (K,), rising together from (0, 0) to (1, 1), one draw."""

    far: NDArray[np.float64]
    tar: NDArray[np.float64]


def pairs_of(vectors: Vectors, names: Sequence[str]) -> Pairs:
    """Any two photos; of very many, some of the pairs of different people, always the same."""
    of = _numbered(names)[1]
    first, second = np.triu_indices(len(names), k=1)
    if len(first) > _MOST_PAIRS:
        same = of[first] == of[second]
        different = np.flatnonzero(~same)
        some = np.random.default_rng(_SEED).choice(different, min(_MOST_PAIRS, len(different)), replace=False)
        kept = np.sort(np.concatenate([np.flatnonzero(same), some]))
        first, second = first[kept], second[kept]
    cosines = np.einsum("nd,nd->n", vectors[first], vectors[second]).astype(np.float64)
    order = np.argsort(-cosines, kind="stable")
    first, second = of[first[order]], of[second[order]]
    return Pairs(cosines=cosines[order], same=first == second, first=first, second=second)


def roc_of(pairs: Pairs) -> Roc:
    """The curve over every threshold; equal cosines are accepted together."""
    counts = np.ones((1, int(max(pairs.first.max(initial=0), pairs.second.max(initial=0))) + 1))
    far, tar = _rates(pairs, counts)
    return Roc(far=far[0], tar=tar[0])


def verification(pairs: Pairs, counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """AUC, EER, and the true-accept rates at false-accept rates of 1 % and 0.1 %, (draws,) each.

    ``counts`` (draws, people) is how often each person was drawn. Not a number where a draw lacks either kind.
    """
    far, tar = _rates(pairs, counts)
    # A draw at a time: interpolation is not over rows.
    figures: dict[str, NDArray[np.float64]] = {
        # Left of the point: accepting one more stranger is not allowed for a rate that it would break.
        name: np.array([_at(f, t, rate) for f, t in zip(far, tar, strict=True)])
        for name, rate in FARS.items()
    }
    figures["auc"] = np.array([float(np.trapezoid(t, f)) for f, t in zip(far, tar, strict=True)])
    figures["eer"] = np.array([_equal(f, t) for f, t in zip(far, tar, strict=True)])
    return figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What became of each photo over many random halves, (photos,) each; not a number where it was never asked.

    ``rank1``: as a probe with everybody enrolled, the share of times that the nearest person was the right one.
    ``named``: with some people left out, that it got its own name at the threshold. ``misnamed``: another's.
    ``rejected``: as a stranger, that it was *unknown*.
    """

    rank1: NDArray[np.float64]
    named: NDArray[np.float64]
    misnamed: NDArray[np.float64]
    rejected: NDArray[np.float64]


def identification(
    vectors: Vectors, names: Sequence[str], threshold_of: ThresholdOf, *, halves: int = HALVES, left_out: int = 0
) -> Trials:
    """Half of each person's photos enrolled (at least one), the rest asked; again with ``left_out`` people not in it.

    Those are a fifth where nobody says how many. The halves and the people left out are drawn ``halves`` times, always
    the same. ``threshold_of`` says the cosine of a gallery, from the enrolled vectors and whose they are.
    """
    random = np.random.default_rng(_SEED)
    people, of = _numbered(names)
    sizes = np.bincount(of, minlength=len(people))
    count = left_out or max(1, round(STRANGERS * len(people)))
    sums = {kind: np.zeros(len(names)) for kind in _TRIALS}
    asked = {kind: np.zeros(len(names)) for kind in _TRIALS}

    def note(kind: str, rows: NDArray[np.intp], values: NDArray[np.bool_]) -> None:
        sums[kind][rows] += values
        asked[kind][rows] += 1

    for _ in range(halves):
        enrolled = _half(of, sizes, random)
        strangers = np.isin(of, random.choice(len(people), min(count, len(people)), replace=False))
        probes = np.flatnonzero(~enrolled)
        best, _ = _nearest(vectors, of, enrolled, probes)
        note("rank1", probes, best == of[probes])
        gallery = enrolled & ~strangers
        if not gallery.any():
            continue
        threshold = threshold_of(vectors[gallery], [names[int(row)] for row in np.flatnonzero(gallery)])
        known = np.flatnonzero(~enrolled & ~strangers)
        best, cosines = _nearest(vectors, of, gallery, known)
        note("named", known, (best == of[known]) & (cosines >= threshold))
        note("misnamed", known, (best != of[known]) & (cosines >= threshold))
        unknown = np.flatnonzero(strangers)
        _, cosines = _nearest(vectors, of, gallery, unknown)
        note("rejected", unknown, cosines < threshold)
    return Trials(**{kind: sums[kind] / np.where(asked[kind] > 0, asked[kind], np.nan) for kind in _TRIALS})


def nearest_is_own(vectors: Vectors, names: Sequence[str]) -> NDArray[np.float64]:
    """For each photo 1 if, with all others enrolled, the nearest person is its own, else 0; (photos,).

    Not a number for the only photo of a person, who is not enrolled then.
    """
    of = _numbered(names)[1]
    _, own = templates(vectors, names)
    cosines = vectors @ own.T
    for row in range(len(names)):
        others = [other for other in range(len(names)) if other != row and of[other] == of[row]]
        total = vectors[others].sum(axis=0)
        cosines[row, of[row]] = float(vectors[row] @ total / max(float(np.linalg.norm(total)), 1e-9)) if others else -2
    is_own = (cosines.argmax(axis=1) == of).astype(np.float64)
    return np.where(np.bincount(of)[of] > 1, is_own, np.nan)


def recognition_figures(
    vectors: Vectors, names: Sequence[str], threshold: float
) -> tuple[dict[str, float | None], Intervals]:
    """Every figure of this module with its 95 % interval by bootstrap over *people*.

    ``None`` is what these photos cannot show.
    """
    pairs = pairs_of(vectors, names)
    trials = identification(vectors, names, lambda enrolled, whose: threshold)
    people, of = _numbered(names)

    def figures_of(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        weights = counts[:, of]
        return {
            **verification(pairs, counts),
            **{kind: weighted_mean(weights, getattr(trials, kind)) for kind in _TRIALS},
        }

    all_once = figures_of(np.ones((1, len(people))))
    figures = {name: None if np.isnan(values[0]) else round(float(values[0]), 6) for name, values in all_once.items()}
    for name, rate in FARS.items():
        # One pair of two people in a thousand is not to be seen among a hundred.
        if float((~pairs.same).sum()) * rate < 1:
            figures[name] = None
    if len(people) < FEWEST_GROUPS:
        note = f"{len(people)} people are too few for an interval"
        return figures, Intervals(bounds={}, by="nothing", groups=len(people), draws=0, note=note)
    draws = draws_within(_MOST_WORK, len(pairs.cosines))
    drawn = figures_of(group_counts(len(people), draws))
    bounds = {
        name: pair
        for name, values in drawn.items()
        if figures[name] is not None and (pair := bounds_of(values, len(people))) is not None
    }
    note = few_note(len(people), "people")
    return figures, Intervals(bounds=bounds, by="people", groups=len(people), draws=draws, note=note)


def _numbered(names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The people, sorted as :func:`templates` has them, and the number of each photo's (photos,)."""
    people = sorted(set(names))
    number = {name: place for place, name in enumerate(people)}
    return people, np.array([number[name] for name in names], np.int64)


def _rates(pairs: Pairs, counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(draws, K + 1) false- and true-accept rates when the first k distinct cosines are accepted.

    A pair of two people counts as often as both were drawn, one of a person with himself as often as he was: the copies
    of a person are no two people who happen to look alike.
    """
    if not len(pairs.cosines):
        return np.full((len(counts), 1), np.nan), np.full((len(counts), 1), np.nan)
    last = np.append(np.flatnonzero(np.diff(pairs.cosines)), len(pairs.cosines) - 1)
    rates = []
    for kind in (~pairs.same, pairs.same):
        rows = np.empty((len(counts), len(last) + 1))
        for number, count in enumerate(counts):
            weights = np.where(pairs.same, count[pairs.first], count[pairs.first] * count[pairs.second]) * kind
            summed = np.cumsum(weights)
            total = summed[-1] if summed[-1] else np.nan
            rows[number, 0] = 0.0 if summed[-1] else np.nan
            rows[number, 1:] = summed[last] / total
        rates.append(rows)
    return rates[0], rates[1]


def _at(far: NDArray[np.float64], tar: NDArray[np.float64], rate: float) -> float:
    """The highest true-accept rate whose false-accept rate is not above ``rate``."""
    if np.isnan(far[-1]) or np.isnan(tar[-1]):
        return float("nan")
    return float(tar[np.flatnonzero(far <= rate + 1e-12)[-1]])


def _equal(far: NDArray[np.float64], tar: NDArray[np.float64]) -> float:
    """Where as many strangers are accepted as own faces refused."""
    if np.isnan(far[-1]) or np.isnan(tar[-1]):
        return float("nan")
    gap = far - (1 - tar)
    at = int(np.flatnonzero(gap >= 0)[0])
    if at == 0:
        return float(far[0])
    share = -gap[at - 1] / (gap[at] - gap[at - 1])
    return float(far[at - 1] + share * (far[at] - far[at - 1]))


def _half(of: NDArray[np.int64], sizes: NDArray[np.intp], random: np.random.Generator) -> NDArray[np.bool_]:
    """(photos,): half of each person's, drawn at random, at least one."""
    ranks = np.zeros(len(of), np.int64)
    order = random.permutation(len(of))
    for person in range(len(sizes)):
        mine = order[of[order] == person]
        ranks[mine] = np.arange(len(mine))
    half: NDArray[np.bool_] = ranks < np.maximum(sizes[of] // 2, 1)
    return half


def _nearest(
    vectors: Vectors, of: NDArray[np.int64], enrolled: NDArray[np.bool_], probes: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The number of the nearest person among the enrolled ones for each probe, and the cosine."""
    people = np.unique(of[enrolled])
    # As text of equal width, so that sorting names is sorting numbers.
    _, directions = templates(vectors[enrolled], [f"{person:08d}" for person in of[enrolled]])
    cosines = vectors[probes] @ directions.T
    best = cosines.argmax(axis=1)
    return people[best], cosines[np.arange(len(probes)), best].astype(np.float64)


def rates_by_person(trials: Trials, names: Sequence[str]) -> Mapping[str, tuple[float, float]]:
    """Person → rank-1 share, and share of times named at the threshold; sorted by the first, the worst first."""
    of_person = {}
    for name in sorted(set(names)):
        mine = np.array([other == name for other in names])
        rank1, named = trials.rank1[mine], trials.named[mine]
        if not np.isnan(rank1).all() and not np.isnan(named).all():
            of_person[name] = (float(np.nanmean(rank1)), float(np.nanmean(named)))
    return dict(sorted(of_person.items(), key=lambda item: item[1]))

"""From how alike faces are to whether they are the same person: the threshold, and what a similarity means. Pure.

A face is compared with a *person*: the cosine of its vector and the mean direction of that person's vectors (a
template, as in the protocol of IJB-A; Klare et al., 2015). The threshold is chosen for a *false-accept rate*:
of looks at strangers, the share that gets anybody's name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

DEFAULT_FAR = 0.01
# Fewer comparisons of strangers say nothing about a rate of one in a hundred.
ENOUGH_STRANGERS = 20
# More than this is not kept of either kind: evenly spaced ones of the sorted similarities say the same.
_KEPT = 2000
# The share of own photos that may lie below the middle between them and strangers.
_MOST_OWN = 0.1
# The curve of the shown score where there is nothing to fit one to: 0.1 of cosine is the step from 50 % to 73 %.
_USUAL_SLOPE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Cosines of faces with templates: of the ``same`` person (not made of that face) and of ``different`` ones.

    Sorted. ``people`` and ``photos`` are what they were made of, ``whose`` says who those are.
    """

    same: tuple[float, ...]
    different: tuple[float, ...]
    people: int
    photos: int
    whose: str = "the enrolled people"

    def to_dict(self) -> dict[str, Any]:
        """For ``model.json``: at most 2,000 of either kind, evenly spaced by rank, both ends among them."""
        return {
            "same": [round(value, 5) for value in _thinned(self.same)],
            "different": [round(value, 5) for value in _thinned(self.different)],
            "people": self.people,
            "photos": self.photos,
            "whose": self.whose,
        }

    @staticmethod
    def from_dict(raw: Any, *, what: str) -> Evidence | None:
        """What :meth:`to_dict` wrote, ``None`` of nothing. ``what`` is for the error's text: :class:`ModelError`."""
        if not raw:
            return None
        try:
            same, different = (tuple(sorted(float(value) for value in raw[kind])) for kind in ("same", "different"))
            people, photos, whose = int(raw["people"]), int(raw["photos"]), str(raw["whose"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{what}: its similarities of faces are broken ({error}); train again") from error
        if not all(-1.001 <= value <= 1.001 for value in (*same, *different)):
            raise ModelError(f"{what}: has similarities of faces that are none, from -1 to 1; train again")
        return Evidence(same=same, different=different, people=people, photos=photos, whose=whose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``threshold`` is a cosine; the shown score is ``sigmoid(slope * cosine + intercept)``.

    ``by`` is what decided: ``hand``, ``run``, ``published`` or ``gallery``; ``how`` is one sentence about it.

    Raises :class:`ValueError` for what is none.
    """

    threshold: float
    slope: float
    intercept: float
    by: str
    how: str

    def __post_init__(self) -> None:
        numbers = (self.threshold, self.slope, self.intercept)
        if not (all(math.isfinite(value) for value in numbers) and self.slope > 0 and -1 <= self.threshold <= 1):
            raise ValueError(f"a threshold from -1 to 1 and a slope above 0 were expected, not {numbers}")

    def score(self, cosine: float) -> float:
        """How sure it is, 0 to 1, that a face with that cosine is that person."""
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, self.slope * cosine + self.intercept))))


def templates(vectors: Vectors, names: Sequence[str]) -> tuple[tuple[str, ...], Vectors]:
    """The people, sorted, and the mean direction (people, D) of the unit vectors (N, D) that carry their names."""
    import numpy as np

    people, _, sums = _summed(vectors, names)
    return people, _directions(sums).astype(np.float32)


def evidence_of(vectors: Vectors, names: Sequence[str]) -> Evidence:
    """Every face against every person; against its own without that very face, so people of one photo have no own."""
    import numpy as np

    if not names:
        return Evidence(same=(), different=(), people=0, photos=0)
    people, of, sums = _summed(vectors, names)
    cosines = np.asarray(vectors, np.float64) @ _directions(sums).T
    counts = np.bincount(of, minlength=len(people))
    without = _directions(sums[of] - vectors)
    own = np.einsum("nd,nd->n", np.asarray(vectors, np.float64), without)[counts[of] > 1]
    others = cosines[np.arange(len(people))[None] != of[:, None]]
    return Evidence(
        same=tuple(sorted(float(value) for value in own)),
        different=tuple(sorted(float(value) for value in others)),
        people=len(people),
        photos=len(names),
    )


def decide(evidence: Evidence, *, far: float, people: int, by: str, of_what: str) -> Decision:
    """The threshold at which a stranger gets one of ``people`` names at most with probability ``far``.

    A stranger has ``people`` chances to look like somebody, so each gets its share of the rate (Šidák, 1967). It never
    lies where "different" is the likelier answer, however loose the rate. Many photos of few people show few ways in
    which two people can look alike: where the *pairs of people* are too few for the rate, the threshold lies halfway
    from the nearest of them to where most own photos are, and the sentence says what is not known. ``of_what`` begins
    that sentence.
    """
    import numpy as np

    each = 1 - (1 - far) ** (1 / max(people, 1))
    different = np.asarray(evidence.different, np.float64)
    allowed = math.floor(each * len(different))
    # Ties are not accepted: the next number above the first one that has to stay out.
    threshold = float(np.nextafter(different[len(different) - 1 - allowed], 2.0))
    slope, intercept = _curve(evidence, around=threshold)
    pairs = evidence.people * (evidence.people - 1) // 2
    seen = f"{len(different)} comparisons, {pairs} pairs of people"
    if each * pairs >= 1:
        how = f"{of_what}: at most {far:.1%} of looks at strangers get a name ({seen})"
    else:
        nearest = float(np.nextafter(different[-1], 2.0))
        own = float(np.quantile(evidence.same, _MOST_OWN)) if evidence.same else nearest
        threshold = max(nearest, (nearest + own) / 2)
        # By Laplace's rule of succession one pair more would come nearer than all seen with probability 1 in pairs + 1.
        finest = 1 - (1 - 1 / (pairs + 1)) ** max(people, 1)
        how = f"{of_what}: too few to show {far:.1%} ({seen}); of looks at strangers up to {finest:.0%} may get a name"
    return Decision(
        threshold=min(max(threshold, -intercept / slope), 1.0), slope=slope, intercept=intercept, by=by, how=how
    )


def decide_by(threshold: float, *, by: str, how: str) -> Decision:
    """A threshold that somebody gave; half sure is what lies right at it."""
    return Decision(threshold=threshold, slope=_USUAL_SLOPE, intercept=-_USUAL_SLOPE * threshold, by=by, how=how)


def _curve(evidence: Evidence, *, around: float) -> tuple[float, float]:
    """Slope and intercept of the shown score: logistic regression, same and different people counting alike."""
    import numpy as np

    if not evidence.same:
        return _USUAL_SLOPE, -_USUAL_SLOPE * around
    from sklearn.linear_model import LogisticRegression

    cosines = np.array([*evidence.same, *evidence.different], np.float64)[:, None]
    is_same = np.array([True] * len(evidence.same) + [False] * len(evidence.different))
    # The trace of ridge keeps the slope finite where the two kinds do not overlap.
    fitted = LogisticRegression(C=10.0, class_weight="balanced").fit(cosines, is_same)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return (slope, intercept) if slope > 0 else (_USUAL_SLOPE, -_USUAL_SLOPE * around)


def _summed(vectors: Vectors, names: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.float64]]:
    """The people, sorted; which of them each vector is of, (N,); and the sum of each person's vectors, (people, D)."""
    import numpy as np

    people = tuple(sorted(set(names)))
    numbers = {name: number for number, name in enumerate(people)}
    of = np.array([numbers[name] for name in names], np.int64)
    sums = np.zeros((len(people), vectors.shape[1]), np.float64)
    np.add.at(sums, of, vectors)
    return people, of, sums


def _directions(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > 1e-9, sums / np.where(lengths > 1e-9, lengths, 1.0), 0.0)


def _thinned(values: Sequence[float]) -> list[float]:
    import numpy as np

    if len(values) <= _KEPT:
        return list(values)
    ranks = np.unique(np.linspace(0, len(values) - 1, _KEPT).round().astype(int))
    return [values[rank] for rank in ranks]


def as_mapping(decision: Decision) -> Mapping[str, Any]:
    """For the gallery's JSON."""
    return {
        "threshold": round(decision.threshold, 6),
        "slope": round(decision.slope, 6),
        "intercept": round(decision.intercept, 6),
        "by": decision.by,
        "how": decision.how,
    }

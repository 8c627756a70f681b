"""Whether two networks differ, or only their seeds and the photos they happened to be judged on.

Bootstrap in two steps: seeds are drawn from the seeds trained, capture sessions from the sessions judged
(photos where there are too few sessions). Two networks are drawn on the *same* sessions, so that a hard
session, which is hard for both, does not blur their difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thirtyfold.model.metrics.intervals import FEWEST_GROUPS, LEVEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 2000
_SEED = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one trained network made of one photo: the score summed over its ``objects``.

    Of a detector that is the IoU; of a task about the whole photo there is one object, and the score is how good the
    answer is.
    """

    photo: str
    session: str
    objects: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The mean score over seeds, and where it would lie with other seeds and other photos of the kind (95 %).

    ``low`` and ``high`` are ``None`` where there is too little to tell.
    """

    mean: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The draws of several networks that were judged on the same photos."""

    means: Mapping[str, float]
    draws: Mapping[str, NDArray[np.float64]]
    by: str
    groups: int
    photos: int
    seeds: int

    def quality(self, name: str) -> Quality:
        low, high = _middle(self.draws[name]) if self.by != "nothing" else (None, None)
        return Quality(mean=self.means[name], low=low, high=high)

    def difference(self, name: str, other: str) -> Quality:
        """How much better ``name`` is than ``other``."""
        low, high = _middle(self.draws[name] - self.draws[other]) if self.by != "nothing" else (None, None)
        return Quality(mean=self.means[name] - self.means[other], low=low, high=high)

    def told_apart(self, name: str, other: str) -> bool:
        """Whether 95 % of the draws agree on which of the two is better."""
        difference = self.difference(name, other)
        return difference.low is not None and difference.high is not None and difference.low * difference.high > 0

    def note(self) -> str:
        """What was drawn, in a sentence, and what the intervals leave out."""
        if self.by == "nothing":
            return f"{self.photos} photos are too few to say how sure the figures are."
        drawn = f"{self.groups} sessions" if self.by == "sessions" else f"{self.photos} photos"
        text = f"Intervals: 95 % over {drawn} and {self.seeds} {'seed' if self.seeds == 1 else 'seeds'}."
        if self.by == "photos":
            text += (
                " There are too few sessions to draw from, and photos of one session are no independent looks: "
                "the true intervals are wider."
            )
        if self.seeds == 1:
            text += " One seed does not show what another one would give: the true intervals are wider."
        return text


def spread_of(looks: Mapping[str, Sequence[Sequence[Look]]]) -> Spread:
    """The spread of networks by name; each was trained with several seeds, each of which looked at the same photos.

    Photos that not every training could be judged on are left out of all.
    """
    import numpy as np

    shared = set.intersection(*({look.photo for look in run} for runs in looks.values() for run in runs))
    first = next(iter(looks.values()))[0]
    photos = sorted((look for look in first if look.photo in shared), key=lambda look: look.photo)
    names = [look.photo for look in photos]
    objects = np.array([look.objects for look in photos], np.float64)
    by, groups = _groups([look.session for look in photos])
    members = np.array([[group == each for each in groups] for group in sorted(set(groups))], np.float64)
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(len(members), [1 / max(len(members), 1)] * len(members), size=DRAWS) @ members
    means, draws = {}, {}
    for name, runs in looks.items():
        table = {(number, look.photo): look.score for number, run in enumerate(runs) for look in run}
        scores = np.array([[table[number, photo] for photo in names] for number in range(len(runs))])  # (seeds, photos)
        means[name] = float((scores.sum(axis=1) / max(objects.sum(), 1.0)).mean())
        with np.errstate(divide="ignore", invalid="ignore"):
            of_seed = (drawn @ scores.T) / (drawn @ objects)[:, None]  # (draws, seeds)
        seeds = random.integers(0, len(runs), (DRAWS, len(runs)))
        draws[name] = np.take_along_axis(of_seed, seeds, axis=1).mean(axis=1)
    seeds_trained = min(len(runs) for runs in looks.values())
    return Spread(
        means=means, draws=draws, by=by, groups=len(members), photos=len(names), seeds=seeds_trained
    )  # fmt: skip


def _groups(sessions: Sequence[str]) -> tuple[str, list[str]]:
    if len(set(sessions)) >= FEWEST_GROUPS:
        return "sessions", list(sessions)
    numbers = [str(number) for number in range(len(sessions))]
    return ("photos" if len(sessions) >= FEWEST_GROUPS else "nothing"), numbers


def _middle(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return None, None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

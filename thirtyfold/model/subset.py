"""Part of the train part: what the points of a learning curve are trained on.

Whole sessions, where there are enough of them: a tenth of the photos of every session shows nearly as many
people and rooms as all of them, and a curve over such tenths is flat long before the data is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thirtyfold.sample import Sample

if TYPE_CHECKING:
    import numpy as np

# With fewer, a tenth, a quarter and a half of them are not four different numbers.
FEWEST_SESSIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """``samples`` are the photos chosen and their copies; ``by`` is ``sessions`` or ``photos``."""

    samples: tuple[Sample, ...]
    by: str
    photos: int
    sessions: int


def take_share(train: Sequence[Sample], share: float, seed: int) -> Subset:
    """``share`` (above 0, up to 1) of a train part, in an order that ``seed`` decides.

    Of one seed, a smaller share lies within a larger one. The first session or photo holds an object, so that
    no share is without. At least one is taken.
    """
    import numpy as np

    photos = sorted((sample for sample in train if sample.parent is None), key=lambda sample: sample.image_path.name)
    sessions = sorted({_session(photo) for photo in photos})
    random = np.random.default_rng([seed, len(photos)])
    if len(sessions) >= FEWEST_SESSIONS:
        by = "sessions"
        full = [name for name in sessions if any(_session(photo) == name and photo.annotations for photo in photos)]
        order = _with_first(_shuffled(sessions, random), full)
        chosen = set(order[: _count(share, len(order))])
        names = {photo.image_path.name for photo in photos if _session(photo) in chosen}
    else:
        by = "photos"
        names_in_order = _in_turn({name: [p for p in photos if _session(p) == name] for name in sessions}, random)
        names = set(names_in_order[: _count(share, len(names_in_order))])
    return Subset(
        samples=tuple(sample for sample in train if (sample.parent or sample.image_path.name) in names),
        by=by,
        photos=len(names),
        sessions=len({_session(photo) for photo in photos if photo.image_path.name in names}),
    )


def _in_turn(photos_of: dict[str, list[Sample]], random: np.random.Generator) -> list[str]:
    """The names of all photos, one of each session in turn, so that a share has every session in its proportion."""
    queues = []
    for name in _shuffled(list(photos_of), random):
        photos = photos_of[name]
        order = _shuffled([photo.image_path.name for photo in photos], random)
        queues.append(_with_first(order, [photo.image_path.name for photo in photos if photo.annotations]))
    order = [queue[turn] for turn in range(max(map(len, queues), default=0)) for queue in queues if turn < len(queue)]
    full = [photo.image_path.name for photos in photos_of.values() for photo in photos if photo.annotations]
    return _with_first(order, full)


def _with_first(order: list[str], wanted: Sequence[str]) -> list[str]:
    """The same order, the first of ``wanted`` moved to its beginning."""
    among = set(wanted)
    first = next((name for name in order if name in among), None)
    return order if first is None else [first, *(name for name in order if name != first)]


def _count(share: float, total: int) -> int:
    return max(1, round(share * total))


def _shuffled(names: Sequence[str], random: np.random.Generator) -> list[str]:
    return [names[index] for index in random.permutation(len(names))]


def _session(photo: Sample) -> str:
    return photo.session or photo.image_path.name

"""Photos that are copies of each other, and the ones that stand on both sides of a split. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thirtyfold.datasets.duplicates import SAME_PICTURE_BITS, SAME_PICTURE_LEVELS, Look
from thirtyfold.datasets.fingerprint import SAME_SCENE_BITS
from thirtyfold.datasets.split import Split

# A photo in a clip of a thousand frames looks like most of them; naming a few is enough.
_NAMED = 3
_RANK = {"train": 0, "val": 1, "test": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """A photo and what it resembles. ``bits`` are how many of 64 differ; ``exact``: the same file."""

    name: str
    other: str
    bits: int = 0
    exact: bool = False


def find_alike(names: Sequence[str], sha256: Sequence[str], looks: Sequence[Look]) -> list[Alike]:
    """For every photo the nearest earlier one that looks like it, if there is one; the same file comes first.

    The three lists are parallel. Of n photos n²/2 pairs are compared, 64 bits each: a
    second for 10,000.
    """
    import numpy as np

    packed = np.asarray([look.bits for look in looks], np.uint64)
    first_of: dict[str, int] = {}
    found = []
    for index, name in enumerate(names):
        first = first_of.setdefault(sha256[index], index)
        if first != index:
            found.append(Alike(name=name, other=names[first], exact=True))
            continue
        bits = np.bitwise_count(packed[:index] ^ packed[index])
        if index and int(bits.min()) <= SAME_SCENE_BITS:
            nearest = int(bits.argmin())
            found.append(Alike(name=name, other=names[nearest], bits=int(bits[nearest])))
    return found


def find_leaks(
    names: Sequence[str], sha256: Sequence[str], looks: Sequence[Look], part_of: Mapping[str, str]
) -> Iterator[tuple[Alike, tuple[str, ...]]]:
    """Photos outside of train that are the same picture as one of an earlier part, and those (up to three).

    Looking alike is not enough, as photos of one room do: the small grey pictures have to agree, as in
    ``duplicates.py``. The same file comes first. Val against test counts as well.
    """
    import numpy as np

    inside = [index for index, name in enumerate(names) if name in part_of]
    packed = np.asarray([looks[index].bits for index in inside], np.uint64)
    ranks = np.asarray([_RANK[part_of[names[index]]] for index in inside])
    for place, index in enumerate(inside):
        bits = np.bitwise_count(packed ^ packed[place])
        near = np.flatnonzero((ranks < ranks[place]) & (bits <= SAME_PICTURE_BITS))
        levels = {inside[int(i)]: _levels(looks[inside[int(i)]], looks[index]) for i in near}
        same = sorted((other for other in levels if levels[other] <= SAME_PICTURE_LEVELS), key=lambda i: levels[i])
        exact = [other for other in same if sha256[other] == sha256[index]]
        chosen = exact or same
        if chosen:
            alike = Alike(name=names[index], other=names[chosen[0]], exact=bool(exact))
            yield alike, tuple(names[other] for other in chosen[:_NAMED])


def torn_sessions(split: Split) -> dict[str, tuple[str, ...]]:
    """Session → its parts, for those that stand in more than one."""
    parts: dict[str, set[str]] = {}
    for name, part in split.parts.items():
        parts.setdefault(split.groups[name], set()).add(part)
    return {session: tuple(sorted(their)) for session, their in sorted(parts.items()) if len(their) > 1}


def _levels(one: Look, other: Look) -> float:
    """How much two small grey pictures differ on average, in levels of 256."""
    import numpy as np

    return float(np.abs(one.grey.astype(np.int16) - other.grey.astype(np.int16)).mean())

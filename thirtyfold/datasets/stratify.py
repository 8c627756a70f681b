"""Which groups of photos go to which part, so that every part has its share of photos and of each class. Pure.

Groups cannot be torn, so the shares can only be approached: the best of many random draws is taken
and improved by moving and swapping groups as long as that helps (a local search; for single photos
see Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", 2011).
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Numbers are shared out by quarters of their photos; by fewer pieces where a small part could not have one of each.
_MOST_BINS = 4
_PHOTOS_A_BIN = 10

# In units of a share: a part without photos is worst, then a class that cannot be learned, then one
# that is not measured. All are more than shares can be off.
_NO_PHOTOS = 100.0
_NOT_TAUGHT = 10.0
_NOT_MEASURED = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Photos that stay together: how many count, and in how many of them each class is."""

    photos: int
    classes: Mapping[str, int]


def quantile_bins(name: str, values: Mapping[str, float]) -> dict[str, str]:
    """Key → the quarter its number is in, in words: ``age 24–31``, ``name`` before it. Equal numbers share one.

    Of less than forty photos there are fewer pieces, one of less than twenty.
    """
    ordered = sorted(values.values())
    bins = min(_MOST_BINS, len(ordered) // _PHOTOS_A_BIN)
    edges = sorted({ordered[len(ordered) * number // bins] for number in range(1, bins)})
    members: dict[int, list[str]] = {}
    for key, value in values.items():
        members.setdefault(bisect_right(edges, value), []).append(key)
    result: dict[str, str] = {}
    for keys in members.values():
        least, most = min(values[key] for key in keys), max(values[key] for key in keys)
        text = f"{name} {least:g}" if least == most else f"{name} {least:g}–{most:g}"
        result |= dict.fromkeys(keys, text)
    return result


def choose_parts(
    groups: Sequence[Group], shares: Mapping[str, float], *, fixed: Mapping[int, str] | None = None, seed: int = 0
) -> list[str]:
    """A part for every group; ``shares`` are those of ``val`` and ``test``, train gets the rest.

    A part with a share of 0 gets no group. The others, and train, get one at least: test is served
    last, so there have to be as many groups as parts. ``fixed`` groups (by index) are where they are
    told to be, and their part gets no others. The same arguments give the same answer.
    """
    search = _Search(groups, shares, fixed or {}, random.Random(seed))  # noqa: S311 - a split is no secret
    search.draw()
    search.improve()
    return search.parts


class _Search:
    """``rows[group]`` and ``sums[part]`` are counts: of photos first, then of each class."""

    def __init__(
        self, groups: Sequence[Group], shares: Mapping[str, float], fixed: Mapping[int, str], dice: random.Random
    ) -> None:
        names = sorted({name for group in groups for name, count in group.classes.items() if count})
        self.rows = [[group.photos, *(group.classes.get(name, 0) for name in names)] for group in groups]
        self.totals = [sum(column) for column in zip(*self.rows, strict=True)]
        self.shares = {part: share for part, share in shares.items() if share > 0}
        self.fixed = fixed
        self.free = [index for index in range(len(groups)) if index not in fixed]
        self.open = ["train", *(part for part in self.shares if part not in fixed.values())]
        self.dice = dice
        self.parts = [fixed.get(index, "train") for index in range(len(groups))]
        self.sums: dict[str, list[int]] = {}
        self.sizes: dict[str, int] = {}

    def draw(self) -> None:
        """The best of many random draws."""
        best, best_cost = self.parts, float("inf")
        for _ in range(max(1, min(300, 300_000 // max(1, len(self.free))))):
            self._fill()
            if (cost := self._cost()) < best_cost:
                best, best_cost = list(self.parts), cost
        self.parts = best
        self._count()

    def improve(self) -> None:
        """Move and swap groups as long as it helps, or until it has taken long enough."""
        if len(self.open) < 2:
            return
        budget = max(1_000, 60_000 // len(self.totals))
        cost, idle = self._cost(), 0
        while budget > 0 and idle < 4 * len(self.free) + 40:
            budget, idle = budget - 1, idle + 1
            first = self.dice.choice(self.free)
            here = self.parts[first]
            if self.dice.random() < 0.5:
                there = self.dice.choice(self.open)
                if there == here or self.sizes[here] == 1:
                    continue
                moves = [(first, there)]
            else:
                second = self.dice.choice(self.free)
                there = self.parts[second]
                if there == here:
                    continue
                moves = [(first, there), (second, here)]
            back = [(index, self.parts[index]) for index, _ in moves]
            self._move(moves)
            if (new_cost := self._cost()) < cost - 1e-12:
                cost, idle = new_cost, 0
            else:
                self._move(back)

    def _fill(self) -> None:
        """Groups in random order fill test, then val, as long as that brings them nearer; train takes the rest."""
        rest = list(self.free)
        self.dice.shuffle(rest)
        for index in rest:
            self.parts[index] = "train"
        for part in ("test", "val"):
            if part not in self.open:
                continue
            still_empty = 1 + (part == "test" and "val" in self.open)
            quota, amount = self.shares[part] * self.totals[0], 0
            for index in list(rest):
                if len(rest) <= still_empty:
                    break
                photos = self.rows[index][0]
                if amount == 0 or abs(amount + photos - quota) < abs(amount - quota):
                    self.parts[index] = part
                    rest.remove(index)
                    amount += photos
        self._count()

    def _count(self) -> None:
        parts = dict.fromkeys(["train", *self.shares, *self.fixed.values()])
        self.sums = {part: [0] * len(self.totals) for part in parts}
        self.sizes = dict.fromkeys(parts, 0)
        for index, part in enumerate(self.parts):
            self._add(index, part, 1)

    def _move(self, moves: Sequence[tuple[int, str]]) -> None:
        for index, there in moves:
            self._add(index, self.parts[index], -1)
            self._add(index, there, 1)
            self.parts[index] = there

    def _add(self, index: int, part: str, sign: int) -> None:
        self.sizes[part] += sign
        sums = self.sums[part]
        for column, count in enumerate(self.rows[index]):
            sums[column] += sign * count

    def _cost(self) -> float:
        """How far the shares are off (photos, plus the mean of the classes), and what is missing."""
        classes = max(1, len(self.totals) - 1)
        cost = 0.0
        for part in self.open:
            for column, (count, total) in enumerate(zip(self.sums[part], self.totals, strict=True)):
                if column == 0:
                    cost += _NO_PHOTOS * (count == 0)
                elif count == 0:
                    cost += _NOT_TAUGHT if part == "train" else _NOT_MEASURED
                if part != "train" and total:
                    cost += abs(count / total - self.shares[part]) / (classes if column else 1)
        return cost

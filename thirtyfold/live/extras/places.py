"""The zones and lines that objects are counted in and over, and how one writes them on a command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thirtyfold.errors import UsageError
from thirtyfold.sample import BoxXyxy, Point

ZONE = "zone"
LINE = "line"
# An object counts as clear of a line when its centre is this share of its side away: one that
# stands on the line and shakes does not cross it again and again.
CLEAR_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A ``zone`` (two opposite corners) or a ``line`` (from one point to the other), x1, y1, x2, y2.

    ``shares``: the numbers are 0 to 1 of the picture's width and height, else pixels.
    """

    name: str
    kind: str
    numbers: tuple[float, float, float, float]
    shares: bool

    def points(self, size_wh: tuple[int, int]) -> tuple[Point, Point]:
        """Both points in pixels of a picture of that size."""
        x1, y1, x2, y2 = self.numbers
        width, height = size_wh if self.shares else (1, 1)
        return (x1 * width, y1 * height), (x2 * width, y2 * height)

    def holds(self, point: Point, size_wh: tuple[int, int]) -> bool:
        """Whether ``point`` (pixels) lies in the zone."""
        (x1, y1), (x2, y2) = self.points(size_wh)
        return min(x1, x2) <= point[0] <= max(x1, x2) and min(y1, y2) <= point[1] <= max(y1, y2)

    def distance(self, point: Point, size_wh: tuple[int, int]) -> float:
        """Pixels from the line (without end) to ``point``; above 0 to the right of who walks from 1 to 2."""
        (x1, y1), (x2, y2) = self.points(size_wh)
        across = (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)
        return across / math.hypot(x2 - x1, y2 - y1)

    def is_crossed(self, before: Point, after: Point, size_wh: tuple[int, int]) -> bool:
        """Whether the way from one point to the other, on both sides of it, cuts the line between its ends."""
        (x1, y1), (x2, y2) = self.points(size_wh)
        d1, d2 = self.distance(before, size_wh), self.distance(after, size_wh)
        if d1 == d2:
            return False
        share = d1 / (d1 - d2)
        x, y = (b + (a - b) * share for b, a in zip(before, after, strict=True))
        along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2)
        return 0 <= along <= 1


WHOLE_PICTURE = Place(name="picture", kind=ZONE, numbers=(0.0, 0.0, 1.0, 1.0), shares=True)


def parse_place(text: str, kind: str) -> Place:
    """``door=0.1,0.2,0.5,0.9`` (all between 0 and 1: shares of the picture; else pixels).

    Raises :class:`UsageError`.
    """
    name, equals, rest = text.partition("=")
    try:
        x1, y1, x2, y2 = (float(part) for part in rest.split(","))
    except ValueError as error:
        raise UsageError(_expected(text, kind)) from error
    numbers = (x1, y1, x2, y2)
    name = name.strip()
    if not equals or not name or not name.isprintable() or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise UsageError(_expected(text, kind))
    if (x1, y1) == (x2, y2) or (kind == ZONE and (x1 == x2 or y1 == y2)):
        raise UsageError(f"--{kind} {text}: has no {'area' if kind == ZONE else 'length'}; two points apart are needed")
    return Place(name=name, kind=kind, numbers=numbers, shares=max(numbers) <= 1)


def parse_places(zones: Sequence[str], lines: Sequence[str]) -> tuple[Place, ...]:
    """All of a command line's; the whole picture if there are none. Raises :class:`UsageError`."""
    places = (*(parse_place(text, ZONE) for text in zones), *(parse_place(text, LINE) for text in lines))
    names = [place.name for place in places]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"--zone, --line: {', '.join(twice)} is there twice; give each a name of its own")
    return places or (WHOLE_PICTURE,)


def centre_of(box_xyxy: BoxXyxy) -> Point:
    left, top, right, bottom = box_xyxy
    return (left + right) / 2, (top + bottom) / 2


def _expected(text: str, kind: str) -> str:
    return f"--{kind} {text}: expected like --{kind} door=0.1,0.2,0.5,0.9 (shares of the picture, or pixels)"

"""How many objects are in which zone, who came in, and who crossed which line: a line of CSV a second.

``objects`` is the most that were in the zone at once in that second. ``entered`` (zones), ``forward`` and
``back`` (lines) count up from the start of the run, each object once a zone. Forward is from the left of the
line to its right, for who walks from its first point to its second. An object is where its box's centre is.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from thirtyfold import files
from thirtyfold.errors import ThirtyfoldError, UsageError
from thirtyfold.live.extras.places import CLEAR_SHARE, LINE, ZONE, Place, centre_of
from thirtyfold.live.extras.scene import Scene
from thirtyfold.sample import Point

COLUMNS = ("time", "seconds", "place", "label", "objects", "entered", "forward", "back")
_FORGET_SECONDS = 10.0


@dataclass(slots=True)
class _Known:
    """What is remembered of an object while it is there."""

    seen_seconds: float
    entered: set[str] = field(default_factory=set)
    clear: dict[str, tuple[Point, bool]] = field(default_factory=dict)  # where it last was clear of a line, and side


class Tally:
    """The counting itself. Pure: pictures come in with their time."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        self.inside: dict[str, Counter[str]] = {place.name: Counter() for place in places}
        self.entered: dict[str, Counter[str]] = {place.name: Counter() for place in places if place.kind == ZONE}
        self.forward: dict[str, Counter[str]] = {place.name: Counter() for place in places if place.kind == LINE}
        self.back: dict[str, Counter[str]] = {place.name: Counter() for place in places if place.kind == LINE}
        self._known: dict[int, _Known] = {}

    def see(self, scene: Scene) -> None:
        self.inside = {place.name: Counter() for place in self.places}
        for track in scene.objects:
            known = self._known.setdefault(track.id, _Known(scene.seconds))
            known.seen_seconds = scene.seconds
            label, box_xyxy = track.detected.label, track.annotation.box_xyxy
            centre = centre_of(box_xyxy)
            side = ((box_xyxy[2] - box_xyxy[0]) * (box_xyxy[3] - box_xyxy[1])) ** 0.5
            for place in self.places:
                if place.kind == LINE:
                    self._cross(place, known, centre, side, label, scene.size_wh)
                elif place.holds(centre, scene.size_wh):
                    self.inside[place.name][label] += 1
                    if place.name not in known.entered:
                        known.entered.add(place.name)
                        self.entered[place.name][label] += 1
        for number in [n for n, known in self._known.items() if scene.seconds - known.seen_seconds > _FORGET_SECONDS]:
            del self._known[number]

    def text(self, place: Place) -> str:
        """``door: 2, 5 entered``: for the picture."""
        if place.kind == LINE:
            forward, back = self.forward[place.name].total(), self.back[place.name].total()
            return f"{place.name}: {forward} forward, {back} back"
        return f"{place.name}: {self.inside[place.name].total()}, {self.entered[place.name].total()} entered"

    def _cross(
        self, place: Place, known: _Known, centre: Point, side_px: float, label: str, size_wh: tuple[int, int]
    ) -> None:
        distance = place.distance(centre, size_wh)
        if abs(distance) < CLEAR_SHARE * side_px:
            return
        right = distance > 0
        before = known.clear.get(place.name)
        if before is not None and before[1] != right and place.is_crossed(before[0], centre, size_wh):
            (self.forward if right else self.back)[place.name][label] += 1
        known.clear[place.name] = (centre, right)


class Counts:
    """A :class:`Tally` written to ``path``, a few lines each second. What is there already is added to.

    Raises :class:`UsageError` if the file is another table, or cannot be written.
    """

    def __init__(self, path: Path, places: Sequence[Place]) -> None:
        self.problems: list[str] = []
        self.tally = Tally(places)
        self._path = path
        self._most: dict[str, Counter[str]] = {place.name: Counter() for place in places}
        self._second: tuple[int, datetime] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="count")
        _begin(path)

    def see(self, scene: Scene) -> None:
        second = int(scene.seconds)
        if self._second is not None and second != self._second[0]:
            self._write()
        if self._second is None:
            self._second = (second, scene.at)
        self.tally.see(scene)
        for name, inside in self.tally.inside.items():
            self._most[name] |= inside  # the larger of both, label by label

    def close(self) -> Mapping[str, object]:
        if self._second is not None:
            self._write()
        self._pool.shutdown(wait=True)
        tally = self.tally
        zones: dict[str, object] = {name: {"entered": dict(counts)} for name, counts in tally.entered.items()}
        lines = {name: {"forward": dict(tally.forward[name]), "back": dict(tally.back[name])} for name in tally.forward}
        return {"file": str(self._path), **zones, **lines}

    def _write(self) -> None:
        assert self._second is not None  # noqa: S101 - for the type checker
        second, at = self._second
        rows: list[tuple[object, ...]] = []
        for place in self.tally.places:
            name, tally = place.name, self.tally
            if place.kind == LINE:
                labels = sorted(tally.forward[name] | tally.back[name]) or [""]
                rows += [(name, label, "", "", tally.forward[name][label], tally.back[name][label]) for label in labels]
            else:
                labels = sorted(tally.entered[name] | self._most[name]) or [""]
                rows += [(name, label, self._most[name][label], tally.entered[name][label], "", "") for label in labels]
        time = at.isoformat(timespec="seconds")
        self._pool.submit(self._append, _csv([(time, second, *row) for row in rows]))
        self._second = None
        self._most = {place.name: Counter() for place in self.tally.places}

    def _append(self, lines: str) -> None:
        try:
            files.append_line(self._path, lines)
        except ThirtyfoldError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))


def _begin(path: Path) -> None:
    header = _csv([COLUMNS])
    try:
        there = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--count {path}: cannot be read; choose another name") from error
    if there and there.splitlines()[0] != header:
        raise UsageError(f"--count {path}: is there and is another table; nothing is written over, choose another name")
    if not there:
        files.append_line(path, header)


def _csv(rows: Sequence[Sequence[object]]) -> str:
    """Lines of CSV (RFC 4180), without the last line's end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[_harmless(cell) for cell in row] for row in rows])
    return text.getvalue().rstrip("\n")


def _harmless(cell: object) -> object:
    # A label comes from a model's file, and a spreadsheet takes what begins like this for a formula.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell

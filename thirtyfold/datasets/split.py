"""Train, val and test, by capture session: photos of one session never stand on both sides.

Photos of one visit to the camera show the same person, shirt and wall. A split that
tears them apart measures memory, not skill. How it is chosen: ``split_choice.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.duplicates import Pair, exact_duplicates
from thirtyfold.datasets.listing import natural_key, some_of
from thirtyfold.errors import SplitError
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

FORMAT = 1
PARTS = ("train", "val", "test")
# Stands for a class where a photo is verified empty, so that every part gets some of them.
NOTHING = "(nothing)"
# Among the options of a split: its test part came with the dataset.
GIVEN_TEST = "given_test"
_MANY_SESSIONS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which photo (by file name) is in which part, and why.

    ``parts`` maps a photo to ``train``, ``val`` or ``test``, ``groups`` to its session.
    ``how`` says where the sessions come from; ``leak_free`` is false where one session
    had to be torn apart, and ``note`` says what could not be had. ``alike`` are photos
    of different sessions that look like one picture, rescaled or recompressed;
    ``classes`` counts, by part, the photos that each class is in (:data:`NOTHING`: the
    verified empty ones).
    """

    parts: Mapping[str, str]
    groups: Mapping[str, str]
    how: str
    leak_free: bool
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    alike: tuple[Pair, ...] = ()
    classes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def part(self, name: str) -> str:
        """``train``, ``val`` or ``test``. Raises :class:`SplitError` for a photo that is not in the split."""
        try:
            return self.parts[name]
        except KeyError:
            raise SplitError(f"{name} is not in split.json; run `thirtyfold split` again to take it in") from None

    def names(self, part: str) -> list[str]:
        """The photos of one part, sorted."""
        return sorted(name for name, its_part in self.parts.items() if its_part == part)

    def sessions(self, part: str) -> list[str]:
        """The sessions of one part, sorted."""
        return sorted({self.groups[name] for name in self.names(part)}, key=natural_key)

    @property
    def fingerprint(self) -> str:
        """A hash of who is where: what was made from one split can be told from another's."""
        rows = sorted((name, part, self.groups[name]) for name, part in self.parts.items())
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """What ``split.json`` holds."""
        return {
            "format": FORMAT,
            "how": self.how,
            "leak_free": self.leak_free,
            "note": self.note,
            "options": dict(self.options),
            "counts": {part: len(self.names(part)) for part in PARTS},
            "sessions": {part: self.sessions(part) for part in PARTS},
            "classes": {part: dict(counts) for part, counts in self.classes.items()},
            "alike": [list(pair) for pair in self.alike],
            "photos": {
                name: {"part": self.parts[name], "session": self.groups[name]}
                for name in sorted(self.parts, key=natural_key)
            },
        }

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(part, photos, photos by class, sessions) for a table."""
        total = max(1, len(self.parts))
        rows = []
        for part in PARTS:
            count, sessions = len(self.names(part)), self.sessions(part)
            # Where every photo is a session of its own a dozen names say nothing.
            first = 3 if len(sessions) > 3 * _MANY_SESSIONS else _MANY_SESSIONS
            more = len(sessions) - first if len(sessions) > _MANY_SESSIONS else 0
            shown = ", ".join(sessions[: first if more else None]) + (f" and {more} more" if more else "")
            classes = ", ".join(f"{name} {photos}" for name, photos in self.classes.get(part, {}).items())
            rows.append((part, f"{count} ({count / total:.0%})", classes or "none", shown or "none"))
        return rows


def write_split(dataset: Dataset, split: Split) -> None:
    """Write ``split.json``, atomically."""
    files.write_json(dataset.split_path, split.to_dict())


def read_split(dataset: Dataset) -> Split:
    """``split.json`` of a dataset. Raises :class:`SplitError` if there is none, it is broken or out of date."""
    path = dataset.split_path
    again = f"run `thirtyfold split {dataset.root}`"
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SplitError(f"{path}: there is no split yet; {again}") from error
    except OSError as error:
        raise SplitError(f"{path}: cannot be read ({error}); {again}") from error
    return parse_split(data, str(path), again, [image.name for image in dataset.image_paths()])


def parse_split(data: bytes, where: str, again: str, photo_names: Sequence[str]) -> Split:
    """The bytes of a ``split.json`` for these photos; ``where`` and ``again`` are for the error's text.

    Raises :class:`SplitError` if it is broken or out of date.
    """
    try:
        raw = files.parse_json(data)
    except ValueError as error:
        raise SplitError(f"{where}: cannot be read ({error}); {again}") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT or not isinstance(raw.get("photos"), dict):
        raise SplitError(f"{where}: was not written by this version of thirtyfold; {again}")
    try:
        split = Split(
            parts={name: _known_part(row["part"]) for name, row in raw["photos"].items()},
            groups={name: str(row["session"]) for name, row in raw["photos"].items()},
            how=str(raw["how"]),
            leak_free=bool(raw["leak_free"]),
            note=str(raw.get("note", "")),
            options=dict(raw.get("options", {})),
            alike=tuple((str(first), str(other)) for first, other in raw.get("alike", [])),
            classes={part: dict(counts) for part, counts in raw.get("classes", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SplitError(f"{where}: a photo's part or session is missing or wrong ({error}); {again}") from error
    newer = [name for name in photo_names if name not in split.parts]
    if newer:
        count = len(newer)
        raise SplitError(f"{where}: {count} photos came after the split, first {newer[0]}; {again} to take them in")
    return split


def check_split(split: Split, samples: Sequence[Sample] = ()) -> tuple[str, ...]:
    """Raise :class:`SplitError` if the split leaks; returns what is worth saying about it, a sentence each.

    A leak is a session on two sides, a photo whose file is byte for byte that of one on another side, or
    an augmented copy of a photo that is not train's. Photos that merely look like one on another side are
    worth saying. ``samples`` are photos and augmented copies (those with a ``parent``); of the photos
    only those of equal length are read.
    """
    side_of: dict[str, tuple[str, str]] = {}
    for name in sorted(split.parts):
        part, session = split.parts[name], split.groups[name]
        first_name, first_part = side_of.setdefault(session, (name, part))
        if part != first_part:
            raise SplitError(
                f"session {session} stands on both sides: {first_name} is {first_part}, {name} is {part}; "
                "run `thirtyfold split` again"
            )
    for sample in samples:
        name = sample.parent or sample.image_path.name
        part = split.part(name)
        if sample.parent is not None and part != "train":
            raise SplitError(
                f"{sample.image_path.name} is a copy of {name}, which is now {part}: the copies were made from another "
                "split; run `thirtyfold augment` again"
            )
    for first, other in exact_duplicates(sample.image_path for sample in samples if sample.parent is None):
        if split.part(first) != split.part(other):
            raise SplitError(
                f"{first} and {other} are the same file, but {first} is {split.part(first)} and {other} is "
                f"{split.part(other)}; run `thirtyfold split` again"
            )
    torn = [pair for pair in split.alike if split.parts.get(pair[0]) != split.parts.get(pair[1])]
    if not torn:
        return ()
    return (
        f"note: {named_pairs(torn, '~')} look like the same picture and stand on two sides of the split; "
        "if they are, scores will look better than they are",
    )


def named_pairs(pairs: Sequence[Pair], sign: str) -> str:
    """The first pairs, for a sentence."""
    return some_of([f"{first} {sign} {other}" for first, other in pairs])


def _known_part(part: object) -> str:
    if part not in PARTS:
        raise ValueError(f"part {part!r}")
    return str(part)

"""What lies between two label formats: samples, the classes in their order, and what belongs to the whole.

Everything that only one format knows travels in ``extra``, under that format's name
(``extra["coco"]["iscrowd"]``, ``extra["voc"]["difficult"]``); keys of labelme's own shapes
stand in it directly, as labelme has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import category

from thirtyfold.errors import FileDataError
from thirtyfold.sample import Annotation, Sample

PARTS = ("train", "val", "test")
# The names that other tools give to the three parts.
_PART_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
# labelme's own convention for areas that nobody shall learn from; 255 in index masks.
IGNORE_LABEL = "__ignore__"
_SAYS_NOTHING: tuple[Any, ...] = (None, "", 0, "0", False, [], {}, "Unspecified", "unknown", "Unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One photo of a label set.

    ``name`` is its file name in the target, which no other photo shares, ending aside.
    ``extra`` are keys of the whole photo by format: ``labelme`` (unticked flags, unknown
    keys), ``coco``, ``voc``, ``capture`` (its line of ``captures.jsonl``). ``embedded_in`` is
    the file that holds the picture where the picture is no file itself: a labelme file, or one that
    ``picture`` makes the bytes of an image file from.
    """

    sample: Sample
    name: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    embedded_in: Path | None = None
    picture: Callable[[], bytes] | None = field(default=None, compare=False)

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """A dataset as read from any format.

    ``class_names`` in the order of their numbers, those that no shape has included.
    ``extra`` belongs to the whole, by format (COCO's licences and category ids). ``problems``
    are the files that could not be read and were left out, ``notes`` what the reader had to
    decide, for the person to know.
    """

    entries: tuple[Entry, ...]
    class_names: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    problems: tuple[FileDataError, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_parts(self) -> bool:
        """Whether any photo is in train, val or test."""
        return any(entry.sample.split for entry in self.entries)


def keys_of(extra: Mapping[str, Any], owner: str) -> Mapping[str, Any]:
    """The keys that ``extra`` holds of the format ``owner``. Files may have anything in that place: then ``{}``."""
    keys = extra.get(owner)
    return keys if isinstance(keys, Mapping) else {}


def mappings_of(extra: Any) -> dict[str, Mapping[str, Any]]:
    """An ``extra`` of a photo or a dataset as a file says it, without what is no object of keys."""
    if not isinstance(extra, Mapping):
        return {}
    return {str(owner): keys for owner, keys in extra.items() if isinstance(keys, Mapping)}


def part_named(name: str) -> str | None:
    """``train``, ``val`` or ``test`` for the names in use (``valid``, ``training``, ``train2017``), else ``None``."""
    return _PART_NAMES.get(name.lower().rstrip("0123456789_-"))


def classes_of(samples: Iterable[Sample], known: Sequence[str] = ()) -> tuple[str, ...]:
    """The ``known`` classes in their order, then the other labels that occur, sorted, numbers by their value."""
    there = {annotation.label for sample in samples for annotation in sample.annotations or ()}
    first = tuple(dict.fromkeys(known))
    return first + tuple(sorted(there.difference(first), key=_by_number))


def with_flat_names(entries: Iterable[Entry]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The entries with names for one flat folder, and those of them that had to be renamed.

    Two photos must not share a name without its ending, as their labels would share a file;
    systems that don't tell upper from lower case are thought of.
    """
    taken: set[str] = set()
    named, renamed = [], []
    for entry in sorted(entries, key=lambda entry: entry.sample.image_path.as_posix()):
        path = entry.sample.image_path
        # A backslash, as old unzip programs leave it, would be read as a folder from the new label file.
        wanted = without_control_characters(path.stem).replace("\\", "_")
        stem, number = wanted, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{wanted}-{number}"
        taken.add(stem.casefold())
        named.append(replace(entry, name=stem + path.suffix))
        if stem != path.stem:
            renamed.append(named[-1])
    return tuple(sorted(named, key=lambda entry: entry.name)), tuple(renamed)


def is_ignored(annotation: Annotation) -> bool:
    """Whether it marks an area to leave out of learning and judging: a COCO crowd, an ignored box of imglab."""
    crowd = keys_of(annotation.extra, "coco").get("iscrowd") == 1
    return crowd or str(keys_of(annotation.extra, "imglab").get("ignore")) == "1"


def is_void(annotation: Annotation) -> bool:
    """Whether nobody shall learn from it: an area to be ignored, or a shape called :data:`IGNORE_LABEL`."""
    return is_ignored(annotation) or annotation.label == IGNORE_LABEL


def says_something(value: Any) -> bool:
    """Whether a key holds anything: not empty, 0, false or "Unspecified"."""
    values = [value]
    while values:  # no recursion: a file may hold hundreds of objects in each other
        one = values.pop()
        if isinstance(one, Mapping):
            values += one.values()
        elif not any(one == nothing and type(one) is type(nothing) for nothing in _SAYS_NOTHING):
            return True
    return False


def without_control_characters(text: str) -> str:
    """``text`` with ``_`` for line breaks, half characters and what else no text file or XML can hold."""
    unwritable = ("Cc", "Cs")
    return "".join("_" if category(char) in unwritable or char in "\ufffe\uffff" else char for char in text)


def _by_number(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() and name.isascii() and len(name) < 19 else (1, 0, name)

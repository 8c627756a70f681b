"""Attributes of whole photos: gender (a class), age (a number), whatever else a table or the file names say.

They stand in a CSV file (``attributes_csv.py``), in the file names (``attributes_from_name.py``), or in the label
files: as flags (``gender=female``) or as ``"attributes": {"age": 31}``. All of it is put together here, and what
cannot be right is refused by file and line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from thirtyfold.datasets import attributes_csv, attributes_from_name, labelme_json
from thirtyfold.datasets.attribute_options import FILE_NAME, AttributeOptions
from thirtyfold.datasets.listing import natural_key
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.whole_photo import head_and_value, tag_of
from thirtyfold.errors import LabelError, UsageError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

# Whole numbers of so few different values are rather names: 0 and 1, or five groups.
FEW_VALUES = 10
# The years that a person can have lived.
AGES = (0.0, 120.0)
# Beyond it a number is a time stamp or somebody's id, and nothing to learn from a picture.
_LARGEST = 1e9
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# What pandas and numpy write where nothing is known.
_NOT_A_NUMBER = ("nan", "inf", "-inf", "infinity", "-infinity")
_KEY = "attributes"

Kind = Literal["class", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One attribute: one of ``classes`` (in natural order), or a number."""

    kind: Kind
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What is known of which photo. ``by_photo`` maps a photo's file name to what it has, by head."""

    heads: Mapping[str, Head] = field(default_factory=dict)
    by_photo: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict)

    def of(self, photo_name: str) -> Mapping[str, str | float]:
        """A photo's values by head; those that are not known are not in it."""
        return self.by_photo.get(photo_name, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One value as somebody wrote it. ``place`` is the line of the file, where it has lines."""

    photo: str
    head: str
    text: str
    path: Path
    place: str = ""

    def wrong(self, reason: str) -> LabelError:
        return LabelError(self.path, f"{self.place}: {reason}" if self.place else reason)


def read_attributes(
    dataset: Dataset,
    options: AttributeOptions | None = None,
    *,
    missing_heads: Literal["refuse", "ignore"] = "refuse",
    progress: Progress = SILENT,
) -> Attributes:
    """Everything that is known of the photos of a dataset; no heads at all where nothing is.

    ``missing_heads`` is what is done about heads that the options name and no photo has.

    Raises :class:`LabelError` naming file and line for a table that cannot be read, a photo that is not there, two
    values that contradict each other, and values that cannot be right (an age of 200, a word among numbers);
    :class:`UsageError` for a pattern that fits no file name, and for heads that there are not.
    """
    options = options or AttributeOptions()
    paths = dataset.image_paths()
    names = [path.name for path in paths]
    given = [*_from_table(dataset, options, names), *_from_names(options, paths, progress)]
    given += _from_label_files(dataset, paths)
    by_head: dict[str, list[Given]] = {}
    for one in given:
        by_head.setdefault(one.head, []).append(one)
    unknown = [head for head in (*options.numbers, *options.classes) if head not in by_head]
    if unknown and missing_heads == "refuse":
        known = ", ".join(by_head) or "none"
        raise UsageError(f"{unknown[0]} is no attribute of {dataset.root}; there are: {known}")
    heads: dict[str, Head] = {}
    by_photo: dict[str, dict[str, str | float]] = {}
    for name, values in by_head.items():
        kind = _kind_of(name, values, options)
        if reason := _not_to_be_learned(name, kind, values, options):
            progress.say(f"note: {name} is left out of the attributes: {reason}")
            continue
        value_of = _value_by_photo(name, kind, values)
        heads[name] = Head(kind=kind, classes=_classes_of(name, values) if kind == "class" else ())
        for photo, value in value_of.items():
            by_photo.setdefault(photo, {})[name] = value
    return Attributes(heads=heads, by_photo=by_photo)


def attach(samples: Iterable[Sample], attributes: Attributes) -> list[Sample]:
    """The samples with their attributes: tags like ``gender=female``, values like ``{"age": 31.0}``.

    Copies get those of their photo. A tag that a sample has already stays: a copy's may have changed sides in a mirror.
    """
    result = []
    for sample in samples:
        known = attributes.of(sample.parent or sample.image_path.name)
        said = {pair[0] for tag in sample.tags if (pair := head_and_value(tag))}
        tags = tuple(
            tag_of(head, value) for head, value in known.items() if isinstance(value, str) and head not in said
        )
        numbers = {head: value for head, value in known.items() if isinstance(value, float)}
        if tags or numbers:
            sample = replace(sample, tags=sample.tags + tags, values={**numbers, **sample.values})  # noqa: PLW2901
        result.append(sample)
    return result


def _from_table(dataset: Dataset, options: AttributeOptions, photo_names: Sequence[str]) -> Iterator[Given]:
    path = options.table or dataset.root / FILE_NAME
    if options.table is None and not path.exists():
        return
    for row in attributes_csv.read_rows(path, photo_names, dataset.images_dir):
        for head, text in row.values.items():
            yield Given(photo=row.photo, head=head, text=text, path=path, place=f"line {row.line}")


def _from_names(options: AttributeOptions, paths: Sequence[Path], progress: Progress) -> Iterator[Given]:
    if not options.from_name:
        return
    pattern = attributes_from_name.parse_pattern(options.from_name)
    misfits = []
    for path in paths:
        found = attributes_from_name.values_in(path, pattern)
        if found is None:
            misfits.append(path.name)
            continue
        for head, text in found.items():
            yield Given(photo=path.name, head=head, text=text, path=path)
    if paths and len(misfits) == len(paths):
        raise UsageError(f"--attributes-from-name {options.from_name}: fits no file name, not even {misfits[0]}")
    if misfits:
        progress.say(
            f"note: {len(misfits)} of {len(paths)} file names do not fit {options.from_name}, first {misfits[0]}: "
            "nothing is known of these"
        )


def _from_label_files(dataset: Dataset, paths: Sequence[Path]) -> Iterator[Given]:
    for path in paths:
        label_path = dataset.label_path(path)
        if not label_path.exists():
            continue
        try:
            label_file = labelme_json.read(label_path)
        except LabelError:
            continue  # whoever reads the labels themselves says so
        if is_machine_made(label_file):
            continue
        pairs = [pair for tag in label_file.tags if (pair := head_and_value(tag))]
        stated = label_file.extra.get(_KEY, {})
        for head, text in [*pairs, *_stated(stated, label_path)]:
            yield Given(photo=path.name, head=head, text=text, path=label_path)


def _stated(raw: Any, label_path: Path) -> Iterator[tuple[str, str]]:
    """The ``"attributes"`` of a label file. What is none of ours is left alone: X-AnyLabeling has lists of its own."""
    if not isinstance(raw, Mapping):
        return
    for key, value in raw.items():
        head = " ".join(str(key).split())
        if not head or "=" in head:
            raise LabelError(label_path, f'"attributes": {head!r} is no name of one; it must not be empty or hold "="')
        if isinstance(value, bool):
            yield head, str(value).lower()
        elif isinstance(value, (str, int, float)):
            if text := " ".join(str(value).split()):
                yield head, text
        elif value is not None:
            raise LabelError(label_path, f'"attributes": {head} must be a text or a number, not {str(value)[:40]}')


def _kind_of(head: str, given: Sequence[Given], options: AttributeOptions) -> Kind:
    """Raises :class:`LabelError` for what is no number among numbers."""
    if head in options.classes:
        return "class"
    words = [one for one in given if not _NUMBER.fullmatch(one.text)]
    must_be_number = head in options.numbers or _is_age(head)
    different = {float(one.text) for one in given if _NUMBER.fullmatch(one.text)}
    mostly_numbers = len(words) * 10 <= len(given) and len(different) > FEW_VALUES
    if words and (must_be_number or mostly_numbers):
        others = "" if must_be_number and len(words) == len(given) else ", as the other values are"
        raise words[0].wrong(
            f"{head} {words[0].text!r} is not a number{others}; write it in digits, or leave it empty if it is not "
            "known" + ("" if must_be_number else f", or say --classes {head}")
        )
    if must_be_number or (not words and (len(different) > FEW_VALUES or any(value % 1 for value in different))):
        return "number"
    return "class"


def _not_to_be_learned(head: str, kind: Kind, given: Sequence[Given], options: AttributeOptions) -> str | None:
    if head in options.numbers or head in options.classes:
        return None
    if kind == "number" and not _is_age(head) and any(abs(float(one.text)) > _LARGEST for one in given):
        return f"numbers like {given[0].text} look like a time or an id (--numbers {head} keeps it)"
    different = len({one.text for one in given})
    if kind == "class" and len(given) >= FEW_VALUES and different * 2 > len(given):
        return f"{different} different values in {len(given)} photos are no classes (--classes {head} keeps it)"
    return None


def _value_by_photo(head: str, kind: Kind, given: Sequence[Given]) -> dict[str, str | float]:
    """Photo → value. Raises :class:`LabelError` for contradictions and for what cannot be right."""
    value_of: dict[str, str | float] = {}
    first: dict[str, Given] = {}
    for one in given:
        if one.text.casefold() in _NOT_A_NUMBER:
            raise one.wrong(f"{head} is {one.text!r}; leave it empty if it is not known")
        value = one.text if kind == "class" else _number(head, one)
        earlier = first.setdefault(one.photo, one)
        if value_of.setdefault(one.photo, value) != value:
            where = earlier.place or earlier.path.name
            raise one.wrong(
                f"{head} of {one.photo} is {one.text!r} here and {earlier.text!r} in {where}; keep the right one"
            )
    return value_of


def _number(head: str, given: Given) -> float:
    value = float(given.text)
    if not math.isfinite(value):
        raise given.wrong(f"{head} {given.text} is beyond all numbers; leave it empty if it is not known")
    if _is_age(head) and not AGES[0] <= value <= AGES[1]:
        raise given.wrong(
            f"{head} {given.text} is no age of a person, 0 to 120 years were expected; correct it, or leave it empty"
        )
    return value


def _classes_of(head: str, given: Sequence[Given]) -> tuple[str, ...]:
    """The classes in natural order. Raises :class:`LabelError` for two that differ in nothing but case and spaces."""
    alike: dict[str, Given] = {}
    for one in given:
        earlier = alike.setdefault(" ".join(one.text.casefold().split()), one)
        if earlier.text != one.text:
            where = earlier.place or earlier.path.name
            raise one.wrong(
                f"{head} {one.text!r} and {earlier.text!r} ({where}) would be two classes; write them alike"
            )
    return tuple(sorted({one.text for one in given}, key=natural_key))


def _is_age(head: str) -> bool:
    return head.casefold() == "age"

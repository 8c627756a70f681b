"""What is wrong with the classes of whole photos: missing, doubled, of one photo, or not to be learned. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from thirtyfold.datasets.check.problems import Problem
from thirtyfold.datasets.listing import natural_key, some_of
from thirtyfold.datasets.whole_photo import FEW_PHOTOS, head_and_value, plain_tags, unequal_classes

# With more photos of several classes they are meant to have several: flags of another kind.
_SLIPS = 0.1


def count_classes(tags: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Class → photos, in natural order. ``tags`` maps photos to their ticked flags, values of heads among them."""
    counts: dict[str, int] = {}
    for its in tags.values():
        for tag in its:
            counts[tag] = counts.get(tag, 0) + 1
    return {name: counts[name] for name in sorted(counts, key=natural_key)}


def class_problems(
    tags: Mapping[str, Sequence[str]], files: Mapping[str, str], parts: Mapping[str, str] | None
) -> Iterator[Problem]:
    """Problems of photos with classes. ``tags`` maps every readable photo to its ticked flags, ``files`` to the file
    that says so, ``parts`` to its part of the split.

    Silent unless half of the photos have a class of their own, as then the photos are no set of classes.
    """
    for photo, its in tags.items():
        for head, values in _values_by_head(its).items():
            if len(values) > 1:
                message = f"{head} is {' and '.join(values)}"
                yield Problem(code="class-two", file=files[photo], photo=photo, message=message)
    classes = {photo: plain_tags(its) for photo, its in tags.items()}
    counts = count_classes(classes)
    having = [photo for photo, its in classes.items() if its]
    if not having or 2 * len(having) < len(tags):
        return
    doubled = [photo for photo in having if len(classes[photo]) > 1]
    if len(doubled) <= max(1, _SLIPS * len(having)):
        for photo in doubled:
            message = f"{' and '.join(classes[photo])} are ticked, where other photos have one class"
            yield Problem(code="class-two", file=files[photo], photo=photo, message=message)
    for photo, its in classes.items():
        if not its:
            yield Problem(code="class-missing", file=files[photo], photo=photo, message="has no class, others have")
    yield from _problems_of_counts(counts, classes, files)
    if parts is not None:
        yield from _not_taught(counts, classes, parts)


def conflicts(
    pairs: Iterable[tuple[str, str]], tags: Mapping[str, Sequence[str]], files: Mapping[str, str]
) -> Iterator[Problem]:
    """Of ``pairs`` of photos that are the same picture, those under two classes, or with two values of one head."""
    for first, other in pairs:
        one, two = tags.get(first, ()), tags.get(other, ())
        mine, its = plain_tags(one), plain_tags(two)
        differing = [(mine, its)] if mine and its and set(mine) != set(its) else []
        heads, others = _values_by_head(one), _values_by_head(two)
        differing += [(heads[name], others[name]) for name in heads if name in others and heads[name] != others[name]]
        for left, right in differing:
            message = f"is {' and '.join(right)}, and the same picture {first} is {' and '.join(left)}"
            yield Problem(code="class-conflict", file=files[other], photo=other, others=(first,), message=message)


def _values_by_head(tags: Iterable[str]) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for tag in tags:
        if pair := head_and_value(tag):
            values[pair[0]] = (*values.get(pair[0], ()), pair[1])
    return values


def _problems_of_counts(
    counts: Mapping[str, int], classes: Mapping[str, Sequence[str]], files: Mapping[str, str]
) -> Iterator[Problem]:
    if len(counts) == 1:
        yield Problem(code="class-alone", file=".", message=f"all photos with a class are {next(iter(counts))}")
        return
    for name, count in counts.items():
        if count == 1:
            (photo,) = (photo for photo, its in classes.items() if name in its)
            message = f"is the only photo of the class {name}"
            yield Problem(code="class-one-photo", file=files[photo], photo=photo, message=message)
        elif count < FEW_PHOTOS:
            yield Problem(code="class-few-photos", file=".", message=f"{name} has {count} photos")
    if unequal := unequal_classes(counts):
        yield Problem(code="class-imbalance", file=".", message=unequal)


def _not_taught(
    counts: Mapping[str, int], classes: Mapping[str, Sequence[str]], parts: Mapping[str, str]
) -> Iterator[Problem]:
    for name in counts:
        photos = [photo for photo, its in classes.items() if name in its]
        if not any(parts.get(photo) == "train" for photo in photos):
            where = some_of([f"{photo} ({parts.get(photo, 'no part')})" for photo in photos])
            message = f"no train photo is {name}, only {where}"
            yield Problem(code="class-not-in-train", file="split.json", message=message)

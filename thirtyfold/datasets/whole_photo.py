"""Classes of whole photos: which one a photo has, how many have each, and what nothing can be learned from.

A class is a ticked flag of labelme (``Sample.tags``). A flag with ``=`` in it (``gender=female``) is no class
but the value of a head; those are ``attributes.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from thirtyfold.datasets.duplicates import exact_duplicates
from thirtyfold.datasets.listing import natural_key, some_of
from thirtyfold.errors import DataError, LabelError
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample

# A class with fewer photos can be trained, and its figures say little.
FEW_PHOTOS = 10
# The largest class has so many times the photos of the smallest: worth saying.
UNEQUAL = 10


def tag_of(head: str, value: str) -> str:
    """The tag (labelme's flag) by which a photo has ``value`` in ``head``."""
    return f"{head}={value}"


def head_and_value(tag: str) -> tuple[str, str] | None:
    """("gender", "female") of ``gender=female``; ``None`` for a plain class."""
    head, equals, value = (piece.strip() for piece in tag.partition("="))
    return (head, value) if equals and head and value else None


def plain_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that are classes of their own, not values of a head."""
    return tuple(tag for tag in tags if head_and_value(tag) is None)


def class_of(sample: Sample, classes: Sequence[str]) -> str | None:
    """The one of ``classes`` that the photo has; ``None`` for a photo without.

    Raises :class:`LabelError` if two of them are ticked.
    """
    found = [tag for tag in sample.tags if tag in classes]
    if len(found) > 1:
        raise LabelError(
            sample.image_path.with_suffix(".json"),
            f"has {len(found)} classes ticked ({', '.join(found)}) where one is meant; untick the others in labelme",
        )
    return found[0] if found else None


def class_counts(samples: Iterable[Sample]) -> dict[str, int]:
    """Class → photos that have it, in natural order (``9`` before ``10``). Augmented copies do not count."""
    counts: dict[str, int] = {}
    for sample in samples:
        for tag in plain_tags(sample.tags) if sample.parent is None else ():
            counts[tag] = counts.get(tag, 0) + 1
    return {name: counts[name] for name in sorted(counts, key=natural_key)}


def refuse_bad_classes(
    train: Sequence[Sample], val: Sequence[Sample], test: Sequence[Sample], root: Path, progress: Progress
) -> None:
    """Raise where no classifier can come of these photos; say what is worth knowing before the work begins.

    Refused are: no photo with a class, one class only, two classes on one photo (:class:`LabelError`), a class of
    a single photo, a class that the train part lacks, and one file under two classes (:class:`DataError`). Said
    are classes of fewer than :data:`FEW_PHOTOS` photos, of very unequal size, and parts that miss some.
    """
    parts = {"train": _originals(train), "val": _originals(val), "test": _originals(test)}
    everything = [sample for samples in parts.values() for sample in samples]
    counts = class_counts(everything)
    if not counts:
        raise DataError(
            f"{root}: no photo has a class; give a folder of photos for each class, or tick them with "
            f"`thirtyfold annotate {root} --flags NAME,NAME`"
        )
    if len(counts) == 1:
        (name,) = counts
        raise DataError(f"{root}: all photos are of one class, {name}; a classifier needs photos of another one, too")
    classes = tuple(counts)
    class_by_name = {sample.image_path.name: class_of(sample, classes) for sample in everything}
    _refuse_two_faced(everything, class_by_name, root)
    photos_of: dict[str | None, list[str]] = {}
    for photo, its_class in class_by_name.items():
        photos_of.setdefault(its_class, []).append(photo)
    taught = {class_by_name[sample.image_path.name] for sample in parts["train"]}
    for name, count in counts.items():
        photos = photos_of[name]
        if count == 1:
            raise DataError(
                f"{root}: the class {name} has one photo, {photos[0]}; there is nothing to learn it from and to "
                "test it on. Add more photos of it, or leave it out"
            )
        if name not in taught:
            raise DataError(
                f"{root}: no train photo is of the class {name}, only {some_of(photos)} of val or test; put photos of "
                f"it into the train part (`thirtyfold split {root}`), or leave it out"
            )
    for sentence in worth_saying(counts):
        progress.say(f"note: {sentence}")
    for part in ("val", "test"):
        missing = [name for name in classes if name not in class_counts(parts[part])]
        if parts[part] and missing:
            progress.say(f"note: no {part} photo is of {some_of(missing)}, so {part} figures say nothing about it")


def worth_saying(counts: Mapping[str, int]) -> list[str]:
    """Sentences about classes that are very unequal, or of very few photos."""
    sentences = []
    if unequal := unequal_classes(counts):
        sentences.append(f"classes are of very unequal size: {unequal}; class weights make up for some of it")
    few = [f"{name} ({count})" for name, count in counts.items() if count < FEW_PHOTOS]
    if few:
        sentences.append(f"fewer than {FEW_PHOTOS} photos of {some_of(few)}: figures of these will say little")
    return sentences


def unequal_classes(counts: Mapping[str, int]) -> str | None:
    """What stands beside what, if the largest class has more than :data:`UNEQUAL` times the photos of the smallest."""
    if len(counts) < 2:
        return None
    often, rare = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    if counts[often] <= UNEQUAL * counts[rare]:
        return None
    return f"{often} has {counts[often]} photos, {rare} {counts[rare]}"


def _refuse_two_faced(samples: Sequence[Sample], class_by_name: Mapping[str, str | None], root: Path) -> None:
    for first, other in exact_duplicates(sample.image_path for sample in samples if sample.record is None):
        one, two = class_by_name[first], class_by_name[other]
        if one is not None and two is not None and one != two:
            raise DataError(
                f"{root}: {first} and {other} are the same file, but one is {one} and the other {two}; "
                "remove one of the two"
            )


def _originals(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.parent is None]

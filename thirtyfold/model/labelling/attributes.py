"""Attributes of whole photos: what the task *attributes* learns, from a table, file names or label files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from thirtyfold.datasets.attributes import attach, read_attributes
from thirtyfold.datasets.listing import natural_key
from thirtyfold.datasets.whole_photo import FEW_PHOTOS, head_and_value, tag_of
from thirtyfold.errors import DataError
from thirtyfold.model.options import TrainOptions
from thirtyfold.predict.attribute_heads import Head, heads_of
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

_LEAVE_OUT = "name those that are to be learned with --labels"


def labelled(samples: Sequence[Sample], options: TrainOptions, dataset: Dataset) -> list[Sample]:
    """With what the table, the names and the label files say of each; copies have what their photo has.

    Flags of heads that are numbers, or are left out (a name on every photo), are none of their classes.
    """
    if not samples:
        return []
    # Photos to be judged on need not know everything that the training's did.
    attributes = read_attributes(dataset, options.attribute_options, missing_heads="ignore")
    chosen = {name for name, head in attributes.heads.items() if head.kind == "class"}

    def is_kept(tag: str) -> bool:
        pair = head_and_value(tag)
        return pair is None or pair[0] in chosen

    return [
        replace(sample, tags=tuple(tag for tag in sample.tags if is_kept(tag)))
        for sample in attach(samples, attributes)
    ]


def is_labelled(sample: Sample) -> bool:
    return bool(sample.values) or any(head_and_value(tag) for tag in sample.tags)


def how_to_label(dataset: Dataset) -> str:
    return f"write a table {dataset.root / 'attributes.csv'} with the columns image, gender, age, or what you know"


def classes(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset
) -> tuple[str, ...]:
    """``gender=female``, ``gender=male``, ``age``: the classes of each head, then the heads that are numbers.

    ``--labels gender,age`` chooses among the heads.
    """
    pairs = {pair for sample in train for tag in sample.tags if (pair := head_and_value(tag))}
    numbers = sorted({head for sample in train for head in sample.values})
    heads = [*sorted({head for head, _ in pairs}), *numbers]
    asked = (*options.labels, *options.number_heads, *options.class_heads)
    if missing := [name for name in asked if name not in heads]:
        raise DataError(
            f"{dataset.root}: no train photo has the attribute {missing[0]!r}; there are {', '.join(heads) or 'none'}"
        )
    named: list[str] = []
    for head in options.labels or heads:
        values = sorted((value for name, value in pairs if name == head), key=natural_key)
        named += [tag_of(head, value) for value in values] or [head]
    return tuple(named)


def check(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset, progress: Progress
) -> None:
    """Refuse what nothing can be learned of, and say what is worth knowing before the work begins.

    Refused are a head of one class or of one number only, a class or a head that only val and test photos have, and
    validation photos that say nothing about any head (:class:`DataError`).
    """
    read_attributes(dataset, options.attribute_options, missing_heads="ignore", progress=progress)  # for its notes
    heads = heads_of(classes(train, held_out, options, dataset))
    parts = {part: [photo for photo in held_out if photo.split == part] for part in ("val", "test")}
    _refuse_untaught(heads, held_out, options, dataset)
    for head in heads:
        known = [sample for sample in train if truth_of(sample, head) is not None]
        if head.classes:
            _check_classes(head, known, held_out, dataset, progress)
        elif len({sample.values[head.name] for sample in known}) < 2:
            raise DataError(
                f"{dataset.root}: {head.name} is {known[0].values[head.name]:g} in all train photos that have it, so "
                f"there is nothing to learn; {_LEAVE_OUT}"
            )
        if len(known) < len(train):
            progress.say(
                f"note: {head.name} is known of {len(known)} of {len(train)} train photos; it learns from those"
            )
        for part, photos in parts.items():
            if photos and all(truth_of(photo, head) is None for photo in photos):
                progress.say(f"note: {head.name} is known of no {part} photo, so {part} figures say nothing about it")
    if parts["val"] and all(truth_of(photo, head) is None for photo in parts["val"] for head in heads):
        raise DataError(
            f"{dataset.root}: no validation photo says anything about {', '.join(head.name for head in heads)}, so no "
            f"best epoch could be chosen; fill in some, or split again (`thirtyfold split {dataset.root}`)"
        )


def truth_of(sample: Sample, head: Head) -> str | float | None:
    """What is known of a photo in one head; ``None`` for nothing."""
    if not head.classes:
        return sample.values.get(head.name)
    found = [pair[1] for tag in sample.tags if (pair := head_and_value(tag)) and pair[0] == head.name]
    return found[0] if found else None


def _refuse_untaught(
    heads: Sequence[Head], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset
) -> None:
    """Refuse heads that only val and test photos have, unless it was said which are to be learned."""
    taught = {head.name for head in heads}
    for sample in held_out:
        its = [*sample.values, *(pair[0] for tag in sample.tags if (pair := head_and_value(tag)))]
        if not options.labels and (untaught := [name for name in its if name not in taught]):
            raise DataError(
                f"{sample.image_path}: has the attribute {untaught[0]!r}, which no train photo of {dataset.root} has; "
                f"split again, or {_LEAVE_OUT}"
            )


def _check_classes(
    head: Head, known: Sequence[Sample], held_out: Sequence[Sample], dataset: Dataset, progress: Progress
) -> None:
    if len(head.classes) < 2:
        raise DataError(
            f"{dataset.root}: all train photos have the same {head.name}, {head.classes[0]}; a second one is needed, "
            f"or {_LEAVE_OUT}"
        )
    for sample in held_out:
        truth = truth_of(sample, head)
        if truth is not None and truth not in head.classes:
            raise DataError(
                f"{sample.image_path}: its {head.name} is {truth}, which no train photo has "
                f"({', '.join(head.classes)}); split again, or correct it"
            )
    counts = Counter(truth_of(sample, head) for sample in known if sample.parent is None)
    few = [f"{name} ({counts[name]})" for name in head.classes if counts[name] < FEW_PHOTOS]
    if few:
        progress.say(f"note: {head.name}: fewer than {FEW_PHOTOS} train photos of {', '.join(few)}")

"""Attributes of whole photos: what the task *attributes* learns, from a table, file names or label files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.datasets.attributes import attach, read_attributes
from thirtyfold.datasets.split import natural_key
from thirtyfold.datasets.whole_photo import head_and_value, tag_of
from thirtyfold.errors import DataError
from thirtyfold.model.options import TrainOptions
from thirtyfold.predict.attribute_heads import Head, heads_of
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset


def labelled(samples: Sequence[Sample], options: TrainOptions, dataset: Dataset) -> list[Sample]:
    """With what the table, the names and the label files say of each; copies have what their photo has."""
    if not samples:
        return []
    asked = AttributeOptions(
        table=Path(options.attributes) if options.attributes else None,
        from_name=options.attributes_from_name,
        numbers=options.number_heads,
        classes=options.class_heads,
    )
    return attach(samples, read_attributes(dataset, asked))


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
    if missing := [name for name in options.labels if name not in heads]:
        raise DataError(f"{dataset.root}: no train photo has {missing[0]!r}; there are {', '.join(heads) or 'none'}")
    named: list[str] = []
    for head in options.labels or heads:
        values = sorted((value for name, value in pairs if name == head), key=natural_key)
        named += [tag_of(head, value) for value in values] or [head]
    return tuple(named)


def check(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset, progress: Progress
) -> None:
    """Refuse a head that nothing can be learned of: one class or number only, or classes of val and test alone."""
    for head in heads_of(classes(train, held_out, options, dataset)):
        if head.classes:
            _check_classes(head, held_out, dataset)
        elif len({sample.values[head.name] for sample in train if head.name in sample.values}) < 2:
            raise DataError(
                f"{dataset.root}: {head.name} is the same in all train photos that have it; there is nothing to learn"
            )
        known = [sample for sample in train if truth_of(sample, head) is not None]
        if len(known) < len(train):
            progress.say(
                f"note: {head.name} is known of {len(known)} of {len(train)} train photos; it learns from those"
            )


def truth_of(sample: Sample, head: Head) -> str | float | None:
    """What is known of a photo in one head; ``None`` for nothing."""
    if not head.classes:
        return sample.values.get(head.name)
    found = [pair[1] for tag in sample.tags if (pair := head_and_value(tag)) and pair[0] == head.name]
    return found[0] if found else None


def _check_classes(head: Head, held_out: Sequence[Sample], dataset: Dataset) -> None:
    if len(head.classes) < 2:
        raise DataError(
            f"{dataset.root}: all train photos have the same {head.name}, {head.classes[0]}; a second one is needed"
        )
    for sample in held_out:
        truth = truth_of(sample, head)
        if truth is not None and truth not in head.classes:
            raise DataError(
                f"{sample.image_path}: its {head.name} is {truth}, which no train photo has "
                f"({', '.join(head.classes)}); split again, or correct it"
            )

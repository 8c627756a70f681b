"""One class a photo, a ticked flag of its label file: what a classifier learns."""

from __future__ import annotations

from collections.abc import Sequence

from thirtyfold.datasets.whole_photo import class_counts, plain_tags, refuse_bad_classes
from thirtyfold.errors import DataError
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset


def labelled(samples: Sequence[Sample], options: TrainOptions, dataset: Dataset) -> list[Sample]:
    """As they are: a class is a ticked flag of the label file."""
    return list(samples)


def is_labelled(sample: Sample) -> bool:
    return bool(plain_tags(sample.tags))


def how_to_label(dataset: Dataset) -> str:
    return f"tick their classes with `thirtyfold annotate {dataset.root} --flags CLASS,CLASS`"


def classes(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset
) -> tuple[str, ...]:
    """The classes of the train photos, in natural order; ``--labels`` chooses among them."""
    known = tuple(class_counts(train))
    if missing := [label for label in options.labels if label not in known]:
        raise DataError(
            f"{dataset.root}: no train photo is of the class {missing[0]!r}; there are {', '.join(known) or 'none'}"
        )
    return options.labels or known


def check(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset, progress: Progress
) -> None:
    """Refuse what no classifier can be learned from (:func:`refuse_bad_classes`)."""
    parts = {part: [photo for photo in held_out if photo.split == part] for part in ("val", "test")}
    refuse_bad_classes(train, parts["val"], parts["test"], dataset.root, progress)

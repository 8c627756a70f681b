"""Drawn outlines: what a segmenter learns. A photo in which there is nothing teaches the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thirtyfold.datasets.formats.label_set import IGNORE_LABEL
from thirtyfold.datasets.formats.regions import encloses
from thirtyfold.datasets.samples import labels_of
from thirtyfold.errors import DataError
from thirtyfold.model.labelling.shapes import is_labelled
from thirtyfold.model.labelling.shapes import labelled as as_drawn
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

__all__ = ["check", "classes", "how_to_label", "is_labelled", "labelled"]

# Numbers 1 to 254 of a label map.
MOST_CLASSES = 254


def how_to_label(dataset: Dataset) -> str:
    return f"draw outlines with `thirtyfold annotate {dataset.root} --polygons`"


def labelled(samples: Sequence[Sample], options: TrainOptions, dataset: Dataset) -> list[Sample]:
    """As drawn, points and lines left out, which cover no pixel, and with ``--labels`` all other labels."""
    known = set(options.labels)
    kept = []
    for sample in as_drawn(samples, options, dataset):
        shapes = sample.annotations
        if shapes is not None:
            shapes = tuple(
                shape for shape in shapes if encloses(shape) and (not known or shape.label in {*known, IGNORE_LABEL})
            )
        kept.append(replace(sample, annotations=shapes))
    return kept


def classes(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset
) -> tuple[str, ...]:
    """The labels of the train part, sorted, or ``--labels`` in their order. Raises :class:`DataError`."""
    known = [label for label in labels_of(train) if label != IGNORE_LABEL]
    if not known:
        raise DataError(f"{dataset.root}: no outline is drawn in the train part; {how_to_label(dataset)}")
    if missing := [label for label in options.labels if label not in known]:
        raise DataError(f"{dataset.root}: no train photo holds a {missing[0]!r}; the labels are {', '.join(known)}")
    found = options.labels or tuple(known)
    if len(found) > MOST_CLASSES:
        raise DataError(f"{dataset.root}: {len(found)} labels are more than the {MOST_CLASSES} that a mask can hold")
    for sample in held_out:
        for shape in sample.annotations or ():
            if shape.label not in found and shape.label != IGNORE_LABEL:
                raise DataError(
                    f"{sample.image_path.with_suffix('.json')}: has the label {shape.label!r}, which no train photo "
                    f"has ({', '.join(found)}); rename it in labelme, split again, or choose with --labels"
                )
    return found


def check(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset, progress: Progress
) -> None:
    """Say so where the shapes are boxes, which make masks of their corners."""
    kinds = [shape.kind for sample in train if sample.parent is None for shape in sample.annotations or ()]
    boxes = kinds.count("rectangle")
    if boxes:
        progress.say(
            f"note: {boxes} of {len(kinds)} shapes are boxes, and all that lies in them is taken for the object; "
            + how_to_label(dataset)
        )

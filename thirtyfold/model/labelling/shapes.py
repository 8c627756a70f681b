"""Drawn shapes: what a detector learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thirtyfold.datasets.samples import labels_of
from thirtyfold.errors import DataError
from thirtyfold.images import letterbox_placement
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

# Narrower than this, in pixels of the model's input, an object is a speck.
_SMALLEST_PX = 8


def labelled(samples: Sequence[Sample], options: TrainOptions, dataset: Dataset) -> list[Sample]:
    """As drawn, but for ``--one-label``."""
    if not options.one_label:
        return list(samples)
    return [_all_called(sample, options.one_label) for sample in samples]


def is_labelled(sample: Sample) -> bool:
    return sample.annotations is not None


def how_to_label(dataset: Dataset) -> str:
    return f"draw them with `thirtyfold annotate {dataset.root}`"


def check(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset, progress: Progress
) -> None:
    """Photos without an object there have to be, and objects that are large enough."""
    _check_presence(train, options, dataset, progress)
    _check_sizes(train, options, progress)


def classes(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset
) -> tuple[str, ...]:
    known = labels_of(train)
    if not known:
        raise DataError(
            f"{dataset.root}: no shape is drawn in the train part; draw some with `thirtyfold annotate {dataset.root}`"
        )
    if options.labels:
        if missing := [label for label in options.labels if label not in known]:
            raise DataError(f"{dataset.root}: no train photo holds a {missing[0]!r}; the labels are {', '.join(known)}")
        known = dict.fromkeys(options.labels, 0)
    for sample in [*train, *held_out]:
        for annotation in sample.annotations or ():
            if annotation.label not in known:
                listed = "--labels" if options.labels else "the train part's labels"
                raise DataError(
                    f"{sample.image_path.with_suffix('.json')}: has the label {annotation.label!r}, which is not among "
                    f"{listed} ({', '.join(known)}); rename it in labelme or list it"
                )
    return tuple(known)


def _all_called(sample: Sample, label: str) -> Sample:
    """The same sample, every object of it called ``label``."""
    if not sample.annotations:
        return sample
    return replace(sample, annotations=tuple(replace(shape, label=label) for shape in sample.annotations))


def _check_presence(train: Sequence[Sample], options: TrainOptions, dataset: Dataset, progress: Progress) -> None:
    if any(not sample.annotations for sample in train):
        return
    text = (
        f"{dataset.root}: every train photo holds an object, so nothing shows the class head what *no object* looks "
        "like; take some photos out of the picture (`thirtyfold capture` asks for them)"
    )
    if options.heads == "global":
        raise DataError(f"{text}, or use --heads dense")
    progress.say(f"note: {text}")


def _check_sizes(train: Sequence[Sample], options: TrainOptions, progress: Progress) -> None:
    """Say so where many objects are so small in the model's input that nothing could find them."""
    sides = []
    for sample in train:
        scale, _ = letterbox_placement(sample.width, sample.height, options.size)
        for shape in sample.annotations or ():
            left, top, right, bottom = shape.box_xyxy
            sides.append(min(right - left, bottom - top) * scale)
    small = sum(side < _SMALLEST_PX for side in sides) / max(len(sides), 1)
    if small > 0.05:
        larger = next((size for size in (320, 448, 640) if size > options.size), None)
        progress.say(
            f"note: {small:.0%} of the objects are less than {_SMALLEST_PX} px wide or high at --size {options.size}, "
            "too small to be found" + (f"; try --size {larger}" if larger else "")
        )

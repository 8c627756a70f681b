"""Which labels a task learns, by the task's name. No Keras here: evaluating a finished model asks for them, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

LABELLINGS: dict[str, str] = {
    "detect": "thirtyfold.model.labelling.shapes",
    "classify": "thirtyfold.model.labelling.classes",
    "attributes": "thirtyfold.model.labelling.attributes",
    "segment": "thirtyfold.model.labelling.outlines",
    "recognize": "thirtyfold.model.labelling.people",
}


# What of a training's options decides about its labels.
_FIELDS = (
    "task", "labels", "one_label", "attributes", "attributes_from_name", "number_heads", "class_heads", "faces",
)  # fmt: skip


class Labelling(Protocol):
    """What a module of the table offers (PEP 544)."""

    def labelled(self, samples: Sequence[Sample], options: TrainOptions, dataset: Dataset) -> list[Sample]:
        """The samples with the labels that the task learns, where those don't stand in their label files already.

        Called for photos and for copies. Raises :class:`DataError`.
        """

    def is_labelled(self, sample: Sample) -> bool:
        """Whether there is something to learn from the photo; a verified empty one counts, for a detector."""

    def how_to_label(self, dataset: Dataset) -> str:
        """What to do with a photo that is not, for the end of a sentence."""

    def classes(
        self, train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset
    ) -> tuple[str, ...]:
        """What the outputs stand for, in their order. Raises :class:`DataError`."""

    def check(
        self,
        train: Sequence[Sample],
        held_out: Sequence[Sample],
        options: TrainOptions,
        dataset: Dataset,
        progress: Progress,
    ) -> None:
        """Say what will spoil the training, or refuse it with a :class:`DataError`."""


def labelling_options(trained_with: Mapping[str, Any]) -> TrainOptions:
    """Those of a run's options, from ``model.json``, that say what its labels are.

    The others may be of another version, and are no matter here. Raises :class:`UsageError`, :class:`TypeError`.
    """
    given: dict[str, Any] = {name: trained_with[name] for name in _FIELDS if name in trained_with}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return TrainOptions(**given)


def load_labelling(task: str) -> Labelling:
    """The labelling of a task."""
    return cast(Labelling, import_module(LABELLINGS[task]))

"""The tasks, by name. Nothing else in the program asks which task it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from thirtyfold.model.inputs import Encoded
from thirtyfold.model.options import TrainOptions
from thirtyfold.predict.artifact import Artifact
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData

TASKS: dict[str, str] = {
    "detect": "thirtyfold.model.detect",
    "classify": "thirtyfold.model.classify",
    "attributes": "thirtyfold.model.attributes",
    "segment": "thirtyfold.model.segment",
    "recognize": "thirtyfold.model.recognize",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A model in its parts, which share their weights.

    ``model`` takes "image" to named outputs, preprocessing inside; it is what is exported. ``backbone`` is where
    given weights are loaded, ``heads`` is what stands on it.

    For a backbone that stays as it is loaded, ``trunk`` takes "image" to the maps that are stored (``stored``, the
    names of their layers), and ``learner`` those numbered ``learner_takes`` (left out: all) to the outputs: where a
    cheap piece of the backbone lies between what is stored and the heads, it is in the learner. ``tuner`` takes the
    stored maps of ``tuner_takes`` to the outputs, with the backbone's top block, ``top_layers``, in it; ``None`` where
    there is nothing to tune.
    """

    model: Any
    backbone: Any
    trunk: Any
    heads: Any
    learner: Any
    stored: tuple[str, ...]
    learner_takes: tuple[int, ...] = ()
    tuner: Any = None
    tuner_takes: tuple[int, ...] = ()
    top_layers: tuple[Any, ...] = ()

    @property
    def first_takes(self) -> tuple[int, ...]:
        """The stored maps that the learner takes."""
        return self.learner_takes or tuple(range(len(self.stored)))


class Task(Protocol):
    """What a module of the table offers (PEP 544). Which labels it learns is said in ``labelling/``."""

    def resolve_options(self, options: TrainOptions, samples: Sequence[Sample], classes: Sequence[str]) -> TrainOptions:
        """The options with everything filled in that the train photos decide.

        With ``--share`` these are some of the train photos: there may be none of a class.
        """

    def build(self, options: TrainOptions, classes: Sequence[str]) -> Network:
        """The network from "image" uint8 (batch, size, size, 3) to named outputs."""

    def losses(self, options: TrainOptions, classes: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
        """A loss an output, and its weight."""

    def encode_sample(self, sample: Sample, options: TrainOptions, classes: Sequence[str]) -> Encoded:
        """What the outputs should be for one photo."""

    def decoder(self, options: TrainOptions, classes: Sequence[str], *, many: bool) -> tuple[str, dict[str, Any]]:
        """The function of ``predict.decoders`` that reads the outputs, and its options."""


def load_task(name: str) -> Task:
    """The module of a task."""
    return cast(Task, import_module(TASKS[name]))


def describe(task: Task, options: TrainOptions, data: TrainingData) -> Artifact:
    """What a network of this training means, without its forms and figures."""
    decoder, decoder_options = task.decoder(options, data.classes, many=data.many)
    return Artifact(
        task=options.task,
        classes=data.classes,
        size=options.size,
        decoder=decoder,
        decoder_options=decoder_options,
        forms={},
        prepare=options.prepare,
    )

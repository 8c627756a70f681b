"""The tasks, by name. Nothing else in the program asks which task it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from thirtyfold.model.inputs import Encoded
from thirtyfold.model.options import TrainOptions
from thirtyfold.sample import Sample

TASKS: dict[str, str] = {"detect": "thirtyfold.model.detect"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A model in its parts: ``model`` is ``heads`` after ``trunk``; their weights are shared.

    ``trunk`` takes "image" to a list of feature maps (the preprocessing is in it),
    ``heads`` those maps to named outputs. ``backbone`` is where given weights are loaded.
    """

    model: Any
    backbone: Any
    trunk: Any
    heads: Any


class Task(Protocol):
    """What a module of the table offers (PEP 544)."""

    def build(self, options: TrainOptions, class_count: int) -> Network:
        """The network from "image" uint8 (batch, size, size, 3) to named outputs."""

    def losses(self, options: TrainOptions) -> tuple[dict[str, Any], dict[str, float]]:
        """A loss an output, and its weight."""

    def encode_sample(self, sample: Sample, options: TrainOptions, classes: Sequence[str]) -> Encoded:
        """What the outputs should be for one photo."""

    def decoder(self, options: TrainOptions, *, many: bool) -> tuple[str, dict[str, Any]]:
        """The function of ``predict.decoders`` that reads the outputs, and its options."""


def load_task(name: str) -> Task:
    """The module of a task."""
    return cast(Task, import_module(TASKS[name]))

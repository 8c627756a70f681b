"""What judging asks of each task, found by the task's name in :data:`EXAMS`.

Training asks for the score of an epoch, export how far the forms of a model are apart, ``train`` for figures and a
report, ``compare`` for one number a photo. Nothing but this module's table asks which task it is. A task that can
say how good its answer for one photo is takes most of it from :class:`thirtyfold.model.exams.photo.PhotoExam`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from thirtyfold.errors import FileDataError
from thirtyfold.model.spread import Look
from thirtyfold.model.validation import Score
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.model.export.agreement import Comparison, Runner
    from thirtyfold.model.report.card import CardWords
    from thirtyfold.model.report.page import Plot

EXAMS: dict[str, str] = {
    "detect": "thirtyfold.model.exams.detect",
    "classify": "thirtyfold.model.exams.classify",
    "attributes": "thirtyfold.model.exams.attributes",
    "segment": "thirtyfold.model.exams.segment",
    "recognize": "thirtyfold.model.exams.recognize",
}
PARTS = ("val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a model did on one part of the photos.

    ``figures`` are plain values for ``model.json`` and ``--json``: ``photos``, those of :attr:`Exam.headline`, their
    ``intervals`` (as ``metrics.intervals.Intervals.to_dict`` has them), and what the task adds. ``detail`` is what
    its plots and pictures are drawn from.
    """

    figures: Mapping[str, Any]
    detail: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A finished model judged on validation and test photos; ``parts`` lacks a part without photos.

    ``calibration`` is that of :class:`thirtyfold.predict.calibration.Calibration`. ``notes`` are sentences on what the
    figures are worth. ``detail`` is what the report of a detector needs besides.
    """

    threshold: float
    parts: Mapping[str, Part]
    calibration: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[FileDataError, ...] = ()
    detail: Any = None

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures by part, for ``model.json``."""
        return {name: dict(part.figures) for name, part in self.parts.items()}


class Exam(ABC):
    """How models of one task are judged.

    ``headline`` are the figures of the tables: (key, title, format), the deciding one first. ``quality_name`` is the
    name of the score that :meth:`looks` gives, ``quality_note`` a remark on it. For comparisons: ``beside`` is the
    figure in the next column, ``compared`` are the parts that are judged, and ``answer`` is the word for what a model
    gives for a photo. ``measures_lengths``: some figures are lengths, which are given in millimetres where the size of
    a pixel is known.
    """

    headline: ClassVar[tuple[tuple[str, str, str], ...]]
    quality_name: ClassVar[str]
    quality_note: ClassVar[str] = ""
    beside: ClassVar[tuple[str, str, str] | None] = None
    compared: ClassVar[tuple[str, ...]] = PARTS
    answer: ClassVar[str] = "answer"
    measures_lengths: ClassVar[bool] = False

    @abstractmethod
    def validate(
        self, model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], artifact: Artifact, *, batch: int
    ) -> Score:
        """The score of an epoch. ``arrays`` are the inputs of the Keras ``model``, a row a photo.

        ``artifact`` says what its outputs mean, and has no forms yet.
        """

    @abstractmethod
    def compare_forms(
        self, runners: Mapping[str, Runner], artifact: Artifact, samples: Sequence[Sample], *, progress: Progress
    ) -> Comparison:
        """How far the forms of one model, by file name, are from Keras."""

    @abstractmethod
    def examine(
        self, predictor: Predictor, val: Sequence[Sample], test: Sequence[Sample], *, progress: Progress
    ) -> Examined:
        """Choose the threshold (and calibrate, where the task does so) on ``val``, then judge both parts."""

    @abstractmethod
    def report(
        self, run_dir: Path, artifact: Artifact, examined: Examined, rows: Sequence[Mapping[str, float]]
    ) -> None:
        """Write ``report.html`` and ``plots/`` of a training; ``rows`` are those of ``results.csv``."""

    @abstractmethod
    def looks(
        self, predictor: Predictor, samples: Sequence[Sample], *, progress: Progress = SILENT, label: str = "judging"
    ) -> tuple[Look, ...]:
        """What a model made of each photo, for comparing models."""

    def headline_of(self, figures: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        """The headline of one part's figures; tasks whose figures depend on the model override it."""
        return self.headline

    def study_plots(self, name: str, figures: Mapping[str, Any]) -> Sequence[Plot]:
        """What a comparison shows of each model besides its line; ``name`` is that of the photos."""
        return ()

    @abstractmethod
    def facts(self, figures: Mapping[str, Any]) -> dict[str, str]:
        """The headline figures of a part in words, as the end of a training shows them."""

    @abstractmethod
    def card_words(self, artifact: Artifact) -> CardWords:
        """What the model card says of a model of this task."""


def load_exam(task: str) -> Exam:
    """The exam of a task."""
    return cast(Exam, import_module(EXAMS[task]).EXAM)

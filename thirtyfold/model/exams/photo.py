"""Judging photo by photo: for tasks that can say how good the answer for one photo is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.model.exams.base import PARTS, Exam, Examined, Part
from thirtyfold.model.judge import raw_outputs
from thirtyfold.model.metrics.detection import NO_SESSION
from thirtyfold.model.spread import Look
from thirtyfold.model.validation import Score
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import Outputs
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.datasets.pixel_spacing import MmPerPixel
    from thirtyfold.images import Pixels
    from thirtyfold.model.export.agreement import Comparison, Runner
    from thirtyfold.model.report.page import Big, Gallery, Plot, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How photos are judged.

    Photos that can't be read are appended to ``problems``. ``label`` stands at the bar of ``progress``. ``threshold``
    is the score from which something is shown; ``None`` where it is still to be chosen by these very photos.
    ``mm_per_pixel`` says how large the pixels of a photo are, by its file name, where that is known.
    """

    problems: list[FileDataError] = field(default_factory=list)
    progress: Progress = SILENT
    label: str = "judging"
    threshold: float | None = None
    mm_per_pixel: Mapping[str, MmPerPixel] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """What a report shows of one part: large figures, tables, plots, pictures. ``key`` says what their colours mean."""

    bigs: Sequence[Big] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    galleries: Sequence[Gallery] = ()
    key: str = ""


class PhotoExam(Exam):
    """An exam that needs :meth:`quality`, :meth:`part` and :meth:`sections`; ``evaluate`` works with it, too.

    ``tolerance`` is how far a number of another form of the same 32-bit network may be from Keras's. ``too_few`` says
    what it means that :meth:`part` gives nothing.
    """

    tolerance: ClassVar[float] = 0.01
    too_few: ClassVar[str] = "none of the photos to judge on can be read"

    @abstractmethod
    def quality(self, outputs: Outputs, sample: Sample, artifact: Artifact, *, threshold: float = 0.0) -> float | None:
        """How good the raw outputs (1, …) for a photo are, 0 to 1; ``None`` where the photo says nothing about it.

        What has a lower score than ``threshold`` is not shown, and does not count.
        """

    @abstractmethod
    def part(self, predictor: Predictor, samples: Sequence[Sample], judging: Judging) -> Part | None:
        """Judge photos; ``None`` where they are too few for it, or none of them can be read."""

    @abstractmethod
    def sections(self, part: Part, name: str, artifact: Artifact) -> Sections:
        """What the report shows of ``part``, which is called ``name`` (*test photos*)."""

    def remarks(self, figures: Mapping[str, Any]) -> Sequence[str]:
        """What `evaluate` says below its table of a part's figures, a sentence each."""
        return ()

    def units(self, artifact: Artifact) -> Mapping[str, float]:
        """The unit that ``tolerance`` is counted in, by the output's name; 1 for an output that is not named."""
        return {}

    def lead(self, artifact: Artifact) -> str:
        """The sentence about the network that a report begins with."""
        options = artifact.training["options"]
        return f"{options['backbone']}, {artifact.size} px, classes {', '.join(artifact.classes)}."

    def threshold(self, val: Part | None) -> float:
        """The score from which something is shown, chosen on validation photos."""
        return 0.0

    def validate(
        self, model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], artifact: Artifact, *, batch: int
    ) -> Score:
        """The mean of :meth:`quality`."""
        values = [
            value
            for outputs, sample in raw_outputs(model, arrays, samples, batch=batch)
            if (value := self.quality(outputs, sample, artifact)) is not None
        ]
        mean = sum(values) / len(values) if values else 0.0
        key = "val_" + self.quality_name.replace(" ", "_")
        return Score(value=mean, row={key: mean}, text=f"validation {self.quality_name} {mean:.3f}")

    def compare_forms(
        self, runners: Mapping[str, Runner], artifact: Artifact, samples: Sequence[Sample], *, progress: Progress
    ) -> Comparison:
        from thirtyfold.model.export.outputs import compare_outputs

        return compare_outputs(self, runners, artifact, samples, progress=progress)

    def examine(
        self, predictor: Predictor, val: Sequence[Sample], test: Sequence[Sample], *, progress: Progress
    ) -> Examined:
        problems: list[FileDataError] = []
        parts: dict[str, Part] = {}
        threshold: float | None = None
        for name, samples in zip(PARTS, (val, test), strict=True):
            judging = Judging(problems=problems, progress=progress, label=f"judging {name}", threshold=threshold)
            part = self.part(predictor, samples, judging)
            if name == "val":
                threshold = self.threshold(part)
            if part is not None:
                parts[name] = part
        return Examined(
            threshold=threshold or 0.0,
            parts=parts,
            notes=tuple(_missing(parts)),
            problems=tuple(problems),
        )

    def report(
        self, run_dir: Path, artifact: Artifact, examined: Examined, rows: Sequence[Mapping[str, float]]
    ) -> None:
        from thirtyfold.model.report.photo_pages import write_training

        write_training(self, run_dir, artifact, examined, rows)

    def looks(
        self, predictor: Predictor, samples: Sequence[Sample], *, progress: Progress = SILENT, label: str = "judging"
    ) -> tuple[Look, ...]:
        """:meth:`quality` of each photo; those that say nothing are left out."""
        looks = []
        for outputs, sample in judged_outputs(predictor, samples, Judging(progress=progress, label=label)):
            value = self.quality(outputs, sample, predictor.artifact, threshold=predictor.threshold)
            if value is not None:
                looks.append(look_at(sample, value))
        return tuple(looks)

    def facts(self, figures: Mapping[str, Any]) -> dict[str, str]:
        return {
            title: f"{figures[key]:{form}} over {figures['photos']} photos"
            for key, title, form in self.headline_of(figures)
            if figures.get(key) is not None
        }


def judged_pixels(samples: Sequence[Sample], judging: Judging) -> Iterator[tuple[Pixels, Sample]]:
    """The pixels of each photo that can be read."""
    with judging.progress.bar(judging.label, total=len(samples), unit="photo") as bar:
        for sample in samples:
            bar.advance()
            try:
                pixels = read_pixels(sample)
            except FileDataError as error:
                judging.problems.append(error)
            else:
                yield pixels, sample


def judged_outputs(
    predictor: Predictor, samples: Sequence[Sample], judging: Judging
) -> Iterator[tuple[Outputs, Sample]]:
    """What a finished model gives for each photo that can be read, (1, …) by name."""
    for pixels, sample in judged_pixels(samples, judging):
        yield predictor.outputs(predictor.square(pixels)[0]), sample


def look_at(sample: Sample, score: float) -> Look:
    """The look at a photo of a task that asks one thing of it."""
    session = sample.session or NO_SESSION
    return Look(photo=sample.image_path.name, session=session, objects=1, score=round(score, 6))


def _missing(parts: Mapping[str, Part]) -> list[str]:
    """What it means for the figures that there are no validation or no test photos."""
    if "test" in parts:
        return [] if "val" in parts else ["no validation photos: the best epoch was chosen by the training loss"]
    return ["no test photos: the best epoch was chosen on the validation photos, so their figures flatter"]

"""How far the forms of a model are from Keras where its outputs are no boxes: by the outputs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.model.export.agreement import TIMED_PHOTOS, Comparison, Runner, noise, time_runners
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.forms import KERAS
from thirtyfold.predict.prepare import prepared_square
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from thirtyfold.images import Pixels
    from thirtyfold.model.exams.photo import PhotoExam


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFigures:
    """One form against Keras: the largest and the mean difference of any number of any output.

    Differences are counted in the units of :meth:`PhotoExam.units`.
    """

    ms: float
    quality: float | None
    quality_name: str
    largest_difference: float
    mean_difference: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether no number differs by more than ``tolerance``."""
        return self.largest_difference <= self.tolerance

    def apart(self) -> str:
        return f"outputs at most {self.largest_difference:.2g} apart, {self.mean_difference:.2g} in the mean"

    def in_short(self) -> dict[str, float]:
        return {"largest_difference": round(self.largest_difference, 6)}

    def to_dict(self) -> dict[str, Any]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}


def compare_outputs(
    exam: PhotoExam,
    runners: Mapping[str, Runner],
    artifact: Artifact,
    samples: Sequence[Sample],
    *,
    progress: Progress = SILENT,
) -> Comparison:
    """Run every form on the photos; ``runners`` go by file name, and have Keras among them.

    A photo that can't be read is left out: it was named when it was read for training. With no photo at all
    the forms are compared on noise.
    """
    gaps: dict[str, list[tuple[float, float]]] = {file: [] for file in runners}
    qualities: dict[str, list[float]] = {file: [] for file in runners}
    squares: list[Pixels] = []
    photos = 0
    units = exam.units(artifact)

    def add(square: Pixels, sample: Sample | None) -> None:
        outputs = {file: run(square) for file, run in runners.items()}
        for file, ours in outputs.items():
            gaps[file].append(_gap(ours, outputs[KERAS], units))
            if sample is not None and (value := exam.quality(ours, sample, artifact)) is not None:
                qualities[file].append(value)

    with progress.bar("comparing the forms", total=len(samples), unit="photo") as bar:
        for sample in samples:
            bar.advance()
            try:
                square = prepared_square(read_pixels(sample), artifact.size, artifact.prepare)[0]
            except FileDataError:
                continue
            add(square, sample)
            photos += 1
            if len(squares) < TIMED_PHOTOS:
                squares.append(square)
    if not squares:
        squares = noise(artifact.size)
        for square in squares:
            add(square, None)
    times_ms = time_runners(runners, squares)
    return Comparison(
        photos=photos,
        threshold=0.0,
        figures={
            file: OutputFigures(
                ms=times_ms[file],
                quality=float(np.mean(qualities[file])) if qualities[file] else None,
                quality_name=exam.quality_name,
                largest_difference=max(largest for largest, _ in gaps[file]),
                mean_difference=float(np.mean([mean for _, mean in gaps[file]])),
                tolerance=exam.tolerance,
            )
            for file in runners
        },
    )


def _gap(ours: Mapping[str, Any], theirs: Mapping[str, Any], units: Mapping[str, float]) -> tuple[float, float]:
    """The largest and the mean difference over all outputs that are read; Keras may have more, for its losses."""
    apart = [
        np.abs(np.asarray(ours[name], np.float64) - np.asarray(theirs[name], np.float64)) / units.get(name, 1.0)
        for name in theirs
        if name in ours
    ]
    return max(float(one.max()) for one in apart), float(np.mean([one.mean() for one in apart]))

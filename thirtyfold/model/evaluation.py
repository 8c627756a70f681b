"""A finished model judged on the photos it was not trained on: calibration, threshold, then figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from thirtyfold.errors import FileDataError
from thirtyfold.model.exams.base import PARTS
from thirtyfold.model.judge import judge_photos
from thirtyfold.model.metrics.coco import coco_figures
from thirtyfold.model.metrics.detection import Judged, best_threshold
from thirtyfold.model.metrics.labels import comparable, labels_in, only
from thirtyfold.model.metrics.part import PartFigures, part_figures, scored_boxes
from thirtyfold.model.metrics.reliability import Fitted, fit_calibration
from thirtyfold.predict.calibration import calibrate
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """``threshold`` is one of calibrated scores, chosen on the validation photos.

    ``parts`` are those of ``val`` and ``test`` that hold a photo which can be read; ``metrics`` their figures
    for ``model.json``. ``fitted`` is how the scores were calibrated. ``notes`` are worth saying, a sentence each.
    """

    threshold: float
    parts: Mapping[str, PartFigures]
    fitted: Fitted
    notes: tuple[str, ...] = ()
    problems: tuple[FileDataError, ...] = ()

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures by part: ``mean_iou``, ``ap50``, ``intervals``, ``sessions`` and the rest of ``part_figures``."""
        return {part: dict(figures.figures) for part, figures in self.parts.items()}

    @property
    def judged(self) -> dict[str, tuple[Judged, ...]]:
        return {part: figures.judged for part, figures in self.parts.items()}


def evaluate_predictor(
    predictor: Predictor, val: Sequence[Sample], test: Sequence[Sample], *, progress: Progress = SILENT
) -> Evaluation:
    """Calibrate the scores and choose the threshold on ``val``, then measure both parts.

    A predictor that calibrates its scores already keeps its calibration.
    """
    problems: list[FileDataError] = []
    judged = {
        part: judge_photos(predictor, samples, problems=problems, progress=progress, label=f"judging {part}")
        for part, samples in zip(PARTS, (val, test), strict=True)
    }
    fitted = fit_on(judged["val"])
    if predictor.calibration.is_identity:
        judged = {part: [calibrated(item, fitted) for item in items] for part, items in judged.items()}
    else:
        fitted = replace(fitted, calibration=predictor.calibration, note="calibrated in training")
    threshold = best_threshold(judged["val"])
    parts, notes = {}, []
    for part, items in judged.items():
        if not items:
            continue
        fair = comparable(items, predictor.classes)
        parts[part] = part_figures(fair.judged, fair.labels, threshold, calibration=fitted.calibration)
        if fair.note:
            notes.append(f"{part}: {fair.note}")
    notes += statements(parts)
    return Evaluation(threshold=threshold, parts=parts, fitted=fitted, notes=tuple(notes), problems=tuple(problems))


def fit_on(judged: Sequence[Judged]) -> Fitted:
    """The calibration of raw scores, from photos that nothing was trained on."""
    return fit_calibration(*scored_boxes([coco_figures(only(judged, label)) for label in _all_labels(judged)]))


def calibrated(item: Judged, fitted: Fitted) -> Judged:
    """The same photo with calibrated scores."""
    return Judged(sample=item.sample, predictions=calibrate(item.predictions, fitted.calibration))


def statements(parts: Mapping[str, PartFigures]) -> list[str]:
    """What the parts that are there and not there mean for the figures."""
    notes = []
    if "val" not in parts:
        notes.append("no validation photos: the score threshold is 0.5, and was not chosen")
    elif not labels_in(parts["val"].judged):
        notes.append("no object in the validation photos: the score threshold is 0.5, and was not chosen")
    if "test" not in parts:
        notes.append(
            "no test photos: the best epoch, the threshold and the calibration were chosen on the validation photos, "
            "so their figures flatter"
        )
    return notes


def _all_labels(judged: Sequence[Judged]) -> list[str]:
    return sorted({*labels_in(judged), *(shape.label for item in judged for shape in item.predictions)})

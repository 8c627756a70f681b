"""Everything that is said about a model on one part of the photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thirtyfold.model.metrics.coco import CocoFigures, coco_figures, mean_summary
from thirtyfold.model.metrics.confusion import BACKGROUND, confusion
from thirtyfold.model.metrics.detection import Judged, by_session, measure, tally
from thirtyfold.model.metrics.intervals import bootstrap
from thirtyfold.model.metrics.labels import ANY, as_any, labels_in, only
from thirtyfold.model.metrics.reliability import Reliability, reliability
from thirtyfold.predict.calibration import Calibration
from thirtyfold.predict.matching import match

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IOU_BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFigures:
    """``figures`` are plain values for ``model.json``; ``curves`` the precision at 101 recalls (IoU 0.5), by label.

    ``before`` is the reliability of the scores as the network gave them, where they were calibrated.
    """

    judged: tuple[Judged, ...]
    figures: Mapping[str, Any]
    curves: Mapping[str, tuple[float, ...]]
    after: Reliability
    before: Reliability | None = None

    def to_dict(self) -> dict[str, Any]:
        """For ``evaluation.json``: the figures, and what its plots are drawn from."""
        reliabilities = {"after": self.after.to_dict()}
        if self.before is not None:
            reliabilities["before"] = self.before.to_dict()
        curves = {label: [round(value, 6) for value in curve] for label, curve in self.curves.items()}
        return {**self.figures, "precision_at_recall": curves, "reliability": reliabilities}


def part_figures(
    judged: Sequence[Judged],
    labels: Sequence[str],
    threshold: float,
    *,
    calibration: Calibration | None = None,
) -> PartFigures:
    """The figures of photos whose boxes carry (calibrated) scores, at one threshold.

    ``labels`` are those the model knows; truths of other labels must not be there
    (:func:`thirtyfold.model.metrics.labels.comparable`). ``calibration`` is what made the scores.
    """
    names = sorted({*labels, *labels_in(judged)})
    of_label = {label: coco_figures(only(judged, label)) for label in names}
    together = coco_figures(as_any(judged)) if len(names) > 1 else of_label[names[0]]
    present = [label for label in names if any(of_label[label].hits.truths)]
    tallies = [tally(item, threshold) for item in judged]
    scores, right = scored_boxes(list(of_label.values()))
    after = reliability(scores, right)
    before = None
    if calibration is not None and not calibration.is_identity:
        before = reliability(_undone(scores, calibration), right)
    figures: dict[str, Any] = {
        **measure(judged, threshold).to_dict(),
        **_rounded(mean_summary([of_label[label].summary for label in present or names])),
        **_on_empty_photos(judged, threshold),
        "calibration_error": after.to_dict()["error"],
        "intervals": bootstrap(judged, tallies, [of_label[label].hits for label in present]).to_dict(),
        ANY: {**_at_threshold(as_any(judged), threshold), **_rounded(together.summary)},
        "classes": {
            label: {**_at_threshold(only(judged, label), threshold), **_rounded(of_label[label].summary)}
            for label in names
        },
        "iou_histogram": iou_histogram(judged, threshold),
        "confusion": {"labels": [*names, BACKGROUND], "counts": confusion(judged, names, threshold)},
        "sessions": {key: value.to_dict() for key, value in by_session(judged, threshold).items()},
    }
    if before is not None:
        figures["calibration_error_before"] = before.to_dict()["error"]
    curves = {label: of_label[label].precision_at_recall for label in present}
    if len(present) > 1:
        curves[ANY] = together.precision_at_recall
    return PartFigures(judged=tuple(judged), figures=figures, curves=curves, after=after, before=before)


def scored_boxes(of_labels: Sequence[CocoFigures]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Every judged box's score and whether it was right, over all labels: (D,), (D,)."""
    import numpy as np

    scores = np.concatenate([[], *(figures.hits.scores for figures in of_labels)])
    right = np.concatenate([np.zeros(0, bool), *(figures.hits.hits[0] for figures in of_labels)])
    return scores, right


def iou_histogram(judged: Sequence[Judged], threshold: float) -> list[int]:
    """How many objects were met with an IoU of 0 to 0.05, …, 0.95 to 1; those that nothing met stand in the first."""
    counts = [0] * IOU_BINS
    for item in judged:
        shown = item.shown(threshold)
        overlaps = [overlap for _, _, overlap in match(item.truths, shown)]
        overlaps += [0.0] * (len(item.truths) - len(overlaps))
        for overlap in overlaps:
            counts[min(int(overlap * IOU_BINS), IOU_BINS - 1)] += 1
    return counts


def _at_threshold(judged: Sequence[Judged], threshold: float) -> dict[str, Any]:
    metrics = measure(judged, threshold).to_dict()
    return {name: metrics[name] for name in ("objects", "mean_iou", "precision", "recall", "f1")}


def _on_empty_photos(judged: Sequence[Judged], threshold: float) -> dict[str, Any]:
    """False boxes on photos that somebody said are empty; the cleanest look at what a model makes up."""
    empty = [item for item in judged if item.sample.annotations == ()]
    boxes = sum(len(item.shown(threshold)) for item in empty)
    return {
        "empty_photos": len(empty),
        "false_positives_per_empty_photo": round(boxes / len(empty), 6) if empty else None,
    }


def _undone(scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    import numpy as np

    return np.array([calibration.undo(score) for score in scores.tolist()], np.float64)


def _rounded(summary: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 6) for name, value in summary.items()}

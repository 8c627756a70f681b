"""How good predictions are: pure functions over (truth, predictions) pairs.

Predictions are what a user would be shown: those at or above the threshold. Average precision,
which looks at every score, is in ``metrics/coco.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from thirtyfold.predict.matching import match
from thirtyfold.sample import Annotation, Sample, box_area

FOUND_IOU = 0.5
# What a photo's session is called where nobody wrote it down.
NO_SESSION = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One photo with its truth and everything the model said, whatever the score."""

    sample: Sample
    predictions: tuple[Annotation, ...]

    @property
    def truths(self) -> tuple[Annotation, ...]:
        """The labelled objects. A point or a line has no box to be found in, and is none."""
        return tuple(shape for shape in self.sample.annotations or () if box_area(shape.box_xyxy) > 0)

    def shown(self, threshold: float) -> list[Annotation]:
        """The predictions of that score or more."""
        return [prediction for prediction in self.predictions if (prediction.score or 0.0) >= threshold]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One photo's counts: ``hits`` are shown boxes with an IoU of 0.5 or more, ``iou`` is summed over objects."""

    objects: int
    shown: int
    hits: int
    iou: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionMetrics:
    """Figures at one score threshold.

    ``mean_iou`` is over all true objects, 0 for one that was missed; ``found`` the share
    of them met with an IoU of at least 0.5. ``false_positives_per_photo`` counts what
    matches no true object. Shares are 0 where there is nothing to divide by.
    """

    photos: int
    objects: int
    mean_iou: float
    found: float
    precision: float
    recall: float
    f1: float
    false_positives_per_photo: float
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}


def tally(item: Judged, threshold: float) -> Tally:
    """The counts of one photo at one threshold."""
    truths, shown = item.truths, item.shown(threshold)
    pairs = match(truths, shown)
    return Tally(
        objects=len(truths),
        shown=len(shown),
        hits=sum(overlap >= FOUND_IOU for _, _, overlap in pairs),
        iou=sum(overlap for _, _, overlap in pairs),
    )


def measure(judged: Iterable[Judged], threshold: float) -> DetectionMetrics:
    """The figures of many photos at one threshold."""
    tallies = [tally(item, threshold) for item in judged]
    photos = len(tallies)
    objects = sum(counts.objects for counts in tallies)
    shown = sum(counts.shown for counts in tallies)
    hits = sum(counts.hits for counts in tallies)
    precision = hits / shown if shown else 0.0
    recall = hits / objects if objects else 0.0
    return DetectionMetrics(
        photos=photos,
        objects=objects,
        mean_iou=sum(counts.iou for counts in tallies) / objects if objects else 0.0,
        found=recall,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        false_positives_per_photo=(shown - hits) / photos if photos else 0.0,
        threshold=threshold,
    )


def best_threshold(judged: Sequence[Judged]) -> float:
    """The score threshold with the best F1; where several are equal, the one nearest to 0.5 that is
    not at the edge of them: a few photos don't show how low the false boxes would start.

    0.5 where there is nothing to choose by.
    """
    # The lowest ones are for calibrated scores of a weak model, which are honest and therefore low.
    candidates = [0.01, 0.02, 0.03, *(step / 100 for step in range(5, 96, 5))]
    scores = [measure(judged, threshold).f1 for threshold in candidates]
    if not scores or max(scores) == 0:
        return 0.5
    plateau = [t for t, score in zip(candidates, scores, strict=True) if score >= max(scores) - 1e-9]
    inner = plateau[1:-1] or plateau
    return min(inner, key=lambda threshold: abs(threshold - 0.5))


def by_session(judged: Sequence[Judged], threshold: float) -> Mapping[str, DetectionMetrics]:
    """The figures of each capture session apart."""
    sessions: dict[str, list[Judged]] = {}
    for item in judged:
        sessions.setdefault(item.sample.session or NO_SESSION, []).append(item)
    return {name: measure(items, threshold) for name, items in sorted(sessions.items())}

"""A finished model judged on the photos it was not trained on: threshold, then figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thirtyfold.model.evaluate import Judged, best_threshold, by_session, measure
from thirtyfold.model.judge import judge_photos
from thirtyfold.predict.runtime import Predictor
from thirtyfold.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """``threshold`` was chosen on the validation photos. ``metrics`` and ``judged`` go by part (``val``, ``test``)."""

    threshold: float
    metrics: Mapping[str, Any]
    judged: Mapping[str, Sequence[Judged]]


def evaluate_predictor(predictor: Predictor, val: Sequence[Sample], test: Sequence[Sample]) -> Evaluation:
    """Choose the score threshold on ``val``, then measure both parts at it."""
    judged = {part: judge_photos(predictor, samples) for part, samples in (("val", val), ("test", test))}
    threshold = best_threshold(judged["val"])
    metrics: dict[str, Any] = {}
    for part, items in judged.items():
        if items:
            metrics[part] = measure(items, threshold).to_dict()
            metrics[part]["sessions"] = {key: value.to_dict() for key, value in by_session(items, threshold).items()}
    return Evaluation(threshold=threshold, metrics=metrics, judged=judged)

"""How well boxes agree: overlap, and which prediction belongs to which truth. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from thirtyfold.predict.attribute_heads import ANSWERS
from thirtyfold.sample import Annotation, BoxXyxy


def iou(a_xyxy: BoxXyxy, b_xyxy: BoxXyxy) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a_xyxy[2], b_xyxy[2]) - max(a_xyxy[0], b_xyxy[0])
    height = min(a_xyxy[3], b_xyxy[3]) - max(a_xyxy[1], b_xyxy[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a_xyxy, b_xyxy))
    return shared / (areas - shared)


def match(truths: Sequence[Annotation], predictions: Sequence[Annotation]) -> list[tuple[int, int, float]]:
    """(truth index, prediction index, IoU), each used once, best overlaps first, same label only.

    What attributes models say is not compared: the age in their labels moves from picture to picture.
    """
    overlaps = [
        (iou(truth.box_xyxy, prediction.box_xyxy), t, p)
        for t, truth in enumerate(truths)
        for p, prediction in enumerate(predictions)
        if truth.label == prediction.label or (ANSWERS in truth.extra and ANSWERS in prediction.extra)
    ]
    pairs: list[tuple[int, int, float]] = []
    used_truths: set[int] = set()
    used_predictions: set[int] = set()
    for overlap, t, p in sorted(overlaps, key=lambda item: -item[0]):
        if overlap > 0 and t not in used_truths and p not in used_predictions:
            pairs.append((t, p, overlap))
            used_truths.add(t)
            used_predictions.add(p)
    return pairs

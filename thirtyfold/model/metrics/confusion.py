"""Which label was taken for which, at one threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thirtyfold.model.metrics.detection import FOUND_IOU, Judged
from thirtyfold.predict.matching import match

BACKGROUND = "background"


def confusion(judged: Sequence[Judged], labels: Sequence[str], threshold: float) -> list[list[int]]:
    """Counts (truth, prediction), each axis ``labels`` and then :data:`BACKGROUND`.

    A pair is a truth and a shown box with an IoU of 0.5 or more, whatever their labels, the best overlaps
    first. The last column counts objects that nothing met, the last row boxes that met nothing; the corner is 0.
    """
    place = {label: number for number, label in enumerate(labels)}
    nothing = len(labels)
    counts = [[0] * (nothing + 1) for _ in range(nothing + 1)]
    for item in judged:
        truths, shown = item.truths, item.shown(threshold)
        pairs = match([replace(shape, label="") for shape in truths], [replace(shape, label="") for shape in shown])
        pairs = [pair for pair in pairs if pair[2] >= FOUND_IOU]
        met, used = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
        for truth, prediction, _ in pairs:
            counts[place[truths[truth].label]][place[shown[prediction].label]] += 1
        for number, shape in enumerate(truths):
            counts[place[shape.label]][nothing] += number not in met
        for number, shape in enumerate(shown):
            counts[nothing][place[shape.label]] += number not in used
    return counts

"""What an epoch is judged by on the validation photos: one number to be as high as possible, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thirtyfold.model.judge import LOWEST_SCORE
from thirtyfold.model.metrics.coco import ap50
from thirtyfold.model.metrics.detection import Judged, measure
from thirtyfold.model.metrics.labels import labels_in, only


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """``value`` decides; ``row`` goes into ``results.csv``, ``text`` into the progress line."""

    value: float
    row: Mapping[str, float]
    text: str


def score_of(judged: Sequence[Judged], *, many: bool) -> Score:
    """The mean IoU of the best boxes where a photo has one object; where it has ``many``, AP50, the mean of the labels.

    Of many objects the mean IoU says little: whoever shows a box everywhere has a high one.
    """
    metrics = measure(judged, LOWEST_SCORE)
    row = {"val_mean_iou": metrics.mean_iou, "val_found": metrics.found}
    if not many:
        return Score(
            value=metrics.mean_iou, row=row, text=f"validation IoU {metrics.mean_iou:.3f}, found {metrics.found:.0%}"
        )
    labels = labels_in(judged)
    found = [ap50(only(judged, label)) or 0.0 for label in labels]
    value = sum(found) / len(found) if found else 0.0
    return Score(
        value=value, row={**row, "val_ap50": value}, text=f"validation AP50 {value:.3f}, found {metrics.found:.0%}"
    )

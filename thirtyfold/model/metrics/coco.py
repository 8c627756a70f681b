"""Average precision and recall as COCO defines them, by COCO's own code.

https://cocodataset.org/#detection-eval: 101 recall points, IoU 0.50 to 0.95 in steps of 0.05, at most
100 boxes a photo, objects small below 32² pixels of the original, large from 96². A figure is
``None`` where there is no object that it could be about.

Every call is about one kind of object: labels are not looked at. ``labels.py`` makes such views.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thirtyfold.model.metrics.detection import Judged
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECALL_POINTS = 101
_AREAS = ("all", "small", "medium", "large")
_IOUS = 10  # 0.50, 0.55, ... 0.95
# The largest piece of a table of weights × detections that is worked on at once, in numbers.
_PIECE = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Every judged box, best score first, and what it is at each IoU.

    ``photos`` (D,) index the judged photos, ``scores`` (D,) are 0 to 1, ``hits`` (10, D) say whether the
    box met an object that no better box had met. ``truths`` (P,) counts the objects of each photo.
    """

    photos: NDArray[np.int64]
    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    truths: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoFigures:
    """``summary`` by name (``ap``, ``ap50``, ``ap75``, ``ap_small``, …, ``ar1``, ``ar10``, ``ar100``, ``ar_small``, …).

    ``precision_at_recall`` are the 101 points of the curve at IoU 0.5, empty without objects.
    """

    summary: Mapping[str, float | None]
    precision_at_recall: tuple[float, ...]
    hits: Hits


def coco_figures(judged: Sequence[Judged]) -> CocoFigures:
    """COCO's figures of one kind of object: every truth and every prediction counts, whatever its label."""
    evaluation = _evaluated(judged)
    if evaluation is None:
        nothing = dict.fromkeys(_NAMES, None)
        return CocoFigures(summary=nothing, precision_at_recall=(), hits=_hits(judged, []))
    precision, recall = evaluation.eval["precision"][:, :, 0], evaluation.eval["recall"][:, 0]

    def mean(values: NDArray[np.float64]) -> float | None:
        known = values[values > -1]
        return float(known.mean()) if known.size else None

    # precision: IoU, recall point, area, most boxes; recall: IoU, area, most boxes (1, 10, 100)
    summary = {
        "ap": mean(precision[:, :, 0, 2]),
        "ap50": mean(precision[0, :, 0, 2]),
        "ap75": mean(precision[5, :, 0, 2]),
        **{f"ap_{size}": mean(precision[:, :, area, 2]) for area, size in enumerate(_AREAS) if area},
        "ar1": mean(recall[:, 0, 0]),
        "ar10": mean(recall[:, 0, 1]),
        "ar100": mean(recall[:, 0, 2]),
        **{f"ar_{size}": mean(recall[:, area, 2]) for area, size in enumerate(_AREAS) if area},
    }
    curve = precision[0, :, 0, 2]
    return CocoFigures(
        summary=summary,
        precision_at_recall=tuple(float(value) for value in curve) if summary["ap50"] is not None else (),
        hits=_hits(judged, evaluation.evalImgs[: len(judged)]),
    )


def ap50(judged: Sequence[Judged]) -> float | None:
    """``coco_figures(judged).summary["ap50"]`` alone, for every epoch: a fortieth of the work."""
    evaluation = _evaluated(judged, ap50_alone=True)
    if evaluation is None:
        return None
    precision = evaluation.eval["precision"][0, :, 0, 0, 2]
    return float(precision.mean()) if precision[0] > -1 else None


def mean_summary(summaries: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """COCO's figures of several classes in one: the mean over those that have such objects."""
    means: dict[str, float | None] = {}
    for name in _NAMES:
        known = [value for summary in summaries if (value := summary[name]) is not None]
        means[name] = sum(known) / len(known) if known else None
    return means


def weighted_precision(hits: Hits, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average precision (W, 10), an IoU a column, with every photo counted ``weights`` (W, P) times.

    Not a number where the weights leave no object. With weights of 1 it is what COCO gives.
    """
    import numpy as np

    result = np.full((len(weights), _IOUS), np.nan)
    objects = weights @ hits.truths.astype(np.float64)
    recall_points = np.linspace(0, 1, RECALL_POINTS)
    step = max(1, _PIECE // max(1, len(hits.scores)))
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        of_box = weights[rows][:, hits.photos]
        seen = np.cumsum(of_box, axis=1)
        for level in range(_IOUS):
            met = np.cumsum(of_box * hits.hits[level], axis=1)
            precision = met / np.maximum(seen, 1e-9)
            # From here on to the right, the best that is still to come.
            precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            for row in range(len(of_box)):
                if objects[start + row] == 0:
                    continue
                places = np.searchsorted(met[row] / objects[start + row], recall_points)
                reached = places[places < len(hits.scores)]
                result[start + row, level] = precision[row, reached].sum() / RECALL_POINTS
    return result


_NAMES = (
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
    "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large",
)  # fmt: skip


def _evaluated(judged: Sequence[Judged], *, ap50_alone: bool = False) -> Any:
    """pycocotools' COCOeval after its work, or ``None`` where there is nothing to work on."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not any(item.truths or item.predictions for item in judged):
        return None
    images = [
        {"id": number, "width": item.sample.width, "height": item.sample.height} for number, item in enumerate(judged)
    ]
    truths = [_coco_box(shape, number) for number, item in enumerate(judged) for shape in item.truths]
    found = [
        {**_coco_box(shape, number), "score": shape.score or 0.0}
        for number, item in enumerate(judged)
        for shape in item.predictions
    ]
    # It prints what it does, at every step.
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for boxes in (truths, found):
            # Numbered from 1: to COCOeval a match with number 0 is none.
            numbered = [{**box, "id": number} for number, box in enumerate(boxes, start=1)]
            coco = COCO()
            coco.dataset = {"images": images, "categories": [{"id": 1}], "annotations": numbered}
            coco.createIndex()
            sides.append(coco)
        evaluation = COCOeval(*sides, "bbox")
        if ap50_alone:
            evaluation.params.iouThrs = evaluation.params.iouThrs[:1]
            evaluation.params.areaRng = evaluation.params.areaRng[:1]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _coco_box(shape: Annotation, photo: int) -> dict[str, Any]:
    left, top, right, bottom = shape.box_xyxy
    width, height = right - left, bottom - top
    return {
        "image_id": photo,
        "category_id": 1,
        "bbox": [left, top, width, height],
        "area": width * height,
        "iscrowd": 0,
    }


def _hits(judged: Sequence[Judged], of_photos: Sequence[Mapping[str, Any] | None]) -> Hits:
    """What COCOeval says of each photo at any object size, joined and sorted as it does it itself."""
    import numpy as np

    known = [(number, result) for number, result in enumerate(of_photos) if result is not None]
    scores = np.concatenate([[], *(np.asarray(result["dtScores"], np.float64) for _, result in known)])
    photos = np.concatenate([[], *(np.full(len(result["dtScores"]), number) for number, result in known)])
    hits = np.concatenate([np.zeros((_IOUS, 0)), *(result["dtMatches"] for _, result in known)], axis=1) > 0
    order = np.argsort(-scores, kind="mergesort")
    return Hits(
        photos=photos[order].astype(np.int64),
        scores=scores[order],
        hits=hits[:, order],
        truths=np.array([len(item.truths) for item in judged], np.int64),
    )

"""What became of each labelled object when one model looks for it and a second one says what it is. Pure.

Two things go wrong in such a chain, and they are mended in different places: the object was *not found* (another
finder, a lower threshold), or it was found and *judged wrong* (other photos to learn from). So they are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from thirtyfold.model.metrics.intervals import bootstrap_figures
from thirtyfold.predict.chain import Verdict, verdict_of
from thirtyfold.predict.matching import match
from thirtyfold.sample import Annotation, Sample, box_area

# From this overlap on a box means that object. Not 0.5: what is asked is whether the second model got to see the
# object, and every finder draws its boxes around another part of a face.
SAME_OBJECT_IOU = 0.3
# Shorter sides of an object in pixels of the photo: from one on and below the next.
SIZES_PX = (0, 16, 32, 64)
NOT_FOUND, NO_ANSWER = "(not found)", "(no answer)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """One labelled object. ``truth`` is its class, ``None`` where its label is left out; ``found`` the box that met it.

    ``verdict`` is ``None`` where it was not found, and where the second model had nothing to say.
    """

    annotation: Annotation
    truth: str | None
    found: Annotation | None
    verdict: Verdict | None

    @property
    def right(self) -> bool:
        return self.verdict is not None and self.verdict.label == self.truth

    @property
    def short_side_px(self) -> float:
        left, top, right, bottom = self.annotation.box_xyxy
        return min(right - left, bottom - top)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFates:
    """The labelled objects of a photo, and the boxes that meet none of them: ``false``."""

    sample: Sample
    fates: tuple[Fate, ...]
    false: tuple[Annotation, ...]

    @property
    def counted(self) -> tuple[Fate, ...]:
        """Those whose label is not left out."""
        return tuple(fate for fate in self.fates if fate.truth is not None)


def fates_of(sample: Sample, found: Sequence[Annotation], class_of_label: Mapping[str, str | None]) -> PhotoFates:
    """What a chain made of a photo: ``found`` are its boxes with their verdicts.

    ``class_of_label`` says which class of the second model a label means; ``None``: it is left out, so that neither
    missing it nor finding it counts.
    """
    truths = [
        shape for shape in sample.annotations or () if box_area(shape.box_xyxy) > 0 and shape.label in class_of_label
    ]
    one_kind = [replace(shape, label="") for shape in truths], [replace(box, label="") for box in found]
    met = {truth: box for truth, box, overlap in match(*one_kind) if overlap >= SAME_OBJECT_IOU}
    fates = []
    for number, shape in enumerate(truths):
        box = found[met[number]] if number in met else None
        verdict = None if box is None else verdict_of(box)
        fates.append(Fate(annotation=shape, truth=class_of_label[shape.label], found=box, verdict=verdict))
    used = set(met.values())
    false = tuple(box for number, box in enumerate(found) if number not in used)
    return PhotoFates(sample=sample, fates=tuple(fates), false=false)


def figures_of(photos: Sequence[PhotoFates], classes: Sequence[str]) -> dict[str, Any]:
    """Plain numbers for ``evaluation.json``. Shares are ``None`` where there is nothing to divide by.

    ``found`` of all objects; ``judged_right`` of those that were found; ``right`` is both together, of all.
    ``balanced_right`` is the mean over the classes of the share judged right of those found. ``confusion``: truth down;
    across the classes, :data:`NO_ANSWER` and :data:`NOT_FOUND`.
    """
    fates = [fate for photo in photos for fate in photo.counted]
    columns = [*classes, NO_ANSWER, NOT_FOUND]
    counts = [[0] * len(columns) for _ in classes]
    for fate in fates:
        counts[classes.index(str(fate.truth))][columns.index(_answer(fate))] += 1
    by_class = {name: _shares([fate for fate in fates if fate.truth == name]) for name in classes}
    known = [figures["judged_right"] for figures in by_class.values() if figures["judged_right"] is not None]
    false = sum(len(photo.false) for photo in photos)
    return {
        "photos": len(photos),
        **_shares(fates),
        "balanced_right": round(sum(known) / len(known), 6) if known else None,
        "false_boxes": false,
        "false_boxes_per_photo": round(false / len(photos), 6) if photos else None,
        "classes": by_class,
        "sizes": [_of_size(fates, number) for number in range(len(SIZES_PX))],
        "confusion": {"labels": list(classes), "columns": columns, "counts": counts},
        "left_out": _left_out(photos),
        "intervals": _intervals(photos).to_dict() if photos else {},
    }


def size_name(number: int) -> str:
    """A bucket of :data:`SIZES_PX` in words."""
    low, high = SIZES_PX[number], SIZES_PX[number + 1] if number + 1 < len(SIZES_PX) else None
    return f"below {high} px" if not low else f"{low} px and more" if high is None else f"{low} to {high - 1} px"


def errors_of(photo: PhotoFates) -> int:
    """How many things went wrong on a photo."""
    return sum(not fate.right for fate in photo.counted) + len(photo.false)


def _shares(fates: Sequence[Fate]) -> dict[str, Any]:
    found = sum(fate.found is not None for fate in fates)
    right = sum(fate.right for fate in fates)
    return {
        "objects": len(fates),
        "objects_found": found,
        "objects_right": right,
        "objects_without_answer": sum(fate.found is not None and fate.verdict is None for fate in fates),
        "found": _share(found, len(fates)),
        "judged_right": _share(right, found),
        "right": _share(right, len(fates)),
    }


def _of_size(fates: Sequence[Fate], number: int) -> dict[str, Any]:
    low, high = SIZES_PX[number], [*SIZES_PX, float("inf")][number + 1]
    return {"size": size_name(number), **_shares([fate for fate in fates if low <= fate.short_side_px < high])}


def _left_out(photos: Sequence[PhotoFates]) -> dict[str, dict[str, int]]:
    """By label: how many there are, and what was said of them."""
    said: dict[str, dict[str, int]] = {}
    for fate in (fate for photo in photos for fate in photo.fates if fate.truth is None):
        counts = said.setdefault(fate.annotation.label, {"objects": 0})
        counts["objects"] += 1
        counts[_answer(fate)] = counts.get(_answer(fate), 0) + 1
    return said


def _intervals(photos: Sequence[PhotoFates]) -> Any:
    import numpy as np

    objects, found, right, false = (
        np.array(column, np.float64)
        for column in zip(
            *(
                (
                    len(photo.counted),
                    sum(fate.found is not None for fate in photo.counted),
                    sum(fate.right for fate in photo.counted),
                    len(photo.false),
                )
                for photo in photos
            ),
            strict=True,
        )
    )

    def figures(weights: Any) -> dict[str, Any]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "found": (weights @ found) / (weights @ objects),
                "judged_right": (weights @ right) / (weights @ found),
                "right": (weights @ right) / (weights @ objects),
                "false_boxes_per_photo": (weights @ false) / weights.sum(axis=1),
            }

    # As in `metrics.intervals.bootstrap`: a rate has no upper limit of 1.
    rates = ("false_boxes_per_photo",) if false.any() else ()
    return bootstrap_figures([photo.sample.session for photo in photos], figures, no_shares=rates)


def _answer(fate: Fate) -> str:
    if fate.found is None:
        return NOT_FOUND
    return NO_ANSWER if fate.verdict is None else fate.verdict.label


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None

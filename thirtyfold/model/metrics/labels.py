"""Views of judged photos: one label, any label, the labels that truth and model have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from thirtyfold.model.metrics.detection import Judged
from thirtyfold.predict.decoders import NMS_IOU
from thirtyfold.predict.matching import iou
from thirtyfold.sample import Annotation

ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparable:
    """``judged`` so that truth and predictions speak of the same labels; ``note`` says what was done for it."""

    judged: tuple[Judged, ...]
    labels: tuple[str, ...]
    note: str = ""


def labels_in(judged: Sequence[Judged]) -> list[str]:
    """The labels of the true objects, sorted."""
    return sorted({truth.label for item in judged for truth in item.truths})


def only(judged: Sequence[Judged], label: str) -> list[Judged]:
    """The same photos with the truths and predictions of one label."""
    return [_with(item, [s for s in item.truths if s.label == label], _of_label(item, label)) for item in judged]


def as_any(judged: Sequence[Judged]) -> list[Judged]:
    """The same photos with every object called :data:`ANY`: is it found, whatever it was called?

    Where boxes of two labels lie on one object, the better one speaks for it (non-maximum suppression
    across labels): asked for objects of any kind, nobody would show both.
    """
    result = []
    for item in judged:
        truths = [replace(shape, label=ANY) for shape in item.truths]
        several = len({shape.label for shape in item.predictions}) > 1
        kept = _without_overlaps(item.predictions) if several else item.predictions
        result.append(_with(item, truths, [replace(shape, label=ANY) for shape in kept]))
    return result


def comparable(judged: Sequence[Judged], known: Collection[str]) -> Comparable:
    """The photos so that a model that knows the labels ``known`` can be judged on them.

    Objects of labels it was never taught are left out; where it shares none with the truth, labels are
    not looked at.
    """
    there = labels_in(judged)
    shared = [label for label in there if label in known]
    strange = [label for label in there if label not in known]
    if not strange:
        return Comparable(judged=tuple(judged), labels=tuple(sorted(known)))
    if not shared:
        return Comparable(
            judged=tuple(as_any(judged)),
            labels=(ANY,),
            note=f"its labels ({_listed(known)}) are not among those of the photos ({_listed(there)}): "
            "boxes are judged, names are not",
        )
    return Comparable(
        judged=tuple(_with(item, [s for s in item.truths if s.label in known], item.predictions) for item in judged),
        labels=tuple(sorted(known)),
        note=f"it was never taught {_listed(strange)}: those objects are left out",
    )


def _listed(labels: Collection[str]) -> str:
    shown = sorted(labels)
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")


def _of_label(item: Judged, label: str) -> list[Annotation]:
    return [shape for shape in item.predictions if shape.label == label]


def _with(item: Judged, truths: Sequence[Annotation], predictions: Sequence[Annotation]) -> Judged:
    return Judged(sample=replace(item.sample, annotations=tuple(truths)), predictions=tuple(predictions))


def _without_overlaps(predictions: Sequence[Annotation]) -> list[Annotation]:
    kept: list[Annotation] = []
    for shape in sorted(predictions, key=lambda shape: -(shape.score or 0.0)):
        if all(iou(shape.box_xyxy, other.box_xyxy) <= NMS_IOU for other in kept):
            kept.append(shape)
    return kept

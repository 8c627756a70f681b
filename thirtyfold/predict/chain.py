"""Two models, one after the other: the second looks at each object that the first one found.

``Chain(faces, DetectorAsSecond(masks))`` is a detector like any other. What the second one said of an object
stands in its annotation, ``extra["then"]``: a label and a score, or ``None`` if it found nothing it knows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.matching import match
from thirtyfold.sample import Annotation, BoxXyxy

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

THEN = "then"
# A model that learned from whole photos wants to see where an object ends: this share of its sides is added all round.
MARGIN_SHARE = 0.25
MAX_OBJECTS = 8
_SAME_IOU = 0.3
# Smaller ones show nothing, and some backbones cannot be fed them.
_SMALLEST_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the second model says of one object: its ``label``, and how sure it is, 0 to 1."""

    label: str
    score: float


class Second(Protocol):
    """What looks at cut-outs: a detector (:class:`DetectorAsSecond`) or whatever gives a label to a picture."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    def judge(self, crops: Sequence[Pixels]) -> Sequence[Verdict | None]:
        """One answer for each RGB uint8 picture (height, width, 3); ``None`` where there is nothing it knows."""
        ...


class DetectorAsSecond:
    """The best detection in a cut-out, from the detector's own threshold on, is what is said of it.

    One picture after the other. A network that is resized to the batch has to be set up anew whenever the
    number of objects changes, which takes longer than it saves where one picture keeps all cores busy.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def classes(self) -> tuple[str, ...]:
        return self._detector.classes

    def judge(self, crops: Sequence[Pixels]) -> Sequence[Verdict | None]:
        return [self._of(self._detector(crop)) for crop in crops]

    @staticmethod
    def _of(found: Sequence[Annotation]) -> Verdict | None:
        best = max(found, key=lambda annotation: annotation.score or 0.0, default=None)
        return None if best is None else Verdict(label=best.label, score=best.score or 0.0)


class Chain:
    """A :class:`~thirtyfold.predict.detectors.Detector` of two models.

    Of what the first one finds from its threshold on, at most ``limit`` objects a picture go through the second,
    best first. With ``remember`` (a video) those come first that nobody has looked at yet, then those whose
    verdict is oldest; the others keep theirs. ``threshold`` may be changed at any time; what lies below
    gets no verdict.
    """

    def __init__(self, first: Detector, second: Second, *, remember: bool, limit: int | None = MAX_OBJECTS) -> None:
        self.threshold = first.threshold
        self.model_ms = 0.0
        self._first = first
        self._second = second
        self._remember = remember
        self._limit = limit
        self._looks = 0
        self._known: list[_Judged] = []

    @property
    def classes(self) -> tuple[str, ...]:
        return self._first.classes

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        """As the first model's, with what the second one said; ``model_ms`` is both together."""
        found = self._first(pixels, threshold=self.threshold if threshold is None else threshold)
        started = time.perf_counter()
        wanted = [annotation for annotation in found if (annotation.score or 0.0) >= self.threshold]
        judged = self._judged(wanted, pixels)
        self.model_ms = self._first.model_ms + (time.perf_counter() - started) * 1000
        return (*judged, *(annotation for annotation in found if (annotation.score or 0.0) < self.threshold))

    def _judged(self, wanted: Sequence[Annotation], pixels: Pixels) -> list[Annotation]:
        self._looks += 1
        known = [_Judged(annotation=annotation, look=-1, verdict=None) for annotation in wanted]
        if self._remember:
            for old, new, overlap in match([one.annotation for one in self._known], wanted):
                if overlap >= _SAME_IOU:
                    known[new] = replace(self._known[old], annotation=wanted[new])
        turn = sorted(range(len(known)), key=lambda index: known[index].look)[: self._limit]
        crops = {index: crop(pixels, wanted[index].box_xyxy) for index in turn}
        seen = {index: cut for index, cut in crops.items() if min(cut.shape[:2]) >= _SMALLEST_PX}
        verdicts = dict(zip(seen, self._second.judge(list(seen.values())), strict=True))
        for index in turn:
            known[index] = _Judged(annotation=wanted[index], look=self._looks, verdict=verdicts.get(index))
        self._known = known
        return [_with_verdict(one.annotation, one.verdict) if one.look >= 0 else one.annotation for one in known]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """``look`` counts pictures; -1: not looked at yet."""

    annotation: Annotation
    look: int
    verdict: Verdict | None


def crop(pixels: Pixels, box_xyxy: BoxXyxy, *, margin_share: float = MARGIN_SHARE) -> Pixels:
    """The part of RGB ``pixels`` (height, width, 3) in and around a box, as a copy; empty if it lies outside."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box_xyxy
    dx, dy = margin_share * (right - left), margin_share * (bottom - top)
    x1, x2 = (round(min(max(x, 0.0), width)) for x in (left - dx, right + dx))
    y1, y2 = (round(min(max(y, 0.0), height)) for y in (top - dy, bottom + dy))
    return pixels[y1:y2, x1:x2].copy()


def verdict_of(annotation: Annotation) -> Verdict | None:
    """What the second model said of an object, if there was one and it knew."""
    said = annotation.extra.get(THEN)
    if not isinstance(said, Mapping):
        return None
    return Verdict(label=str(said["label"]), score=float(said["score"]))


def full_label(annotation: Annotation) -> str:
    """``face``, or ``face: with_mask`` where a second model has looked at it."""
    verdict = verdict_of(annotation)
    return annotation.label if verdict is None else f"{annotation.label}: {verdict.label}"


def caption(annotation: Annotation, *, number: int | None = None) -> str:
    """What stands at a box: ``face 93%``, ``face #2 93%``, or ``face: with_mask 98%`` (the second model's score)."""
    verdict = verdict_of(annotation)
    name = annotation.label if number is None else f"{annotation.label} #{number}"
    said, score = (name, annotation.score) if verdict is None else (f"{name}: {verdict.label}", verdict.score)
    return said if score is None else f"{said} {score:.0%}"


def in_its_colour(annotation: Annotation) -> Annotation:
    """Labelled for drawing: of the second model's label where there is one, so that it is seen from afar."""
    verdict = verdict_of(annotation)
    return annotation if verdict is None else replace(annotation, label=verdict.label)


def without_verdict(annotation: Annotation) -> Annotation:
    """As the first model gave it: what is written into a label file."""
    return replace(annotation, extra={key: value for key, value in annotation.extra.items() if key != THEN})


def _with_verdict(annotation: Annotation, verdict: Verdict | None) -> Annotation:
    said = None if verdict is None else {"label": verdict.label, "score": verdict.score}
    return replace(annotation, extra={**annotation.extra, THEN: said})

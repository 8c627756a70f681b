"""Two models, one after the other: the second looks at each object that the first one found.

``Chain(faces, DetectorAsSecond(masks))`` is a detector like any other. What the second one said of an object
stands in its annotation, ``extra["then"]``: a label and a score, or ``None`` if it found nothing it knows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from thirtyfold.errors import ModelError
from thirtyfold.predict.attribute_heads import ANSWERS, caption_of, kind_of_answers, kinds_of_classes, rounded_answers
from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.matching import match
from thirtyfold.sample import Annotation, BoxXyxy

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

THEN = "then"
# A model that learned from whole photos wants to see where an object ends: this share of its sides is added all round,
# where its run does not say what it learned from (``decoder_options["margin_share"]`` of ``model.json``).
MARGIN_SHARE = 0.25
MARGIN_KEY = "margin_share"
# More than this is no cut-out of an object any more.
MOST_MARGIN = 2.0
MAX_OBJECTS = 8
# Tasks whose models may be the second: they say something of a whole picture, which can be an object cut out.
OF_CUT_OUTS = ("classify", "attributes")
_SAME_IOU = 0.3
# Smaller ones show nothing, and some backbones cannot be fed them.
SMALLEST_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the second model says of one object: its ``label``, and how sure it is, 0 to 1.

    ``answers`` are those of an attributes model, by head.
    """

    label: str
    score: float
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)


class Second(Protocol):
    """What looks at cut-outs: a detector (:class:`DetectorAsSecond`) or whatever gives a label to a picture.

    ``margin_share`` is how much of an object's sides it wants to see around it.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def margin_share(self) -> float: ...

    def judge(self, crops: Sequence[Pixels]) -> Sequence[Verdict | None]:
        """One answer for each RGB uint8 picture (height, width, 3); ``None`` where there is nothing it knows."""
        ...


class DetectorAsSecond:
    """The best detection in a cut-out, from the detector's own threshold on, is what is said of it.

    One picture after the other. A network that is resized to the batch has to be set up anew whenever the
    number of objects changes, which takes longer than it saves where one picture keeps all cores busy.
    Raises :class:`ModelError` for a run whose ``model.json`` has a margin that is none.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._margin_share = _margin_of(detector)

    @property
    def classes(self) -> tuple[str, ...]:
        return labels_of_model(self._detector)

    @property
    def margin_share(self) -> float:
        return self._margin_share

    def judge(self, crops: Sequence[Pixels]) -> Sequence[Verdict | None]:
        return [self._of(self._detector(crop)) for crop in crops]

    @staticmethod
    def _of(found: Sequence[Annotation]) -> Verdict | None:
        best = max(found, key=lambda annotation: annotation.score or 0.0, default=None)
        if best is None:
            return None
        return Verdict(label=best.label, score=best.score or 0.0, answers=best.extra.get(ANSWERS, {}))


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

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The labels that the second model can give."""
        return self._second.classes

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
        margin_share = self._second.margin_share
        crops = {index: crop(pixels, wanted[index].box_xyxy, margin_share=margin_share) for index in turn}
        seen = {index: cut for index, cut in crops.items() if min(cut.shape[:2]) >= SMALLEST_PX}
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


def verdict_labels(detector: Detector) -> tuple[str, ...]:
    """What the second model of a chain can say; nothing for a detector that is none."""
    return detector.verdicts if isinstance(detector, Chain) else ()


def all_labels(detector: Detector) -> tuple[str, ...]:
    """Every label that may stand at a box: the detector's, and what a second model can say."""
    return (*labels_of_model(detector), *verdict_labels(detector))


def labels_of_model(detector: Detector) -> tuple[str, ...]:
    """All that :func:`kind_of` can say of what a model finds: its classes; of an attributes model its first head's."""
    from thirtyfold.predict.runtime import Predictor

    if isinstance(detector, Predictor) and detector.artifact.decoder == "attributes":
        return kinds_of_classes(detector.classes)
    return detector.classes


def verdict_of(annotation: Annotation) -> Verdict | None:
    """What the second model said of an object, if there was one and it knew."""
    said = annotation.extra.get(THEN)
    if not isinstance(said, Mapping):
        return None
    return Verdict(label=str(said["label"]), score=float(said["score"]), answers=said.get(ANSWERS, {}))


def verdict_dict(verdict: Verdict) -> dict[str, Any]:
    """For JSON."""
    answers = {ANSWERS: rounded_answers(verdict.answers)} if verdict.answers else {}
    return {"label": verdict.label, "score": round(verdict.score, 4), **answers}


def full_label(annotation: Annotation) -> str:
    """``face``, or ``face: with_mask`` where a second model has looked at it."""
    verdict = verdict_of(annotation)
    return annotation.label if verdict is None else f"{annotation.label}: {verdict.label}"


def caption(annotation: Annotation, *, number: int | None = None) -> str:
    """What stands at a box: ``face 93%``, ``face #2 93%``; of two models ``with_mask 98%``, the second one's word.

    What kind of thing it is anybody can see; in a crowd every letter covers a neighbour. Of attributes
    ``female 93%, 31 years``, as each head is sure of itself.
    """
    verdict = verdict_of(annotation)
    name, score = (annotation.label, annotation.score) if verdict is None else (verdict.label, verdict.score)
    if answers := annotation.extra.get(ANSWERS, {}) if verdict is None else verdict.answers:
        name, score = caption_of(answers), None
    said = name if number is None else f"{name} #{number}"
    return said if score is None else f"{said} {score:.0%}"


def in_its_colour(annotation: Annotation) -> Annotation:
    """Labelled for drawing: of the second model's label where there is one, so that it is seen from afar."""
    return replace(annotation, label=kind_of(annotation))


def kind_of(annotation: Annotation) -> str:
    """What an object is coloured by, and hidden by: the second model's label where there is one.

    Of attributes the first class alone; a number would change the colour from frame to frame.
    """
    verdict = verdict_of(annotation)
    answers = annotation.extra.get(ANSWERS, {}) if verdict is None else verdict.answers
    if answers:
        return kind_of_answers(answers)
    return annotation.label if verdict is None else verdict.label


def without_verdict(annotation: Annotation) -> Annotation:
    """As the first model gave it: what is written into a label file."""
    return replace(annotation, extra={key: value for key, value in annotation.extra.items() if key != THEN})


def _margin_of(detector: Detector) -> float:
    """The margin that a run was trained with, else :data:`MARGIN_SHARE`."""
    from thirtyfold.predict.runtime import Predictor

    if not isinstance(detector, Predictor):
        return MARGIN_SHARE
    margin = detector.artifact.decoder_options.get(MARGIN_KEY, MARGIN_SHARE)
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin <= MOST_MARGIN:
        raise ModelError(
            f"model.json: {MARGIN_KEY} {margin!r}: a share between 0 and {MOST_MARGIN:g} was expected; train again"
        )
    return float(margin)


def _with_verdict(annotation: Annotation, verdict: Verdict | None) -> Annotation:
    said: dict[str, Any] | None = None
    if verdict is not None:
        said = {
            "label": verdict.label,
            "score": verdict.score,
            **({ANSWERS: verdict.answers} if verdict.answers else {}),
        }
    return replace(annotation, extra={**annotation.extra, THEN: said})

"""Which labels a person should look at first: a model's own, and those that a model does not agree with.

A label and a prediction that overlap by less than :data:`SAME_IOU`, a label that the model does not
see, and a prediction that nobody labelled are disagreements. Some are the model's mistakes and some
are labels that were forgotten or slipped; in a hundred photos it takes minutes to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.seal import CONFIRMED, is_unbroken
from thirtyfold.errors import FileDataError
from thirtyfold.images import read_rgb
from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.matching import iou, match
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

SAME_IOU = 0.5
# Boxes that hardly touch are not one object in two opinions.
_TOUCHING_IOU = 0.1
_WITHOUT_AREA = ("point", "points", "line", "linestrip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A photo to look at. ``disagreement`` grows with every object that labels and model see differently.

    ``why`` says it in words; it is empty for machine-made labels that the model agrees with.
    """

    image_path: Path
    disagreement: float
    why: tuple[str, ...] = ()
    machine_made: bool = False

    @property
    def reason(self) -> str:
        return "; ".join([*self.why, *(["a model drew it"] if self.machine_made else [])])

    def to_dict(self) -> dict[str, Any]:
        return {
            "photo": self.image_path.name,
            "disagreement": round(self.disagreement, 4),
            "why": list(self.why),
            "machine_made": self.machine_made,
        }


def find_suspects(
    dataset: Dataset, detector: Detector, *, labels: Sequence[str], progress: Progress = SILENT
) -> list[Suspect]:
    """Every photo whose labels should be looked at, the one where labels and model disagree most first.

    Those are all machine-made ones, and those of people where the model sees something else or a label
    is not on the list ``labels``; not the ones that a person has called right in an earlier review and
    left as they were. Photos without a label file are none. Nothing is written.
    """
    suspects: dict[Path, Suspect] = {}
    image_paths = [path for path in dataset.image_paths() if dataset.label_path(path).exists()]
    with progress.bar("Comparing labels and model", total=len(image_paths), unit="photos") as bar:
        for image_path in image_paths:
            bar.advance()
            label_path = dataset.label_path(image_path)
            try:
                label_file = labelme_json.read(label_path)
                if is_unbroken(label_file, CONFIRMED):
                    continue
                suspect = _suspect(image_path, label_file, detector, labels)
            except FileDataError as error:
                progress.say(f"left out: {error}")
                continue
            if suspect.why or suspect.machine_made:
                # Two photos can share a label file (a.jpg, a.png); it is looked at once.
                suspects.setdefault(label_path, suspect)
    return sorted(suspects.values(), key=lambda suspect: (-suspect.disagreement, suspect.image_path.name))


def compare(
    labels: Sequence[Annotation], predictions: Sequence[Annotation], classes: Sequence[str]
) -> tuple[float, tuple[str, ...]]:
    """How far labels and predictions disagree, and in which words. Pure.

    An object on one side only counts 1 (a prediction its score), a box that is off 1 - IoU, one that
    agrees a tenth of that. Labels that the model does not know (not in ``classes``), and points and
    lines, are left alone.
    """
    known = [shape for shape in labels if shape.label in classes and shape.kind not in _WITHOUT_AREA]
    pairs = [pair for pair in match(known, predictions) if pair[2] >= _TOUCHING_IOU]
    missed = [shape for index, shape in enumerate(known) if index not in {t for t, _, _ in pairs}]
    extra = [shape for index, shape in enumerate(predictions) if index not in {p for _, p, _ in pairs}]
    off = [overlap for _, _, overlap in pairs if overlap < SAME_IOU]
    amount = len(missed) + sum(shape.score or 1.0 for shape in extra)
    amount += sum((1 - overlap) * (1.0 if overlap < SAME_IOU else 0.1) for _, _, overlap in pairs)
    why = []
    for shape in list(missed):
        renamed = next((other for other in extra if iou(shape.box_xyxy, other.box_xyxy) >= SAME_IOU), None)
        if renamed is not None:
            missed.remove(shape)
            extra.remove(renamed)
            why.append(f"labelled {shape.label}, the model says {renamed.label}")
    if extra:
        why.append(f"the model sees {len(extra)} more")
    if missed:
        why.append(f"{len(missed)} the model does not see")
    if off:
        why.append(f"overlap {min(off):.2f}" if len(off) == 1 else f"{len(off)} overlap too little, {min(off):.2f}")
    return amount, tuple(why)


def _suspect(image_path: Path, label_file: LabelFile, detector: Detector, labels: Sequence[str]) -> Suspect:
    shapes = label_file.annotations
    predictions = [shape for shape in detector(read_rgb(image_path)) if shape.label in labels]
    amount, why = compare(shapes, predictions, detector.classes)
    if strange := sorted({shape.label for shape in shapes} - set(labels)):
        amount += len(strange)
        why = (*why, f"not on the list: {', '.join(strange)}")
    machine_made = is_machine_made(label_file)
    if machine_made:
        # Of those that nobody disagrees about, the ones that were drawn least surely come first.
        amount += 0.1 * (1 - min((shape.score for shape in shapes if shape.score is not None), default=0.5))
    return Suspect(image_path=image_path, disagreement=amount, why=why, machine_made=machine_made)

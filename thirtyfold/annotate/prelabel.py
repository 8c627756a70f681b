"""Boxes that a model draws before a person looks: correcting is quicker than drawing.

They are marked as machine-made (``datasets/machine_made.py``), so that nothing is trained on them
before a person has settled them, and sealed, so that they can be taken away again as long as
nobody has changed them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold.annotate.to_open import annotating
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import has_machine_made_labels, is_machine_made, marked
from thirtyfold.datasets.seal import DRAWN, is_unbroken, sealed
from thirtyfold.errors import FileDataError, LabelError, UsageError
from thirtyfold.images import read_rgb
from thirtyfold.predict.detectors import Detector
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Prelabelled:
    """What ``predicted_by`` drew: ``photos`` got labels, ``boxes`` in all, none in ``empty`` of them.

    ``problems`` are photos that could not be read.
    """

    predicted_by: str
    photos: int
    boxes: int
    empty: int
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "predicted_by": self.predicted_by,
            "photos": self.photos,
            "boxes": self.boxes,
            "empty": self.empty,
            "problems": list(self.problems),
        }

    def __str__(self) -> str:
        if not self.photos:
            return f"{self.predicted_by} had nothing to draw: every photo has its labels"
        found = f"{self.boxes} boxes in {self.photos} photos"
        nothing = f", found nothing in {self.empty} of them" if self.empty else ""
        return f"{self.predicted_by} drew {found}{nothing}; they count once a person has looked"


def prelabel(
    dataset: Dataset,
    detector: Detector,
    *,
    predicted_by: str,
    labels: Sequence[str],
    progress: Progress = SILENT,
) -> Prelabelled:
    """Give every photo that has no label file machine-made labels, those on the list ``labels`` only.

    Photos that have labels are not touched. Labels of a session of labelme that was cut off come
    home first. Can be stopped at any moment; the next call does the rest. Raises :class:`UsageError`
    if nothing that ``detector`` finds is on the list, :class:`DataError` if there is no dataset.
    """
    if not set(detector.classes) & set(labels):
        raise UsageError(
            f"--prelabel {predicted_by}: finds {', '.join(detector.classes)}, and none of that is on the list "
            f"({', '.join(labels)}); add it with --labels"
        )
    photos = boxes = empty = 0
    problems: list[str] = []
    with annotating(dataset, progress):
        waiting = [path for path in dataset.image_paths() if not dataset.label_path(path).exists()]
        with progress.bar("Prelabelling", total=len(waiting), unit="photos") as bar:
            for image_path in waiting:
                bar.advance()
                try:
                    label_file = _predicted(image_path, detector, predicted_by, labels)
                except FileDataError as error:
                    problems.append(str(error))
                    progress.say(f"left out: {error}")
                    continue
                label_path = dataset.label_path(image_path)
                if label_path.exists():
                    continue  # drawn meanwhile, or there is a photo of the same name with another ending
                labelme_json.write(label_path, label_file)
                photos += 1
                boxes += len(label_file.annotations)
                empty += not label_file.annotations
                bar.note(f"{boxes} boxes")
    return Prelabelled(predicted_by=predicted_by, photos=photos, boxes=boxes, empty=empty, problems=tuple(problems))


def drop_prelabels(dataset: Dataset, *, progress: Progress = SILENT) -> int:
    """Take the labels away that :func:`prelabel` drew and nobody has looked at or changed; how many photos' it were.

    What stays, and is said: machine-made labels that somebody has changed, and those of frames that
    were kept while live, which :func:`prelabel` did not draw.
    """
    dropped, kept = 0, 0
    with annotating(dataset, progress):
        for image_path in dataset.image_paths():
            label_path = dataset.label_path(image_path)
            if _is_as_drawn(label_path):
                label_path.unlink(missing_ok=True)
                dropped += 1
            elif has_machine_made_labels(label_path):
                kept += 1
    progress.say(
        f"took away the boxes of {dropped} photos that nobody had looked at"
        + (f"; {kept} photos keep a model's boxes, as they were changed or come from `live`" if kept else "")
    )
    return dropped


def _predicted(image_path: Path, detector: Detector, predicted_by: str, labels: Sequence[str]) -> LabelFile:
    pixels = read_rgb(image_path)
    height, width = pixels.shape[:2]
    found = tuple(shape for shape in detector(pixels) if shape.label in labels)
    label_file = LabelFile(image_path=image_path.name, width=width, height=height, annotations=found)
    return sealed(marked(label_file, predicted_by=predicted_by), DRAWN)


def _is_as_drawn(label_path: Path) -> bool:
    try:
        label_file = labelme_json.read(label_path)
    except LabelError:
        return False
    return is_machine_made(label_file) and is_unbroken(label_file, DRAWN)

"""Labels that a model drew and nobody has looked at yet, and the mark they are known by.

A label file whose top-level object ``"thirtyfold"`` has the key ``"predicted_by"`` (the run
that drew the shapes) is *machine-made*: neither truth to learn from nor, where it has no
shape, a verified negative. The mark stands beside labelme's own keys, and labelme keeps it.
It goes when a person has looked the photo through (``annotate/ticks.py``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.seal import DRAWN
from thirtyfold.errors import LabelError
from thirtyfold.sample import Annotation

_MARK = "predicted_by"
AREA_PX = "area_px"
_COMPUTED = frozenset({AREA_PX})


def marked(label_file: LabelFile, *, predicted_by: str, **more: str) -> LabelFile:
    """The label file as drawn by the run ``predicted_by``; ``more`` stands beside that name.

    Points are rounded to a hundredth of a pixel and scores to four digits. What was computed of the shapes is not
    written down: it would be wrong as soon as a person moves a corner.
    """
    shapes = tuple(_as_written(shape) for shape in label_file.annotations)
    return replace(label_file, annotations=shapes).with_lineage({_MARK: predicted_by, **more})


def _as_written(shape: Annotation) -> Annotation:
    return replace(
        shape,
        points=tuple((round(x, 2), round(y, 2)) for x, y in shape.points),
        score=None if shape.score is None else round(shape.score, 4),
        extra={key: value for key, value in shape.extra.items() if key not in _COMPUTED},
    )


def is_machine_made(label_file: LabelFile) -> bool:
    """Whether a model drew these labels and nobody has looked at them."""
    return _MARK in label_file.lineage


def has_machine_made_labels(label_path: Path) -> bool:
    """As :func:`is_machine_made`, of a file; a missing or broken one is not machine-made."""
    try:
        return is_machine_made(labelme_json.read(label_path))
    except LabelError:
        return False


def looked_at(label_file: LabelFile) -> LabelFile:
    """The same labels as truth: without the mark and the shapes' scores. What is not marked comes back as it is."""
    if not is_machine_made(label_file):
        return label_file
    without_scores = tuple(replace(annotation, score=None) for annotation in label_file.annotations)
    lineage = {key: value for key, value in label_file.lineage.items() if key not in (_MARK, DRAWN)}
    return replace(label_file, annotations=without_scores).with_lineage(lineage)

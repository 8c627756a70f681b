"""The mark of a label file that exists for its flags or its other keys, while nobody has drawn shapes yet.

labelme knows no difference between "nothing is in this photo" and "nobody has looked": both
are an empty list of shapes. A photo that comes from a folder of classes has flags and was
never looked at for shapes, so its label file says ``"thirtyfold": {"shapes": "unlabelled"}``.
A shape drawn later outweighs the mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.errors import LabelError

_LINEAGE = "thirtyfold"
_MARK = {"shapes": "unlabelled"}


def is_unlabelled(label_file: LabelFile) -> bool:
    """Whether the file says that nobody has looked for shapes, and there are none."""
    lineage = label_file.extra.get(_LINEAGE)
    marked = isinstance(lineage, Mapping) and lineage.get("shapes") == _MARK["shapes"]
    return marked and not label_file.annotations


def has_no_shapes_yet(label_path: Path) -> bool:
    """As :func:`is_unlabelled`, of a file; one that is not there counts, a broken one does not."""
    try:
        return not label_path.exists() or is_unlabelled(labelme_json.read(label_path))
    except LabelError:
        return False


def as_unlabelled(label_file: LabelFile) -> LabelFile:
    """The same file with the mark."""
    lineage = label_file.extra.get(_LINEAGE)
    known = lineage if isinstance(lineage, Mapping) else {}
    return replace(label_file, extra={**label_file.extra, _LINEAGE: {**known, **_MARK}})


def without_mark(label_file: LabelFile) -> LabelFile:
    """The same file without the mark."""
    lineage = label_file.extra.get(_LINEAGE)
    if not isinstance(lineage, Mapping) or "shapes" not in lineage:
        return label_file
    known = {key: value for key, value in lineage.items() if key != "shapes"}
    rest = {key: value for key, value in label_file.extra.items() if key != _LINEAGE}
    return replace(label_file, extra=rest | ({_LINEAGE: known} if known else {}))

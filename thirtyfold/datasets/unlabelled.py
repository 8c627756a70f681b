"""The mark of a label file that exists for its flags or its other keys, while nobody has drawn shapes yet.

labelme knows no difference between "nothing is in this photo" and "nobody has looked": both
are an empty list of shapes. A photo that comes from a folder of classes has flags and was
never looked at for shapes, so its label file says ``"thirtyfold": {"shapes": "unlabelled"}``.
A shape drawn later outweighs the mark.
"""

from __future__ import annotations

from pathlib import Path

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.errors import LabelError

_MARK = {"shapes": "unlabelled"}


def is_unlabelled(label_file: LabelFile) -> bool:
    """Whether the file says that nobody has looked for shapes, and there are none."""
    return label_file.lineage.get("shapes") == _MARK["shapes"] and not label_file.annotations


def has_no_shapes_yet(label_path: Path) -> bool:
    """As :func:`is_unlabelled`, of a file; one that is not there counts, a broken one does not."""
    try:
        return not label_path.exists() or is_unlabelled(labelme_json.read(label_path))
    except LabelError:
        return False


def as_unlabelled(label_file: LabelFile) -> LabelFile:
    """The same file with the mark."""
    return label_file.with_lineage({**label_file.lineage, **_MARK})


def without_mark(label_file: LabelFile) -> LabelFile:
    """The same file without the mark."""
    if "shapes" not in label_file.lineage:
        return label_file
    return label_file.with_lineage({key: value for key, value in label_file.lineage.items() if key != "shapes"})

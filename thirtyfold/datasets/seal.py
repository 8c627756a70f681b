"""A short hash of what is drawn in a label file, kept in the file: it tells later whether somebody has changed it.

It stands in the top-level object ``"thirtyfold"``, under the name of what it seals: ``drawn``
for boxes that a model drew before ``annotate`` opened labelme, ``confirmed`` for labels that a
person called right in a review. Only what labelme shows is in it (shapes and flags), so a file
that another program wrote anew with the same shapes keeps its seal.
"""

from __future__ import annotations

import hashlib
import json

from thirtyfold.datasets.labelme_json import LabelFile

DRAWN = "drawn"
CONFIRMED = "confirmed"


def sealed(label_file: LabelFile, name: str) -> LabelFile:
    """The label file with a seal of that name over its shapes and ticked flags as they are now."""
    return label_file.with_lineage({**label_file.lineage, name: _seal(label_file)})


def has_seal(label_file: LabelFile, name: str) -> bool:
    """Whether there is a seal of that name, broken or not."""
    return name in label_file.lineage


def is_unbroken(label_file: LabelFile, name: str) -> bool:
    """Whether there is a seal of that name and nothing has changed since."""
    return has_seal(label_file, name) and label_file.lineage[name] == _seal(label_file)


def _seal(label_file: LabelFile) -> str:
    shapes = [[shape.label, shape.kind, shape.points, shape.group] for shape in label_file.annotations]
    # ASCII, as JSON can hold half a character that UTF-8 can't.
    return hashlib.sha256(json.dumps([sorted(label_file.tags), shapes]).encode("ascii")).hexdigest()[:16]

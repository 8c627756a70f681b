"""The tick boxes that labelme shows beside a photo (its image flags), and what they say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.seal import CONFIRMED, sealed
from thirtyfold.datasets.unlabelled import is_unlabelled, without_mark
from thirtyfold.errors import LabelError

# Without it a photo with nothing on it can hardly be told from one that nobody looked at:
# labelme writes no file for a photo that was only opened.
NOTHING_HERE = "nothing here"
# On photos with boxes that a model drew. labelme's own Save is grey as long as nothing was
# changed, so a person who agrees would have no way to say so.
RIGHT_AS_IS = "right as it is"


def with_ticks(label_file: LabelFile, *, in_review: bool = False) -> LabelFile:
    """A label file as labelme is to show it, with our tick boxes where they answer a question.

    ``in_review`` a person's labels can be called right as well, and are not asked about again.
    """
    flags = dict(label_file.flags)
    if machine_made.is_machine_made(label_file):
        if label_file.annotations:
            flags[RIGHT_AS_IS] = False
    else:
        if not label_file.annotations and not is_unlabelled(label_file):
            flags[NOTHING_HERE] = True
        if in_review:
            flags[RIGHT_AS_IS] = False
    return replace(label_file, flags=flags)


def without_ticks(label_file: LabelFile) -> LabelFile:
    """The label file without our tick boxes."""
    flags = {name: on for name, on in label_file.flags.items() if name not in (NOTHING_HERE, RIGHT_AS_IS)}
    return replace(label_file, flags=flags)


def spoken(saved: LabelFile) -> LabelFile:
    """What ``saved`` by labelme means for a photo that came with no label, or with a person's."""
    result = without_ticks(saved)
    if is_ticked(saved, RIGHT_AS_IS):
        result = sealed(result, CONFIRMED)
    if result.annotations or is_ticked(saved, NOTHING_HERE):
        result = without_mark(result)
    return result


def ticked_of(label_path: Path, flags: Sequence[str]) -> tuple[str, ...]:
    """Those of ``flags`` that are ticked in a label file; none in one that is not there or that a model made."""
    try:
        label_file = labelme_json.read(label_path)
    except LabelError:
        return ()
    return () if machine_made.is_machine_made(label_file) else tuple(flag for flag in label_file.tags if flag in flags)


def is_ticked(label_file: LabelFile, tick: str) -> bool:
    return bool(label_file.flags.get(tick, False))


def settled(saved: LabelFile, predicted: LabelFile) -> LabelFile:
    """What ``saved`` by labelme means for a photo that came with the labels ``predicted``, by a model.

    Shapes or flags that a person changed are truth, and so is what was ticked as right. A
    tick at *nothing here* with the model's shapes still as they were says that they are
    wrong: they go. Everything as it was, or both ticks: nobody has said anything yet, and
    ``predicted`` comes back, mark and all.
    """
    result = without_ticks(saved)
    before = without_ticks(predicted)
    if result.annotations == before.annotations and result.tags == before.tags:
        nothing_here = is_ticked(saved, NOTHING_HERE)
        if nothing_here == is_ticked(saved, RIGHT_AS_IS):
            return before
        if nothing_here:
            result = replace(result, annotations=())
    return machine_made.looked_at(result)

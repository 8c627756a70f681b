"""How quickly a person got on: the time is the price of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.seal import CONFIRMED, is_unbroken
from thirtyfold.datasets.unlabelled import is_unlabelled
from thirtyfold.sample import Annotation, Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One sitting at labelme or at the page, from its start to its end.

    ``photos`` were settled in it: labelled, emptied, corrected or called right. ``drawn`` labels
    were drawn or changed by hand, ``confirmed`` ones stayed as a model or somebody before drew them.
    """

    seconds: float
    photos: int
    drawn: int
    confirmed: int

    @property
    def labels(self) -> int:
        return self.drawn + self.confirmed

    def to_dict(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 1),
            "photos": self.photos,
            "labels": self.labels,
            "drawn": self.drawn,
            "confirmed": self.confirmed,
            "photos_per_minute": round(self._per_minute(self.photos), 2),
            "labels_per_minute": round(self._per_minute(self.labels), 2),
        }

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        time = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        text = (
            f"{counted(self.photos, 'photo')} and {counted(self.labels, 'label')} in {time}: "
            f"{self._per_minute(self.photos):.1f} photos and {self._per_minute(self.labels):.1f} labels a minute"
        )
        if self.confirmed:
            text += f" ({self.drawn} drawn or moved, {self.confirmed} right as they were)"
        return text

    def _per_minute(self, count: int) -> float:
        return 60 * count / self.seconds if self.seconds > 0 else 0.0


def pace_of(changes: Iterable[tuple[LabelFile | None, LabelFile]], seconds: float) -> Pace:
    """The pace of a sitting, of the labels (before, after) of each photo that it wrote; before is ``None`` for none."""
    photos = drawn = confirmed = 0
    for before, after in changes:
        if is_machine_made(after) or (before is not None and _says_the_same(before, after)):
            continue
        known = Counter(_outline(shape) for shape in before.annotations) if before is not None else Counter()
        new = (Counter(_outline(shape) for shape in after.annotations) - known).total()
        photos += 1
        drawn += new
        if before is not None and (is_machine_made(before) or is_unbroken(after, CONFIRMED)):
            confirmed += len(after.annotations) - new
    return Pace(seconds=seconds, photos=photos, drawn=drawn, confirmed=confirmed)


def counted(count: int, what: str) -> str:
    """``1 photo``, ``2 photos``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _says_the_same(before: LabelFile, after: LabelFile) -> bool:
    """Whether a person has said nothing about these labels."""
    if is_machine_made(before) or (is_unlabelled(before) and not is_unlabelled(after)):
        return False
    newly_confirmed = is_unbroken(after, CONFIRMED) and not is_unbroken(before, CONFIRMED)
    return before.annotations == after.annotations and before.tags == after.tags and not newly_confirmed


def _outline(shape: Annotation) -> tuple[str, str, tuple[Point, ...]]:
    return shape.label, shape.kind, shape.points

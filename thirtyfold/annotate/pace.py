"""How quickly a person got on: the time is the price of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One sitting at labelme, from its start to its end.

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
            f"{_count(self.photos, 'photo')} and {_count(self.labels, 'label')} in {time}: "
            f"{self._per_minute(self.photos):.1f} photos and {self._per_minute(self.labels):.1f} labels a minute"
        )
        if self.confirmed:
            text += f" ({self.drawn} drawn or moved, {self.confirmed} right as they were)"
        return text

    def _per_minute(self, count: int) -> float:
        return 60 * count / self.seconds if self.seconds > 0 else 0.0


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

"""What the extras get to see: a picture that the model has looked at, and the objects on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from thirtyfold.predict.track import Track

if TYPE_CHECKING:
    from thirtyfold.images import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """RGB ``pixels`` (height, width, 3) of ``seconds`` on the source's clock, and who is on them.

    An object whose ``seen_seconds`` is earlier was not found on this picture; its box is where it should be by now.
    """

    pixels: Pixels
    seconds: float
    at: datetime
    source: str
    objects: tuple[Track, ...]

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]


class Extra(Protocol):
    """``problems`` are sentences for the summary, complete after :meth:`close`."""

    problems: list[str]

    def see(self, scene: Scene) -> None:
        """Called with every picture that the model has looked at and that is shown. Never waits."""

    def close(self) -> Mapping[str, object]:
        """Finish what is under way and say what was done, for ``--json``. May be called twice."""
        ...

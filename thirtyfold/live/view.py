"""Where the picture goes, and what a person asks for there. A window is one such place; others may come."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from thirtyfold.images import Pixels


class Command(enum.Enum):
    STOP = "stop"
    PAUSE = "pause"
    SAVE = "save"
    THRESHOLD_UP = "threshold up"
    THRESHOLD_DOWN = "threshold down"


class View(Protocol):
    """``name`` is what ``--view`` calls it; ``wants_pictures`` is false where nobody looks."""

    name: str
    wants_pictures: bool

    def show(self, pixels: Pixels) -> None:
        """Show RGB ``pixels`` (height, width, 3); they are on the screen when this returns."""

    def commands(self) -> Sequence[Command]:
        """What the person asked for since the last time. Keeps the view alive: to be called often."""

    def close(self) -> None: ...


class NoView:
    """Nobody looks: on machines without a screen, and for measuring."""

    name = "none"
    wants_pictures = False

    def show(self, pixels: Pixels) -> None:
        pass

    def commands(self) -> Sequence[Command]:
        return ()

    def close(self) -> None:
        pass

"""Where the picture goes, and what a person asks for there: a window, a page in the browser, or nowhere."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from thirtyfold.predict.label_colors import LabelColors

if TYPE_CHECKING:
    from thirtyfold.images import Pixels


class Command(enum.Enum):
    STOP = "stop"
    PAUSE = "pause"
    SAVE = "save"
    THRESHOLD_UP = "threshold up"
    THRESHOLD_DOWN = "threshold down"
    SHOW_AGAIN = "show again"  # somebody began to look while the picture was held


@dataclass(frozen=True, slots=True, kw_only=True)
class SetThreshold:
    """Show from this score, 0 to 1."""

    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPaused:
    """Hold the picture, or go on: unlike :attr:`Command.PAUSE` the same for two people who ask at once."""

    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HideLabels:
    """Show all labels but these."""

    labels: frozenset[str]


Request = Command | SetThreshold | SetPaused | HideLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """What is worth knowing beside the picture, for a view with a place of its own for it.

    ``age_ms`` is from camera to view, ``lag_ms`` how much older the boxes are (``None``: no
    boxes yet), ``model_ms`` the last picture's. ``found`` counts the shown boxes by label.
    ``message`` is empty when there is nothing to say; ``messages`` counts those there were. ``verdicts`` are the
    labels of a second model, ``colors`` those of both.
    """

    source: str
    model: str
    classes: tuple[str, ...]
    fps: float
    age_ms: float
    lag_ms: float | None
    model_ms: float
    dropped: int
    threshold: float
    lowest_threshold: float
    hidden: frozenset[str]
    paused: bool
    found: Mapping[str, int]
    message: str
    messages: int
    verdicts: tuple[str, ...] = ()
    colors: LabelColors = field(default_factory=LabelColors)


class View(Protocol):
    """``name`` is what ``--view`` calls it; ``wants_pictures`` is false while nobody looks.

    ``visited``: somebody has looked, or nobody is expected to.
    ``wants_numbers``: numbers, messages and keys are to be written onto the picture, as
    there is no other place for them.
    """

    name: str
    wants_numbers: bool

    @property
    def wants_pictures(self) -> bool: ...

    @property
    def visited(self) -> bool: ...

    def show(self, pixels: Pixels) -> None:
        """Show RGB ``pixels`` (height, width, 3). The view may keep the array: it is not written to again."""

    def tell(self, state: LiveState) -> None:
        """What goes with the picture, after each one and after each change."""

    def commands(self) -> Sequence[Request]:
        """What people asked for since the last time. Keeps the view alive: to be called often."""

    def close(self) -> None: ...


class NoView:
    """Nobody looks: on machines without a screen, and for measuring."""

    name = "none"
    wants_pictures = False
    wants_numbers = True
    visited = True

    def show(self, pixels: Pixels) -> None:
        pass

    def tell(self, state: LiveState) -> None:
        pass

    def commands(self) -> Sequence[Request]:
        return ()

    def close(self) -> None:
        pass

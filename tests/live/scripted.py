"""A camera and a view that follow a script: what a person and a device would do, decided beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tests.drawn import draw_photo
from thirtyfold.capture.frames import Frame
from thirtyfold.errors import CameraError
from thirtyfold.images import Pixels
from thirtyfold.live.view import LiveState, Request

# More frames than any machine gets through: the script ends the run, however long that takes.
ENDLESS = 10**6


class ScriptedCamera:
    """So many frames of a drawn face that moves to the left; then the end, or a death."""

    def __init__(self, frames: int, *, fps: float = 100.0, dies: bool = False, pixels: Any = None) -> None:
        self.name = "scripted"
        self.live = False
        self.fps = fps
        self.closed = False
        self._frames = frames
        self._dies = dies
        self._pixels = draw_photo(3)[0] if pixels is None else pixels
        self.given = 0

    def read(self) -> Frame | None:
        if self.closed:
            return None
        if self.given >= self._frames:
            if self._dies:
                raise CameraError("scripted: stopped sending pictures")
            return None
        frame = Frame(
            pixels=np.roll(self._pixels, -self.given, axis=1),
            index=self.given,
            seconds=self.given / self.fps,
            read_at=time.perf_counter(),
        )
        self.given += 1
        return frame

    def close(self) -> None:
        self.closed = True


class ScriptedView:
    """``script`` is called with the number of pictures shown so far, and says what the person asks for.

    With ``from_first_box`` pictures count from the first one on which something was found.
    """

    name = "window"
    wants_pictures = True
    wants_numbers = True
    visited = True

    def __init__(
        self, script: Callable[[int], Sequence[Request]] = lambda shown: (), *, from_first_box: bool = False
    ) -> None:
        self.pictures: list[Pixels] = []
        self.states: list[LiveState] = []
        self.closed = False
        self.script = script
        self._counting = not from_first_box
        self._counted = 0

    def show(self, pixels: Pixels) -> None:
        self.pictures.append(pixels)
        self._counted += self._counting

    def tell(self, state: LiveState) -> None:
        self.states.append(state)
        self._counting = self._counting or bool(state.found)

    def commands(self) -> Sequence[Request]:
        return self.script(self._counted)

    def close(self) -> None:
        self.closed = True


def in_turn(steps: Mapping[int, Sequence[Request]]) -> Callable[[int], Sequence[Request]]:
    """A script: each of ``steps`` one time, as soon as so many pictures were shown."""
    waiting = dict(sorted(steps.items()))

    def script(shown: int) -> Sequence[Request]:
        due = [number for number in waiting if number <= shown]
        return [request for number in due for request in waiting.pop(number)]

    return script

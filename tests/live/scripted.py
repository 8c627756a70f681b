"""A camera and a view that follow a script: what a person and a device would do, decided beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.drawn import draw_photo
from thirtyfold.capture.frames import Frame
from thirtyfold.errors import CameraError
from thirtyfold.images import Pixels
from thirtyfold.live.view import LiveState, Request


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
        self._index = 0

    def read(self) -> Frame | None:
        if self.closed:
            return None
        if self._index >= self._frames:
            if self._dies:
                raise CameraError("scripted: stopped sending pictures")
            return None
        frame = Frame(
            pixels=np.roll(self._pixels, -self._index, axis=1),
            index=self._index,
            seconds=self._index / self.fps,
            read_at=time.perf_counter(),
        )
        self._index += 1
        return frame

    def close(self) -> None:
        self.closed = True


class ScriptedView:
    """``script`` is called with the number of pictures shown so far, and says what the person asks for."""

    name = "window"
    wants_pictures = True
    wants_numbers = True
    visited = True

    def __init__(self, script: Callable[[int], Sequence[Request]] = lambda shown: ()) -> None:
        self.pictures: list[Pixels] = []
        self.states: list[LiveState] = []
        self.closed = False
        self._script = script

    def show(self, pixels: Pixels) -> None:
        self.pictures.append(pixels)

    def tell(self, state: LiveState) -> None:
        self.states.append(state)

    def commands(self) -> Sequence[Request]:
        return self._script(len(self.pictures))

    def close(self) -> None:
        self.closed = True


def once(number: int, *commands: Request) -> Callable[[int], Sequence[Request]]:
    """A script: ``commands`` as soon as ``number`` pictures were shown, one time."""
    waiting = [commands]

    def script(shown: int) -> Sequence[Request]:
        return waiting.pop() if waiting and shown >= number else ()

    return script

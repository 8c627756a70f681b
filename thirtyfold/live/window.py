"""The live picture in an OpenCV window. To be used from the main thread only (macOS insists on it).

Nothing else in this room opens a window. Ask :func:`thirtyfold.screen.window_problem` first.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from thirtyfold.live.view import Command, LiveState, Request

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

_KEYS = {
    "q": Command.STOP,
    "\x1b": Command.STOP,
    "p": Command.PAUSE,
    "c": Command.SAVE,
    "+": Command.THRESHOLD_UP,
    "=": Command.THRESHOLD_UP,
    "-": Command.THRESHOLD_DOWN,
    "_": Command.THRESHOLD_DOWN,
}
_LARGEST_WH = (1280, 800)


class Window:
    """Opens with the first picture, as large as that one if the screen has room. Can be resized."""

    name = "window"
    wants_pictures = True
    wants_numbers = True
    visited = True

    def __init__(self, title: str) -> None:
        self._title = title
        self._open = False
        self._closed = False
        self._waiting: list[Request] = []

    def show(self, pixels: Pixels) -> None:
        import cv2

        if self._closed:
            return  # imshow would open it anew
        if not self._open:
            self._open_for(pixels)
        cv2.imshow(self._title, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        self._poll()

    def tell(self, state: LiveState) -> None:
        pass  # it is written on the picture

    def commands(self) -> Sequence[Request]:
        if self._open:
            self._poll()
        commands, self._waiting = self._waiting, []
        return commands

    def close(self) -> None:
        import cv2

        if self._open and not self._closed:
            self._closed = True
            # Where the window has just gone by itself, there is nothing left to close.
            with contextlib.suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)  # it goes when its events are handled

    def _open_for(self, pixels: Pixels) -> None:
        import cv2

        # OpenCV's Qt looks for fonts that its wheels do not carry, and says so on every start.
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        height, width = pixels.shape[:2]
        scale = min(1.0, _LARGEST_WH[0] / width, _LARGEST_WH[1] / height)
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
        self._open = True

    def _poll(self) -> None:
        import cv2

        if self._closed:
            return
        try:
            key = cv2.waitKey(1)
            visible = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:
            # Qt ends with its last window; everything asked of it then is an error.
            key, visible = -1, False
        command = _KEYS.get(chr(key & 0xFF).lower()) if key != -1 else None
        if command is not None:
            self._waiting.append(command)
        if not visible:
            self._closed = True
            self._waiting.append(Command.STOP)

"""A screen of its own (Xvfb), and a person before it (xdotool) who works with labelme. Positions are pixels of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tests.drawn import SKIN_RGB
from tests.waiting import wait_for
from tests.xvfb import Screen, xvfb


@dataclass(frozen=True, slots=True)
class Desktop(Screen):
    """``home``: a home folder of its own, with nobody's settings."""

    home: Path

    def windows(self) -> list[str]:
        """The visible windows of labelme; a dialog is one of its own."""
        return self.xdotool("search", "--onlyvisible", "--class", "labelme").split()

    def title(self, window: str) -> str:
        return self.xdotool("getwindowname", window)

    def click(self, x: int, y: int) -> None:
        # In two steps, as labelme draws from where it saw the pointer move last.
        self.xdotool("mousemove", "--sync", x - 2, y - 2)
        self.xdotool("mousemove", "--sync", x, y)
        self.xdotool("click", 1)

    def press(self, window: str, key: str) -> None:
        # There is no window manager, so nobody gives a window the keyboard.
        self.xdotool("windowfocus", "--sync", window)
        self.xdotool("key", "--clearmodifiers", key)

    def tick(self, window: str, key: str) -> None:
        """Tick a box under Flags: ``Home`` is the first one, ``End`` the last."""
        size = dict(line.split("=") for line in self.xdotool("getwindowgeometry", "--shell", window).split())
        # The empty part of the list, at the right edge: a click there only gives it the keyboard.
        self.click(int(size["WIDTH"]) - 60, 170)
        # Whatever key comes first only makes the first row the current one, where none was.
        for pressed in ("Home", key, "space"):
            self.press(window, pressed)

    def face_xyxy(self) -> tuple[int, int, int, int]:
        """Where the face of `tests.drawn` is on the screen, when it is there and labelme has found its place for it."""

        def found_twice() -> tuple[int, int, int, int] | None:
            before = self._find_face()
            time.sleep(0.2)
            return before if before == self._find_face() else None

        return wait_for(found_twice, "the face on the screen")

    def _find_face(self) -> tuple[int, int, int, int] | None:
        near_skin = (np.abs(self.pixels().astype(int) - SKIN_RGB).max(axis=2) < 14).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(near_skin)
        parts = stats[1:]
        if not len(parts):
            return None
        left, top, width, height, area = (int(v) for v in parts[parts[:, cv2.CC_STAT_AREA].argmax()])
        return (left, top, left + width, top + height) if area > 500 else None

    def answer_the_question_for_the_label(self, window: str, label: str) -> None:
        """labelme asks for the label in a dialog, after a shape was drawn in ``window``."""
        dialogs = wait_for(lambda: [one for one in self.windows() if one != window], "the question for the label")
        self.xdotool("windowfocus", "--sync", dialogs[0])
        self.xdotool("type", label)
        self.press(dialogs[0], "Return")
        wait_for(lambda: self.windows() == [window], "the dialog to close")


@contextmanager
def open_desktop(folder: Path) -> Iterator[Desktop]:
    """A new screen of 1280x900 pixels; skips the test where Xvfb or xdotool is missing."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    with xvfb(folder, "1280x900") as display:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "XDG_", "WAYLAND_"))}
        own = {"DISPLAY": display, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LC_ALL": "C.UTF-8"}
        yield Desktop(environment=kept | own, framebuffer=folder / "Xvfb_screen0", home=home)

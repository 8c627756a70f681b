"""A screen of our own (Xvfb), and a person at it (xdotool). Positions are pixels of the screen."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.xvfb import xvfb

PATIENCE_SECONDS = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desktop:
    display: str
    framebuffer: Path
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """For programs that shall appear on this screen, with a home folder of their own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "XDG_", "WAYLAND_"))}
        return kept | {
            "DISPLAY": self.display,
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home),
            "LC_ALL": "C.UTF-8",
        }

    def do(self, *arguments: object) -> str:
        """One xdotool command; what it printed."""
        command = ["xdotool", *(str(argument) for argument in arguments)]
        result = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False, timeout=30)
        return result.stdout

    def windows(self) -> list[str]:
        """The visible windows of labelme; a dialog is one of its own."""
        return self.do("search", "--onlyvisible", "--class", "labelme").split()

    def title(self, window: str) -> str:
        return self.do("getwindowname", window).strip()

    def click(self, x: int, y: int) -> None:
        # In two steps, as labelme draws from where it saw the pointer move last.
        self.do("mousemove", "--sync", x - 2, y - 2)
        self.do("mousemove", "--sync", x, y)
        self.do("click", 1)

    def press(self, window: str, key: str) -> None:
        # There is no window manager, so nobody gives a window the keyboard.
        self.do("windowfocus", "--sync", window)
        self.do("key", "--clearmodifiers", key)

    def tick(self, window: str, key: str) -> None:
        """Tick a box under Flags: ``Home`` is the first one, ``End`` the last."""
        size = dict(line.split("=") for line in self.do("getwindowgeometry", "--shell", window).split())
        # The empty part of the list, at the right edge: a click there only gives it the keyboard.
        self.click(int(size["WIDTH"]) - 60, 170)
        # Whatever key comes first only makes the first row the current one, where none was.
        for pressed in ("Home", key, "space"):
            self.press(window, pressed)

    def screen_rgb(self) -> NDArray[np.uint8]:
        """What is on the screen, RGB (height, width, 3). The file is an XWD of 32 bits a pixel."""
        data = self.framebuffer.read_bytes()
        head = np.frombuffer(data, ">u4", 25)
        width, height, bytes_per_line, colors = (int(head[i]) for i in (4, 5, 12, 19))
        start = int(head[0]) + colors * 12
        rows = np.frombuffer(data, np.uint8, bytes_per_line * height, start).reshape(height, bytes_per_line)
        return rows[:, : width * 4].reshape(height, width, 4)[:, :, 2::-1].copy()

    def find_face(self) -> tuple[int, int, int, int] | None:
        """Where the face of `tests.drawn` is on the screen: (left, top, right, bottom)."""
        near_skin = (np.abs(self.screen_rgb().astype(int) - (224, 172, 140)).max(axis=2) < 14).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(near_skin)
        parts = stats[1:]
        if not len(parts):
            return None
        left, top, width, height, area = (int(v) for v in parts[parts[:, cv2.CC_STAT_AREA].argmax()])
        return (left, top, left + width, top + height) if area > 500 else None


def wait_for(what: str, look: Callable[[], T | None]) -> T:
    """The first answer of ``look`` that is true; fails the test when none comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = look()
        if answer:
            return answer
        time.sleep(0.1)
    pytest.fail(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")


@contextmanager
def open_desktop(folder: Path) -> Iterator[Desktop]:
    """A new screen of 1280x900 pixels; skips the test where Xvfb or xdotool is missing."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    with xvfb(folder, "1280x900") as display:
        yield Desktop(display=display, framebuffer=folder / "Xvfb_screen0", home=home)

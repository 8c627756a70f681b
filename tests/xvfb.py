"""A screen that nobody sees, for tests of windows: Xvfb, driven by xdotool."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.images import Pixels


@dataclass(frozen=True, slots=True)
class Screen:
    """A running Xvfb; ``environment`` is for programs that are to appear on it."""

    environment: dict[str, str]
    framebuffer: Path

    def xdotool(self, *arguments: object) -> str:
        """What xdotool prints; empty where it failed."""
        command = ["xdotool", *map(str, arguments)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
        return done.stdout.strip()

    def window(self, title: str) -> str:
        """The number of the visible window of that title, when it is there."""
        found = wait_for(lambda: self.xdotool("search", "--onlyvisible", "--name", title), f"the window {title!r}")
        return found.split()[0]

    def opencv_window(self, title: str) -> str:
        """The number of OpenCV's window of that title, when there is a picture on the screen, and its keyboard.

        Where no window manager runs, the Qt 5 of OpenCV's wheels sometimes misses that its window was shown (on a busy
        machine, one start in ten; with openbox, none of 80), and paints nothing. Minimizing and restoring helps there.
        """
        window = self.window(title)
        for _ in range(6):
            deadline = time.monotonic() + PATIENCE_SECONDS / 6
            while time.monotonic() < deadline:
                if np.count_nonzero(self.pixels()) > 1000:
                    self.xdotool("windowfocus", "--sync", window)
                    return window
                time.sleep(0.02)
            self.xdotool("windowunmap", window)
            self.xdotool("windowmap", "--sync", window)
        pytest.fail(f"the window {title!r} shows no picture")

    def pixels(self) -> Pixels:
        """What is on the screen, RGB (height, width, 3). The file is an X window dump (XWDFile.h)."""
        data = self.framebuffer.read_bytes()
        header = struct.unpack(">25I", data[:100])
        width, height, bytes_per_line, colors = header[4], header[5], header[12], header[19]
        rows = np.frombuffer(data, np.uint8, height * bytes_per_line, header[0] + 12 * colors)
        return rows.reshape(height, bytes_per_line // 4, 4)[:, :width, 2::-1].copy()

    def ask_to_close(self, window: str) -> None:
        """What the cross in a window's corner does: a WM_DELETE_WINDOW message (ICCCM, 4.2.8.1)."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        display = ctypes.c_void_p(x11.XOpenDisplay(self.environment["DISPLAY"].encode()))
        protocols = x11.XInternAtom(display, b"WM_PROTOCOLS", 0)
        delete = x11.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
        client_message = 33
        # XClientMessageEvent: type, serial, send_event, display, window, message_type, format, data[5]
        event = struct.pack("@iLiPLLi5l", client_message, 0, 1, 0, int(window), protocols, 32, delete, 0, 0, 0, 0)
        x11.XSendEvent(display, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), event.ljust(192, b"\0"))
        x11.XCloseDisplay(display)


@contextmanager
def screen_of_its_own(size: str = "1280x800") -> Iterator[Screen]:
    """Start Xvfb as a display that nobody has. Skips where it is not installed."""
    with tempfile.TemporaryDirectory() as folder, xvfb(Path(folder), size) as display:
        environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
        screen = Screen({**environment, "DISPLAY": display}, Path(folder) / "Xvfb_screen0")
        wait_for(lambda: screen.xdotool("getdisplaygeometry"), "Xvfb")
        yield screen


@contextmanager
def xvfb(folder: Path, size: str) -> Iterator[str]:
    """A display, like ``:3``; its picture is the file ``Xvfb_screen0`` in ``folder``. Skips where there can be none."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt-get install xvfb xdotool)")
    ours, theirs = os.pipe()
    # -displayfd: it takes a free number and says which. -noreset: without it the server starts over whenever its
    # last client leaves, which every xdotool is while it waits for a window, and turns away the program that
    # connects in that moment.
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(
        [*command, "-fbdir", str(folder)],
        pass_fds=(theirs,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    try:
        with os.fdopen(ours) as pipe:
            number = pipe.readline().strip()
        if not number:
            pytest.skip("Xvfb does not start here")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)

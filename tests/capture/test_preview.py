from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.capture.sources import mjpeg_server, moving_photo
from tests.xvfb import screen_of_its_own
from thirtyfold.capture import records
from thirtyfold.capture.preview import PreviewWindow, State, draw_preview
from thirtyfold.errors import NotInstalledError
from thirtyfold.images import read_rgb
from thirtyfold.workspace import Dataset


def _state(**changes: object) -> State:
    return State(**{"instruction": "Look up", "taken": 3, "wanted": 10, "due_in": 0.7} | changes)  # type: ignore[arg-type]


def test_the_preview_is_a_mirror_and_leaves_the_frame_alone() -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[:, :100] = (200, 10, 10)
    before = pixels.copy()
    drawn = draw_preview(pixels, _state())
    assert np.array_equal(pixels, before)
    assert drawn.shape == (600, 800, 3)
    assert tuple(drawn[300, 760]) == (200, 10, 10), "what is left in the picture is right in the mirror"
    assert tuple(drawn[300, 40]) == (0, 0, 0)


def test_what_it_says_changes_the_picture() -> None:
    pixels = moving_photo(1)
    plain = draw_preview(pixels, _state())
    for changed in (
        _state(instruction="Look down"),
        _state(taken=4),
        _state(due_in=0.2),
        _state(trouble="blurred"),
        _state(flash=True),
    ):
        assert not np.array_equal(plain, draw_preview(pixels, changed)), changed
    assert np.array_equal(plain, draw_preview(pixels, _state()))


@pytest.mark.parametrize("instruction", ["", "Lächle, bitte – größer", "Смотрите вверх", "x" * 120])
def test_instructions_in_any_language_and_length_are_drawn(instruction: str) -> None:
    assert draw_preview(moving_photo(1), _state(instruction=instruction)).shape == (600, 800, 3)


def test_letters_beyond_ascii_are_letters_and_not_question_marks() -> None:
    umlaut, question = (draw_preview(moving_photo(1), _state(instruction=text)) for text in ("Ä", "?"))
    assert not np.array_equal(umlaut, question)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux machines have no screen")
def test_no_screen_is_a_sentence_and_not_an_abort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for display in (None, ":987"):
        monkeypatch.delenv("DISPLAY", raising=False)
        if display:
            monkeypatch.setenv("DISPLAY", display)
        with pytest.raises(NotInstalledError, match="--no-preview"):
            PreviewWindow()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X screen that nobody sees."""
    import cv2

    if cv2.version.headless:  # type: ignore[attr-defined]
        pytest.skip("this OpenCV has no windows")
    with screen_of_its_own("1280x960") as screen:
        yield screen.environment["DISPLAY"]


def _xdotool(display: str, *arguments: str) -> str:
    done = subprocess.run(
        ["xdotool", *arguments], env=os.environ | {"DISPLAY": display}, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _close_window(display: str, window: int) -> None:
    """Ask a window to close, as the cross in its corner does; without a window manager nobody else does."""

    class ClientMessage(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_int),
            ("serial", ctypes.c_ulong),
            ("send_event", ctypes.c_int),
            ("display", ctypes.c_void_p),
            ("window", ctypes.c_ulong),
            ("message_type", ctypes.c_ulong),
            ("format", ctypes.c_int),
            ("data", ctypes.c_long * 5),
            ("padding", ctypes.c_long * 24),
        )

    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    protocols, delete = (x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    message = ClientMessage(type=33, window=window, message_type=protocols, format=32)
    message.data[0] = delete
    x11.XSendEvent(connection, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(connection)


def _wait_for(what: str, condition: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["q", "Escape", "close"])
def test_a_person_drives_the_window_by_its_keys(display: str, ending: str, tmp_path: Path) -> None:
    """The real command before a real window: Space takes, B takes back, Q, Esc and closing stop."""
    root = tmp_path / "faces"
    dataset = Dataset(root)
    with mjpeg_server([None], fps=20) as server:
        command = [sys.executable, "-m", "thirtyfold", "capture", str(root), "--source", server.url]
        tool = subprocess.Popen(
            [*command, "--every", "3600", "--shots", "none", "--session", "s"],
            env=os.environ | {"DISPLAY": display},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _wait_for("a window", lambda: _xdotool(display, "search", "--name", "thirtyfold capture"))
            window = _xdotool(display, "search", "--name", "thirtyfold capture").splitlines()[-1]
            # The first photo comes by itself; the next would be due in an hour.
            _wait_for("the first photo", lambda: len(records.kept(dataset)) == 1)
            _xdotool(display, "windowfocus", "--sync", window)
            _xdotool(display, "key", "space")
            _wait_for("a photo by Space", lambda: len(records.kept(dataset)) == 2)
            _xdotool(display, "key", "b")
            _wait_for("taking back", lambda: len(records.kept(dataset)) == 1)
            if ending == "close":
                _close_window(display, int(window))
            else:
                _xdotool(display, "key", ending)
            out, err = tool.communicate(timeout=20)
        finally:
            tool.kill()
            tool.wait()
    assert tool.returncode == 0, err
    assert "1 of 100" in out and "stopped" in out
    assert [path.name for path in dataset.image_paths()] == ["s_0001.jpg"]
    assert read_rgb(root / "discarded" / "s_0002.jpg").shape == (120, 160, 3)

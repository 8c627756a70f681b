from __future__ import annotations

import sys

import pytest

from tests.xvfb import screen_of_its_own
from thirtyfold import screen

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a screen")


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_without_a_screen_it_is_said_what_is_missing() -> None:
    assert "neither DISPLAY nor WAYLAND_DISPLAY" in (screen.screen_problem() or "")
    assert screen.window_problem() == screen.screen_problem()


def test_a_display_that_nobody_answers_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    assert ":4711 does not answer" in (screen.screen_problem() or "")


def test_wayland_alone_is_a_screen_but_not_for_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert screen.screen_problem() is None
    assert "XWayland" in (screen.window_problem() or "")


def test_an_opencv_without_windows_cannot_show_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    with screen_of_its_own() as xvfb:
        monkeypatch.setenv("DISPLAY", xvfb.environment["DISPLAY"])
        assert screen.screen_problem() is None
        assert screen.window_problem() is None
        monkeypatch.setattr(cv2.version, "headless", True)
        assert "opencv-python-headless" in (screen.window_problem() or "")

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.capture.sources import mjpeg_server, moving_photo
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.xvfb import Screen, screen_of_its_own
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


@pytest.mark.parametrize("shape", [(20, 800, 3), (3, 2000, 3), (900, 40, 3)])
def test_pictures_with_no_room_for_the_lines_are_drawn_all_the_same(shape: tuple[int, int, int]) -> None:
    drawn = draw_preview(np.full(shape, 90, np.uint8), _state())
    assert drawn.shape[1] >= 800
    assert drawn.max() > 200, "the words are in it"


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
def xvfb() -> Iterator[Screen]:
    import cv2

    if cv2.version.headless:  # type: ignore[attr-defined]
        pytest.skip("this OpenCV has no windows")
    with screen_of_its_own("1280x960") as screen:
        yield screen


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["q", "Escape", "close"])
def test_a_person_drives_the_window_by_its_keys(xvfb: Screen, ending: str, tmp_path: Path) -> None:
    """The real command before a real window: Space takes, B takes back, Q, Esc and closing stop."""
    root = tmp_path / "faces"
    dataset = Dataset(root)
    with mjpeg_server([None], fps=20) as server:
        command = [sys.executable, "-m", "thirtyfold", "capture", str(root), "--source", server.url]
        tool = subprocess.Popen(
            [*command, "--every", "3600", "--shots", "none", "--session", "s"],
            env=xvfb.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            window = xvfb.window("thirtyfold capture")
            # The first photo comes by itself; the next would be due in an hour.
            wait_for(lambda: len(records.kept(dataset)) == 1, "the first photo")
            xvfb.xdotool("windowfocus", "--sync", window)
            xvfb.xdotool("key", "space")
            wait_for(lambda: len(records.kept(dataset)) == 2, "a photo by Space")
            xvfb.xdotool("key", "b")
            wait_for(lambda: len(records.kept(dataset)) == 1, "taking back")
            if ending == "close":
                xvfb.ask_to_close(window)
            else:
                xvfb.xdotool("key", ending)
            out, err = tool.communicate(timeout=PATIENCE_SECONDS)
        finally:
            tool.kill()
            tool.wait()
    assert tool.returncode == 0, err
    assert "1 of 100" in out and "stopped" in out
    assert [path.name for path in dataset.image_paths()] == ["s_0001.jpg"]
    assert read_rgb(root / "discarded" / "s_0002.jpg").shape == (120, 160, 3)

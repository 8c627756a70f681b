"""The real window on a real screen (Xvfb), the keys pressed by xdotool."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.live.conftest import write_video
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.xvfb import Screen, screen_of_its_own
from thirtyfold.datasets.samples import read_samples
from thirtyfold.drawing import color_of
from thirtyfold.images import Pixels
from thirtyfold.workspace import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb is Linux's")]
TITLE = "thirtyfold live"


@pytest.fixture(scope="module")
def xvfb() -> Iterator[Screen]:
    with screen_of_its_own() as screen:
        yield screen


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Longer than any of the tests takes on a busy machine: a minute and a half."""
    path = tmp_path_factory.mktemp("video") / "long.mp4"
    write_video(path, frames=2700)
    return path


@pytest.fixture
def live(tiny_run: Path, video: Path, tmp_path: Path, xvfb: Screen) -> Iterator[subprocess.Popen[str]]:
    """`thirtyfold live` on that video, its window open and with the keyboard."""
    command = [sys.executable, "-m", "thirtyfold", "live", "--view", "window", "--json", "--review", "faces"]
    with subprocess.Popen(
        [*command, "--model", str(tiny_run), "--source", str(video)],
        cwd=tmp_path,
        env=xvfb.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        xvfb.opencv_window(TITLE)
        yield process
        process.kill()
        if process.stderr is not None and not process.stderr.closed:
            sys.stderr.write(process.communicate()[1])  # shown where the test failed


def test_c_saves_a_photo_to_review_and_q_stops(live: subprocess.Popen[str], xvfb: Screen, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    xvfb.xdotool("key", "c")
    wait_for(dataset.captures_path.exists)
    xvfb.xdotool("key", "q")
    out, err = live.communicate(timeout=PATIENCE_SECONDS)
    assert live.returncode == 0, err
    numbers = json.loads(out)
    assert numbers["ended"] == "person"
    assert numbers["view"] == "window"
    (sample,) = read_samples(dataset)
    assert [annotation.label for annotation in sample.annotations or ()] == ["face"]
    assert (sample.session or "").startswith("review-")
    assert numbers["reviewed"] == [str(Path("faces") / "images" / sample.image_path.name)]
    # OpenCV's and Qt's own chatter is no news for anybody.
    assert [line for line in err.splitlines() if not line.startswith("live: ")] == []


def test_the_box_is_on_the_screen_and_moves_until_p_holds_it(live: subprocess.Popen[str], xvfb: Screen) -> None:
    wait_for(lambda: has_box(xvfb.pixels()), "a box on the screen")
    before = xvfb.pixels()
    wait_for(lambda: not np.array_equal(xvfb.pixels(), before))
    xvfb.xdotool("key", "p")
    wait_for(lambda: stands_still(xvfb))
    held = xvfb.pixels()
    # At the pace of a quick finger: OpenCV keeps only the last of several keys that come at once.
    xvfb.xdotool("key", "--delay", "120", *["plus"] * 11)
    wait_for(lambda: not has_box(xvfb.pixels()))
    assert not np.array_equal(xvfb.pixels(), held)
    xvfb.xdotool("key", "--delay", "120", "p", "Escape")
    out, err = live.communicate(timeout=PATIENCE_SECONDS)
    assert live.returncode == 0, err
    numbers = json.loads(out)
    assert numbers["threshold"] == 1.0
    assert numbers["frames_paused"] > 0
    assert numbers["frames_read"] == numbers["frames_shown"] + numbers["frames_dropped"] + numbers["frames_paused"]


def test_closing_the_window_stops(live: subprocess.Popen[str], xvfb: Screen) -> None:
    xvfb.ask_to_close(xvfb.window(TITLE))
    out, err = live.communicate(timeout=PATIENCE_SECONDS)
    assert live.returncode == 0, err
    assert json.loads(out)["ended"] == "person"


def has_box(pixels: Pixels) -> bool:
    """Whether there is ink of the colour of faces."""
    return bool((np.abs(pixels.astype(int) - color_of("face")).max(axis=-1) < 12).sum() > 100)


def stands_still(screen: Screen) -> bool:
    first = screen.pixels()
    return all(np.array_equal(screen.pixels(), first) for _ in range(20))

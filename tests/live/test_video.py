from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from thirtyfold.errors import ThirtyfoldError, UsageError
from thirtyfold.images import Pixels
from thirtyfold.live.video import VideoFile


def grey(level: int, width: int = 160, height: int = 120) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def levels(path: Path) -> list[int]:
    """The brightness of every frame."""
    reader, found = cv2.VideoCapture(str(path)), []
    while True:
        ok, frame = reader.read()
        if not ok:
            reader.release()
            return found
        found.append(round(float(frame.mean())))


def write(video: VideoFile, frames: list[tuple[int, float]]) -> Path:
    """Frames of (brightness, seconds), as fast as they are taken."""
    for level, seconds in frames:
        while video._queue.full():
            pass
        video.add(grey(level), seconds)
    path = video.close()
    assert path is not None
    return path


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
def test_every_frame_is_in_the_file_in_order_and_at_the_sources_rate(tmp_path: Path, ending: str) -> None:
    frames = [(20 + 7 * number, number / 25) for number in range(30)]
    path = write(VideoFile(tmp_path / f"out{ending}", fps=25.0), frames)
    assert levels(path) == pytest.approx([level for level, _ in frames], abs=5)
    reader = cv2.VideoCapture(str(path))
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(25.0)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_dropped_frames_are_filled_so_that_the_duration_is_right(tmp_path: Path) -> None:
    path = write(VideoFile(tmp_path / "out.mp4", fps=10.0), [(50, 0.0), (100, 0.1), (200, 1.0), (250, 1.1)])
    assert levels(path) == pytest.approx([50] + [100] * 9 + [200, 250], abs=4)


def test_a_camera_that_is_a_little_early_and_late_loses_no_frame(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    times = [number / 30 + float(random.uniform(-0.012, 0.012)) for number in range(90)]
    path = write(VideoFile(tmp_path / "out.mp4", fps=30.0), [(20 + 2 * number, at) for number, at in enumerate(times)])
    found = levels(path)
    assert 89 <= len(found) <= 92
    assert found[-1] == pytest.approx(198, abs=3)


def test_a_camera_faster_than_it_says_does_not_stretch_the_video(tmp_path: Path) -> None:
    path = write(VideoFile(tmp_path / "out.mp4", fps=10.0), [(100, number / 40) for number in range(120)])
    assert len(levels(path)) == pytest.approx(30, abs=3)


def test_pictures_of_other_sizes_are_fitted_in(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "out.mp4", fps=2.0)
    video.add(grey(200), 0.0)
    video.add(grey(200, width=60, height=120), 0.5)
    path = video.close()
    assert path is not None
    reader = cv2.VideoCapture(str(path))
    reader.read()
    _, second = reader.read()
    assert second.shape == (120, 160, 3)
    assert second[:, 70:90].mean() > 190
    assert second[:, :30].mean() < 20


def test_the_picture_given_may_be_drawn_on_by_nobody_else_meanwhile_and_stays_the_same(tmp_path: Path) -> None:
    video, pixels = VideoFile(tmp_path / "out.mp4", fps=2.0), grey(77)
    video.add(pixels, 0.0)
    video.close()
    assert (pixels == 77).all()


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "out.mp4", fps=30.0)
    assert video.close() is None
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "out.mp4", fps=30.0)
    video.add(grey(1), 0.0)
    assert video.close() == video.close() == tmp_path / "out.mp4"


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        VideoFile(tmp_path / "out.mp4", fps=30.0)
    assert (tmp_path / "out.mp4").read_text() == "mine"


def test_a_name_taken_while_recording_is_not_written_over_either(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "out.mp4", fps=30.0)
    video.add(grey(1), 0.0)
    for name in ("out.mp4", "out-2.mp4"):
        (tmp_path / name).write_text("mine")
    assert video.close() == video.close() == tmp_path / "out-3.mp4"
    assert len(levels(tmp_path / "out-3.mp4")) == 1, "the recording is kept, too"
    assert {(tmp_path / name).read_text() for name in ("out.mp4", "out-2.mp4")} == {"mine"}
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["out.txt", "out", "out.jpg"])
def test_a_name_that_is_no_videos_is_refused_before_anything_starts(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a video file was expected"):
        VideoFile(tmp_path / name, fps=30.0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ThirtyfoldError, match=r"out\.mp4: cannot be written"):
        VideoFile(tmp_path / "file" / "out.mp4", fps=30.0)


def test_missing_folders_are_made_and_the_mode_is_a_normal_one(tmp_path: Path) -> None:
    path = write(VideoFile(tmp_path / "a" / "b" / "out.mp4", fps=30.0), [(1, 0.0)])
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_said_and_half_a_video_not_kept(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from thirtyfold.live.video import VideoFile

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
video = VideoFile(Path(sys.argv[1]), fps=30.0)
random = np.random.default_rng(0)
for number in range(12):
    video.add(random.integers(0, 256, (240, 320, 3), np.uint8), number / 30)
try:
    video.close()
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out.mp4")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("DataError")
    assert "is the disk full?" in done.stdout
    assert list(tmp_path.iterdir()) == []

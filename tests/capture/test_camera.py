from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.capture.sources import (
    HEIGHT,
    WIDTH,
    MjpegServer,
    ScriptedCamera,
    mjpeg_server,
    moving_photo,
    write_video,
)
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.capture.camera import CameraInfo, list_cameras, open_camera, public_name
from thirtyfold.capture.devices import why_no_camera
from thirtyfold.capture.folder_camera import FolderCamera
from thirtyfold.capture.frames import NewestFrame
from thirtyfold.capture.live_camera import LiveCamera
from thirtyfold.capture.opencv_capture import SafeCapture
from thirtyfold.capture.video_file_camera import VideoFileCamera
from thirtyfold.errors import CameraError, UsageError
from thirtyfold.images import write_jpeg


def test_a_video_is_read_frame_by_frame_in_rgb_on_its_own_clock(tmp_path: Path) -> None:
    orange = np.full((HEIGHT, WIDTH, 3), (250, 120, 10), np.uint8)
    path = write_video(tmp_path / "orange.avi", [orange] * 5, fps=10)
    camera = open_camera(str(path))
    frames = [camera.read() for _ in range(6)]
    camera.close()
    assert frames[5] is None
    assert [frame.index for frame in frames[:5] if frame] == [0, 1, 2, 3, 4]
    assert [frame.seconds for frame in frames[:5] if frame] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    first = frames[0]
    assert first is not None and first.pixels.shape == (HEIGHT, WIDTH, 3) and first.annotations is None
    assert np.abs(first.pixels.mean((0, 1)) - (250, 120, 10)).max() < 6  # not BGR
    assert (camera.name, camera.live, camera.fps) == ("orange.avi", False, 10.0)


def test_the_real_clips_and_gifs_are_read_to_their_end(shared: Callable[[str], Path]) -> None:
    counts = {}
    for path in sorted(shared("data/clips").glob("*.[mg][ki][vf]")):
        camera = open_camera(str(path))
        seconds = []
        while (frame := camera.read()) is not None:
            seconds.append(frame.seconds)
        camera.close()
        assert seconds == sorted(set(seconds)), f"the clock of {path.name} does not run forward"
        assert seconds[0] == 0
        counts[path.name] = len(seconds)
    assert len(counts) == 10
    assert counts["milk.mkv"] == 51 and counts["classroom.gif"] == 45


def test_a_file_whose_name_looks_like_a_protocol_or_a_pattern_is_read(tmp_path: Path) -> None:
    for name in ("http:clip.avi", "clip%03d.avi"):
        path = write_video(tmp_path / name, [moving_photo(0)] * 3)
        assert open_camera(str(path)).read() is not None


def test_a_folder_gives_its_pictures_by_name_upright_and_names_the_unreadable(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "b.jpg", moving_photo(1))
    sideways = Image.fromarray(moving_photo(2))
    exif = sideways.getexif()
    exif[0x0112] = 6
    sideways.save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not a picture")
    camera = open_camera(str(tmp_path))
    assert isinstance(camera, FolderCamera)
    first, second = camera.read(), camera.read()
    assert first is not None and first.name == "a.jpg" and first.pixels.shape == (WIDTH, HEIGHT, 3)
    assert second is not None and second.name == "b.jpg" and second.index == 1
    assert camera.read() is None
    assert [problem.path.name for problem in camera.problems] == ["broken.png"]


def test_a_single_picture_is_a_folder_of_one(tmp_path: Path) -> None:
    # OpenCV itself would take photo1.jpg for the start of photo1, photo2, ...
    for number in (1, 2):
        write_jpeg(tmp_path / f"photo{number}.jpg", moving_photo(number))
    camera = open_camera(str(tmp_path / "photo1.jpg"))
    assert camera.read() is not None
    assert camera.read() is None


@pytest.mark.parametrize("fps", [math.nan, 0.0, -9.2e18, math.inf])
def test_a_nonsense_frame_rate_is_thirty(fps: float) -> None:
    class Capture:
        def isOpened(self) -> bool:  # noqa: N802
            return True

        def get(self, propId: int, /) -> float:  # noqa: N803
            return fps if propId == cv2.CAP_PROP_FPS else -9.2e18

        def read(self) -> tuple[bool, None]:
            return False, None

        def release(self) -> None:
            pass

    capture = SafeCapture(Capture())
    assert capture.fps == 30.0
    assert not capture.finite


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.mkv", "no such file"),
        ("notes.txt", "is not a video"),
        ("empty", "holds no pictures"),
        ("http://127.0.0.1:9/x", "the stream cannot be opened"),
        ("97", "camera 97"),
        ("x" * 300, "cannot be looked for"),
        ("~nobody-of-this-name/clip.mp4", "cannot be looked for"),
        ("rtsp://[::1", "the stream cannot be opened"),
    ],
)
def test_a_source_that_is_none_says_why(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CameraError, match=said):
        open_camera(source)


def test_opencv_and_ffmpeg_add_no_words_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    code = """
from thirtyfold.capture.camera import list_cameras, open_camera
from thirtyfold.errors import CameraError
for source in ("nowhere.mkv", "notes.txt", "http://127.0.0.1:9/x", "rtsp://127.0.0.1:9/x", "97"):
    try:
        open_camera(source)
    except CameraError:
        pass
list_cameras()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_no_camera_names_the_demo_as_the_way_on() -> None:
    assert "--source demo" in why_no_camera(97, opened=False)


def test_a_camera_on_linux_that_may_not_be_read_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    # No machine of ours has a camera that is there but forbidden.
    monkeypatch.setattr("thirtyfold.capture.devices.camera_numbers", lambda: [0])
    monkeypatch.setattr("thirtyfold.capture.devices.IS_LINUX", True)
    monkeypatch.setattr("thirtyfold.capture.devices._PLATFORM", "linux")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "usermod -aG video" in why_no_camera(0, opened=False)
    monkeypatch.setattr("os.access", lambda *_: True)
    assert "another program probably uses it" in why_no_camera(0, opened=True)
    assert "this machine has 0" in why_no_camera(3, opened=False)
    monkeypatch.setattr("thirtyfold.capture.devices._PLATFORM", "darwin")
    assert "Privacy & Security" in why_no_camera(0, opened=False)


def test_a_listed_camera_says_what_to_type_and_whether_it_opens() -> None:
    busy = CameraInfo(source="2", name="HD Webcam", width=0, height=0)
    assert busy.row() == ("2", "cannot be opened (in use?)", "HD Webcam")
    assert CameraInfo(source="0", name="HD Webcam", width=640, height=480).row()[1] == "640x480"
    assert all(camera.source.isdecimal() for camera in list_cameras())


def test_a_wrong_demo_seed_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="demo:7"):
        open_camera("demo:x")


def test_passwords_never_stand_in_a_name() -> None:
    assert public_name("rtsp://me:secret@cam.local:554/live?token=abc") == "rtsp://cam.local:554/live"
    assert public_name(" rtsp://me:secret@cam.local/live\n") == "rtsp://cam.local/live"
    assert public_name("rtsp://me:secret@[::1/live") == "rtsp://..."
    assert public_name("clips/milk.mkv") == "clips/milk.mkv"
    with pytest.raises(CameraError) as failure:
        open_camera("http://me:secret@127.0.0.1:9/x?token=abc")
    assert "secret" not in str(failure.value) and "abc" not in str(failure.value)


def _open_stream(server: MjpegServer, pauses_seconds: tuple[float, ...]) -> LiveCamera:
    camera = open_camera(server.url)
    assert isinstance(camera, LiveCamera) and camera.live
    camera._pauses_seconds = pauses_seconds
    return camera


def test_a_stream_that_dies_and_comes_back_goes_on() -> None:
    with mjpeg_server([20, 25]) as server:
        camera = _open_stream(server, (0.05, 0.05))
        indexes = []
        with pytest.raises(CameraError, match=r"2 tries to reach it again failed; check the sender"):
            while (frame := camera.read()) is not None:
                indexes.append(frame.index)
        camera.close()
    assert indexes == list(range(45)), "frames of both connections, numbered through"


class Plugged:
    """A webcam as OpenCV gives it: so many frames, then it is pulled out."""

    def __init__(self, frames: int) -> None:
        self.left = frames
        self.released = 0

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, propId: int, /) -> float:  # noqa: N803
        return 30.0 if propId == cv2.CAP_PROP_FPS else -1.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((4, 4, 3), 9, np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released += 1


def test_a_webcam_whose_first_frames_are_missing_is_listed_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowStarter(Plugged):
        def read(self) -> tuple[bool, np.ndarray | None]:
            self.left -= 1
            return (True, np.full((48, 64, 3), 9, np.uint8)) if self.left < 0 else (False, None)

    webcam = SlowStarter(3)
    monkeypatch.setattr("thirtyfold.capture.camera.camera_numbers", lambda: [0])
    monkeypatch.setattr("thirtyfold.capture.camera.open_device", lambda number: SafeCapture(webcam))
    assert [(camera.source, camera.width, camera.height) for camera in list_cameras()] == [("0", 64, 48)]
    assert webcam.released == 1


def test_a_video_that_knows_no_times_runs_at_its_frame_rate() -> None:
    class Timeless(Plugged):
        def get(self, propId: int, /) -> float:  # noqa: N803
            return math.nan if propId == cv2.CAP_PROP_POS_MSEC else super().get(propId)

    camera = VideoFileCamera("clip.avi", SafeCapture(Timeless(3)))
    seconds = [frame.seconds for frame in iter(camera.read, None)]
    assert seconds == pytest.approx([0, 1 / 30, 2 / 30])


def test_a_webcam_that_is_pulled_out_is_opened_again_for_ever_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thirtyfold.capture.live_camera.PATIENT_PAUSES_SECONDS", (0.001, 0.002))
    first, again = Plugged(3), Plugged(2)
    tries: list[bool] = []

    def open_capture() -> SafeCapture | None:
        tries.append(camera.lost)
        return SafeCapture(again) if len(tries) == 12 else None

    camera = LiveCamera("camera 0", open_capture, first=SafeCapture(first), help_text="", for_ever=True)
    frames = [camera.read() for _ in range(5)]
    assert [frame.index for frame in frames if frame] == [0, 1, 2, 3, 4]
    assert tries == [True] * 12
    assert not camera.lost
    assert first.released == 1
    camera.close()
    assert again.released == 1


def test_a_camera_that_is_tried_for_ever_can_be_closed_meanwhile() -> None:
    camera = LiveCamera("camera 0", lambda: None, first=SafeCapture(Plugged(1)), help_text="", for_ever=True)
    reader = NewestFrame(camera, paced=True)
    reader.start()
    assert reader.get(-1, PATIENCE_SECONDS) is not None
    wait_for(lambda: reader.lost)
    reader.stop()
    assert reader.ended
    assert reader.error is None


def test_letting_go_of_a_camera_does_not_wait_for_one_who_reads() -> None:
    reading, go_on = threading.Event(), threading.Event()

    class Stalled(Plugged):
        def read(self) -> tuple[bool, np.ndarray | None]:
            reading.set()
            assert go_on.wait(PATIENCE_SECONDS)
            return super().read()

    stalled = Stalled(5)
    capture = SafeCapture(stalled)
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(capture.read()))
    thread.start()
    assert reading.wait(PATIENCE_SECONDS)
    capture.release()
    assert stalled.released == 0, "releasing under a reader is a crash"
    go_on.set()
    thread.join()
    assert stalled.released == 1
    assert got == [None]


def test_a_stream_that_never_comes_back_ends_with_a_sentence() -> None:
    with mjpeg_server([20]) as server:
        camera = _open_stream(server, (0.02, 0.02, 0.02))
        reader = NewestFrame(camera, paced=False)
        reader.start()
        seen = -1
        while (frame := reader.get(seen, PATIENCE_SECONDS)) is not None:
            seen = frame.index
        reader.stop()
    assert seen == 19
    assert reader.ended and reader.error is not None and "3 tries" in str(reader.error)


def test_closing_ends_a_camera_that_waits_for_its_stream() -> None:
    with mjpeg_server([5]) as server:
        camera = _open_stream(server, (3600.0,))
        reader = NewestFrame(camera, paced=False)
        reader.start()
        seen = -1
        while seen < 4 and (frame := reader.get(seen, PATIENCE_SECONDS)) is not None:
            seen = frame.index
        time.sleep(0.2)  # now it waits an hour to try again
        reader.stop()
    assert reader.ended and reader.error is None


def test_a_finite_video_behind_a_url_ends_and_is_not_played_again(tmp_path: Path) -> None:
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    write_video(tmp_path / "clip.avi", [moving_photo(index) for index in range(6)])
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    camera = open_camera(f"http://127.0.0.1:{server.server_address[1]}/clip.avi")
    count = 0
    while camera.read() is not None:
        count += 1
    camera.close()
    server.shutdown()
    server.server_close()
    thread.join()
    assert isinstance(camera, VideoFileCamera) and not camera.live
    assert (count, camera.name) == (6, "clip.avi")


def test_unpaced_files_lose_no_frame_however_slowly_they_are_taken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", [moving_photo(index) for index in range(12)])
    reader = NewestFrame(open_camera(str(path)), paced=False)
    reader.start()
    indexes, seen = [], -1
    while (frame := reader.get(seen, PATIENCE_SECONDS)) is not None:
        seen = frame.index
        indexes.append(seen)
        time.sleep(0.01)
    reader.stop()
    assert indexes == list(range(12))
    assert reader.frames_read == 12 and reader.ended and reader.error is None


def test_paced_files_drop_what_nobody_took(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", [moving_photo(index % 5) for index in range(400)], fps=100)
    reader = NewestFrame(open_camera(str(path)), paced=True)
    reader.start()
    first = reader.get(-1, PATIENCE_SECONDS)
    assert first is not None
    wait_for(lambda: reader.frames_read >= first.index + 7)
    later = reader.get(-1, PATIENCE_SECONDS)
    assert later is not None
    assert later.index >= first.index + 5
    assert reader.get(10_000, 0.01) is None, "a frame that is not there yet"
    reader.stop()


def test_a_live_camera_is_drained_by_its_thread() -> None:
    camera = ScriptedCamera([(index / 30, moving_photo(index % 3)) for index in range(50)])
    reader = NewestFrame(camera, paced=True)
    reader.start()
    frame = None
    while not reader.ended:
        frame = reader.get(-1, 1.0)
    frame = reader.get(-1, 1.0)
    reader.stop()
    reader.stop()
    assert frame is not None and frame.index == 49, "the newest one"
    assert camera.closed == 2


def test_a_bug_in_a_camera_comes_to_light_where_frames_are_asked_for() -> None:
    class Broken(ScriptedCamera):
        def read(self) -> None:
            raise ZeroDivisionError

    reader = NewestFrame(Broken([]), paced=False)
    reader.start()
    with pytest.raises(ZeroDivisionError):
        reader.get(-1, PATIENCE_SECONDS)
    reader.stop()


def test_the_room_needs_no_opencv_to_be_imported() -> None:
    code = (
        "import sys, thirtyfold.capture.camera, thirtyfold.capture.session; "
        "print(sorted({'cv2', 'numpy', 'PIL', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

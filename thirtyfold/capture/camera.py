"""Where frames come from: cameras, video files, folders of pictures, streams.

Nothing else in the program opens a camera. Every source is a :class:`Camera` that
gives :class:`Frame` objects; :class:`NewestFrame` reads one on a thread.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from thirtyfold import files
from thirtyfold.capture.devices import IS_LINUX, OTHER_SOURCES, camera_numbers, device_name, why_no_camera
from thirtyfold.capture.folder_camera import FolderCamera
from thirtyfold.capture.frames import Camera, Frame, NewestFrame
from thirtyfold.errors import CameraError, UsageError
from thirtyfold.images import is_image

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

__all__ = [
    "Camera",
    "CameraInfo",
    "FolderCamera",
    "Frame",
    "LiveCamera",
    "NewestFrame",
    "VideoFileCamera",
    "list_cameras",
    "open_camera",
    "public_name",
]

UNKNOWN_FPS = 30.0
# A router that restarts is back within half a minute; a person does not wait longer.
RECONNECT_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
# Where it is tried for ever: whoever puts the plug back in looks at the picture at once.
PATIENT_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)
_STREAM_TIMEOUT_MS = 8000
_STREAM = re.compile(r"(https?|rtsps?|rtmps?)://", re.IGNORECASE)


def open_camera(source: str, *, for_ever: bool = False) -> Camera:
    """The camera that ``source`` names; it has been tried, and is ready to be read.

    ``source`` is a camera number (``0``), a video file, a picture or a folder of pictures, a stream
    (http, https, rtsp, rtmp), or ``demo`` (``demo:7`` for another seed). A camera or stream that stops later
    is tried again for half a minute, or ``for_ever``. Raises :class:`CameraError` with the reason and the mend.
    """
    source = source if Path(source).exists() else source.strip()
    if source == "demo" or source.startswith("demo:"):
        from thirtyfold.capture.demo_camera import DemoCamera

        return DemoCamera(_demo_seed(source))
    if _STREAM.match(source):
        return _open_stream(source, for_ever=for_ever)
    if number := re.fullmatch(r"(?:/dev/video)?(\d{1,3})", source):
        return _open_local(int(number.group(1)), for_ever=for_ever)
    path = Path(source).expanduser()
    if path.is_dir():
        return FolderCamera(path)
    if not path.exists():
        raise CameraError(
            f"{source}: no such file or folder; give a camera number (like 0), a stream URL, {OTHER_SOURCES}"
        )
    if is_image(path):
        return FolderCamera(path.parent, [path])
    return VideoFileCamera(path)


def public_name(source: str) -> str:
    """``source`` as it may be shown and written down: a stream without its user, password and query."""
    if not _STREAM.match(source):
        return source
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class _Capture(Protocol):
    """What is used of ``cv2.VideoCapture``, so that a test can hand in one that dies."""

    def isOpened(self) -> bool: ...  # noqa: N802

    def read(self) -> tuple[bool, Any]: ...

    def get(self, propId: int, /) -> float: ...  # noqa: N803

    def release(self) -> None: ...


class _SafeCapture:
    """``cv2.VideoCapture`` that may be released while another thread reads; that alone is a crash."""

    def __init__(self, capture: _Capture) -> None:
        import cv2

        self._capture = capture
        self._lock = threading.Lock()
        self._released = False
        self._unwanted = False
        self.fps = _plausible_fps(capture.get(cv2.CAP_PROP_FPS))
        # Streams state numbers like -9.2e18.
        self.finite = 0 < capture.get(cv2.CAP_PROP_FRAME_COUNT) < 1e9

    def read(self) -> tuple[Pixels, float] | None:
        """(RGB pixels, timestamp in seconds), or ``None`` at the end."""
        import cv2

        with self._lock:
            if self._released:
                return None
            ok, bgr = self._capture.read()
            seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._unwanted:
            self.release()
            return None
        if not ok or bgr is None:
            return None
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), seconds

    def release(self) -> None:
        """At once, or, while another thread reads, when it has done so: a stream that has stalled takes seconds."""
        self._unwanted = True
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self._released:
                self._released = True
                self._capture.release()
        finally:
            self._lock.release()


class LiveCamera:
    """A camera or stream. When it stops, it is opened again after a pause, and a longer one.

    After a few tries it is given up, or tried ``for_ever``; ``lost`` is true meanwhile. ``open_capture``
    gives a working capture or ``None``; ``help_text`` says what a person can do when it died for good.
    """

    live = True

    def __init__(
        self,
        name: str,
        open_capture: Callable[[], _SafeCapture | None],
        *,
        first: _SafeCapture,
        help_text: str,
        for_ever: bool = False,
    ) -> None:
        self.name = name
        self.fps = first.fps
        self.reconnects = 0
        self.lost = False
        self._open_capture = open_capture
        self._capture = first
        self._help_text = help_text
        self._pauses_seconds: Sequence[float] = PATIENT_PAUSES_SECONDS if for_ever else RECONNECT_PAUSES_SECONDS
        self._for_ever = for_ever
        self._closing = threading.Event()
        self._index = 0
        self._first_at: float | None = None

    def read(self) -> Frame | None:
        """The next frame; ``None`` once closed. Raises :class:`CameraError` if reconnecting failed."""
        if self._closing.is_set():
            return None
        read = self._capture.read()
        if read is None:
            read = self._reconnect()
        if read is None:
            return None
        now = time.perf_counter()
        self._first_at = now if self._first_at is None else self._first_at
        frame = Frame(pixels=read[0], index=self._index, seconds=now - self._first_at, read_at=now)
        self._index += 1
        return frame

    def close(self) -> None:
        self._closing.set()
        self._capture.release()

    def _reconnect(self) -> tuple[Pixels, float] | None:
        self._capture.release()
        self.lost = True
        for pause in self._pauses():
            if self._closing.wait(pause):
                return None
            capture = self._open_capture()
            if capture is None:
                continue
            read = capture.read()
            if read is None:
                capture.release()
                continue
            self._capture = capture
            self.reconnects += 1
            self.lost = False
            if self._closing.is_set():  # closed while it was opening
                capture.release()
                return None
            return read
        if self._closing.is_set():
            return None
        raise CameraError(
            f"{self.name}: stopped sending pictures, and {len(self._pauses_seconds)} tries to reach it again failed; "
            f"{self._help_text}"
        )

    def _pauses(self) -> Iterator[float]:
        yield from self._pauses_seconds
        while self._for_ever:
            yield self._pauses_seconds[-1]


class VideoFileCamera:
    """A video file (or GIF, or a finite video behind a URL), frame by frame, on its own clock."""

    live = False

    def __init__(self, path: Path) -> None:
        import cv2

        capture: _SafeCapture | None = None
        if not os.access(path, os.R_OK):
            raise CameraError(f"{path}: may not be read; change its permissions")
        if not files.is_text(path.resolve()):
            # OpenCV ends the whole process over such a name.
            raise CameraError(f"{path}: the path holds letters that are not UTF-8; rename the file or its folder")
        if path.is_file():
            # Absolute, as FFmpeg takes what stands before a colon for a protocol.
            capture = _opened(str(path.resolve()), _ffmpeg_or_any(cv2))
        if capture is None:
            raise CameraError(
                f"{path}: is not a video that can be read; mp4, mkv, avi, webm, mov and gif usually can: "
                "convert it, or copy it again if it should be one"
            )
        self._start(path.name, capture)

    @classmethod
    def of_capture(cls, name: str, capture: _SafeCapture) -> VideoFileCamera:
        """A finite video that has been opened already."""
        camera = cls.__new__(cls)
        camera._start(name, capture)
        return camera

    def _start(self, name: str, capture: _SafeCapture) -> None:
        self.name = name
        self.fps = capture.fps
        self._capture = capture
        self._index = 0
        self._first_seconds = 0.0
        self._last_seconds = 0.0

    def read(self) -> Frame | None:
        """The next frame, ``None`` at the end."""
        read = self._capture.read()
        if read is None:
            return None
        pixels, stamp = read
        if self._index == 0:
            self._first_seconds = stamp if math.isfinite(stamp) else 0.0
        seconds = stamp - self._first_seconds
        if self._index > 0 and not (math.isfinite(seconds) and seconds > self._last_seconds):
            # Some containers carry no timestamps, or the same one twice.
            seconds = self._last_seconds + 1 / self.fps
        self._last_seconds = seconds
        frame = Frame(pixels=pixels, index=self._index, seconds=seconds, read_at=time.perf_counter())
        self._index += 1
        return frame

    def close(self) -> None:
        self._capture.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInfo:
    """A camera of this machine. ``width`` and ``height`` are 0 where it can't be opened just now."""

    source: str
    name: str
    width: int
    height: int

    def to_dict(self) -> dict[str, Any]:
        return {"source": self.source, "name": self.name, "width": self.width, "height": self.height}

    def row(self) -> tuple[str, str, str]:
        """(source, picture, name) for a table."""
        picture = f"{self.width}x{self.height}" if self.width else "cannot be opened (in use?)"
        return self.source, picture, self.name


def list_cameras() -> list[CameraInfo]:
    """The cameras of this machine, each of them tried."""
    found = []
    for number in camera_numbers():
        capture = _opened(number, _local_backend())
        read = capture.read() if capture is not None else None
        if capture is not None:
            capture.release()
        name, is_extra_node = device_name(number)
        if read is not None:
            height, width = read[0].shape[:2]
            found.append(CameraInfo(source=str(number), name=name, width=width, height=height))
        elif IS_LINUX and not is_extra_node:
            found.append(CameraInfo(source=str(number), name=name, width=0, height=0))
    return found


def _open_local(number: int, *, for_ever: bool) -> Camera:
    def open_capture() -> _SafeCapture | None:
        return _opened(number, _local_backend())

    capture = open_capture()
    # Many webcams give nothing on their first reads; each of them blocks until there is a frame or none to come.
    if capture is None or not any(capture.read() for _ in range(5)):
        if capture is not None:
            capture.release()
        raise CameraError(why_no_camera(number, opened=capture is not None))
    return LiveCamera(
        f"camera {number}",
        open_capture,
        first=capture,
        help_text="check its cable, then run the same command again",
        for_ever=for_ever,
    )


def _open_stream(url: str, *, for_ever: bool) -> Camera:
    name = public_name(url)

    def open_capture() -> _SafeCapture | None:
        return _opened(url, _ffmpeg_or_any(_quiet_cv2()), is_stream=True)

    capture = open_capture()
    if capture is None:
        raise CameraError(
            f"{name}: the stream cannot be opened; check the address, user and password, that the sender is on, "
            "and that it sends video (not a web page)"
        )
    if capture.finite:
        return VideoFileCamera.of_capture(Path(urlsplit(url).path).name or name, capture)
    return LiveCamera(
        name,
        open_capture,
        first=capture,
        help_text="check the sender and the network, then run the same command again",
        for_ever=for_ever,
    )


def _opened(source: str | int, backend: int, *, is_stream: bool = False) -> _SafeCapture | None:
    cv2 = _quiet_cv2()
    parameters: list[int] = []
    if is_stream and backend == cv2.CAP_FFMPEG:
        # OpenCV's own 30 s let a person believe that the program hangs.
        parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _STREAM_TIMEOUT_MS]
        parameters += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _STREAM_TIMEOUT_MS]
    try:
        capture = cv2.VideoCapture(source, backend, parameters)
    except cv2.error:
        return None
    if not capture.isOpened():
        return None
    return _SafeCapture(capture)


def _quiet_cv2() -> Any:
    """OpenCV with its own messages off: what went wrong is said by us, once."""
    # Read by OpenCV when it first opens a video; -8 is FFmpeg's AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # Media Foundation's hardware transforms make opening a webcam on Windows take half a minute.
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def _ffmpeg_or_any(cv2: Any) -> int:
    return int(cv2.CAP_FFMPEG if cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) else cv2.CAP_ANY)


def _local_backend() -> int:
    cv2 = _quiet_cv2()
    return int(cv2.CAP_V4L2 if IS_LINUX else cv2.CAP_ANY)


def _plausible_fps(fps: float) -> float:
    return float(fps) if math.isfinite(fps) and 0.1 <= fps <= 1000 else UNKNOWN_FPS


def _demo_seed(source: str) -> int:
    text = source.partition(":")[2] or "0"
    if not text.isdecimal():
        raise UsageError(f"--source {source}: a whole number was expected after the colon, like demo:7")
    return int(text)

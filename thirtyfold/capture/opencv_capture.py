"""``cv2.VideoCapture``, opened without OpenCV's own messages and safe to release from another thread."""

from __future__ import annotations

import math
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from thirtyfold.capture.devices import IS_LINUX

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

_UNKNOWN_FPS = 30.0
_STREAM_TIMEOUT_MS = 8000
# Many webcams give nothing on their first reads; each read blocks until there is a frame or none will come.
_FIRST_READS = 5
# A device without a signal lets every read wait ten seconds; nobody waits for five of them.
_FIRST_READS_SECONDS = 8.0


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``, so that a test can hand in one that dies."""

    def isOpened(self) -> bool: ...  # noqa: N802

    def read(self) -> tuple[bool, Any]: ...

    def get(self, propId: int, /) -> float: ...  # noqa: N803

    def release(self) -> None: ...


class SafeCapture:
    """A capture that may be released while another thread reads; without this, that crashes the process."""

    def __init__(self, capture: Capture) -> None:
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

    def first_pixels(self) -> Pixels | None:
        """The first picture of a camera that was just opened, RGB; ``None`` if none comes."""
        give_up_at = time.monotonic() + _FIRST_READS_SECONDS
        for _ in range(_FIRST_READS):
            if read := self.read():
                return read[0]
            if time.monotonic() > give_up_at:
                break
        return None

    def release(self) -> None:
        """At once, or, while another thread reads, as soon as it has: a stalled stream takes seconds for that."""
        self._unwanted = True
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self._released:
                self._released = True
                self._capture.release()
        finally:
            self._lock.release()


def open_device(number: int) -> SafeCapture | None:
    """The camera of this number; ``None`` if it cannot be opened."""
    cv2 = _quiet_cv2()
    return _opened(cv2, number, cv2.CAP_V4L2 if IS_LINUX else cv2.CAP_ANY)


def open_file(path: str) -> SafeCapture | None:
    """A video file; ``None`` if it cannot be opened."""
    cv2 = _quiet_cv2()
    return _opened(cv2, path, _ffmpeg_or_any(cv2))


def open_stream(url: str) -> SafeCapture | None:
    """A stream, or a video behind a URL; ``None`` if it does not answer within 8 seconds or cannot be opened."""
    cv2 = _quiet_cv2()
    backend = _ffmpeg_or_any(cv2)
    timeouts: list[int] = []
    if backend == cv2.CAP_FFMPEG:
        # With OpenCV's own 30 s a person believes that the program hangs.
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _STREAM_TIMEOUT_MS]
        timeouts += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _STREAM_TIMEOUT_MS]
    return _opened(cv2, url, backend, timeouts)


def _opened(cv2: Any, source: str | int, backend: int, parameters: list[int] | None = None) -> SafeCapture | None:
    try:
        capture = cv2.VideoCapture(source, backend, parameters or [])
    except cv2.error:
        return None
    return SafeCapture(capture) if capture.isOpened() else None


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


def _plausible_fps(fps: float) -> float:
    return float(fps) if math.isfinite(fps) and 0.1 <= fps <= 1000 else _UNKNOWN_FPS

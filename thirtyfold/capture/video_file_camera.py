"""A video file as a camera."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from thirtyfold import files
from thirtyfold.capture.frames import Frame
from thirtyfold.capture.opencv_capture import SafeCapture, open_file
from thirtyfold.errors import CameraError


class VideoFileCamera:
    """A video file (or GIF, or a finite video behind a URL), frame by frame, on its own clock."""

    live = False

    def __init__(self, name: str, capture: SafeCapture) -> None:
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
        else:
            seconds = stamp - self._first_seconds
            # Some containers carry no timestamps, or the same one twice.
            advances = math.isfinite(seconds) and seconds > self._last_seconds
            self._last_seconds = seconds if advances else self._last_seconds + 1 / self.fps
        frame = Frame(pixels=pixels, index=self._index, seconds=self._last_seconds, read_at=time.perf_counter())
        self._index += 1
        return frame

    def close(self) -> None:
        self._capture.release()


def open_video(path: Path) -> VideoFileCamera:
    """The video in a file. Raises :class:`CameraError` if it cannot be read."""
    if not os.access(path, os.R_OK):
        raise CameraError(f"{path}: may not be read; change its permissions")
    # Absolute, as FFmpeg takes what stands before a colon for a protocol.
    absolute = path.resolve()
    if not files.is_text(absolute):
        # OpenCV ends the whole process over such a name.
        raise CameraError(f"{path}: the path holds letters that are not UTF-8; rename the file or its folder")
    capture = open_file(str(absolute)) if path.is_file() else None
    if capture is None:
        raise CameraError(
            f"{path}: is not a video that can be read; mp4, mkv, avi, webm, mov and gif usually can: "
            "convert it, or copy it again if it should be one"
        )
    return VideoFileCamera(path.name, capture)

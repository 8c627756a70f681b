"""Whether the camera is away, back again, or silent."""

from __future__ import annotations

import time

from thirtyfold.capture.frames import Frame, NewestFrame
from thirtyfold.progress import Progress

# A camera that gives nothing for so long has stopped; a slow one takes a second in the dark.
_SILENT_SECONDS = 2.0


class CameraWatch:
    """Tells the terminal when the camera is lost and when it is back. ``losses`` counts how often it was lost."""

    def __init__(self, frames: NewestFrame, progress: Progress) -> None:
        self.losses = 0
        self._frames = frames
        self._progress = progress
        self._lost_at: float | None = None

    def look(self) -> bool:
        """Look at the camera anew; true if it has just come back."""
        name = self._frames.camera.name
        if self._frames.lost and self._lost_at is None:
            self._lost_at = time.perf_counter()
            self.losses += 1
            self._progress.say(f"{name}: lost, trying again until it is back")
        elif self._lost_at is not None and not self._frames.lost:
            self._progress.say(f"{name}: is back after {time.perf_counter() - self._lost_at:.0f} s")
            self._lost_at = None
            return True
        return False

    def trouble(self, shown: Frame | None, *, late_is_normal: bool) -> str:
        """What is wrong with the camera, by the frame that is ``shown``; nothing where all is well.

        ``late_is_normal``: the picture stands still for another reason than the camera.
        """
        if self._lost_at is not None:
            return "camera lost, trying again"
        if shown is None or late_is_normal or not self._frames.camera.live:
            return ""
        silent_seconds = time.perf_counter() - shown.read_at
        return f"no picture for {silent_seconds:.0f} s" if silent_seconds >= _SILENT_SECONDS else ""

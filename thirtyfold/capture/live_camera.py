"""A camera or stream that is opened again when it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from thirtyfold.capture.frames import Frame
from thirtyfold.capture.opencv_capture import SafeCapture
from thirtyfold.errors import CameraError

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

# A router that restarts is back within half a minute; a person does not wait longer.
RECONNECT_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
# Where it is tried for ever: whoever puts the plug back in looks at the picture at once.
PATIENT_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)


class LiveCamera:
    """A camera or stream. When it stops, it is opened again after a pause, and then after longer ones.

    After a few tries it is given up, or tried ``for_ever``; ``lost`` is true meanwhile. ``open_capture``
    gives a working capture or ``None``; ``help_text`` says what a person can do when it died for good.
    """

    live = True

    def __init__(
        self,
        name: str,
        open_capture: Callable[[], SafeCapture | None],
        *,
        first: SafeCapture,
        help_text: str,
        for_ever: bool = False,
    ) -> None:
        self.name = name
        self.fps = first.fps
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

"""A frame, what gives frames, and the thread that keeps the newest one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from thirtyfold.errors import CameraError
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from thirtyfold.images import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a camera, and when it was.

    ``pixels`` are RGB uint8 (height, width, 3), shared by all readers: copy before drawing.
    ``index`` counts from 0 as read. ``seconds`` is the source's own clock since its first
    frame: the timestamp in a video file, the wall clock for a camera. ``read_at`` is
    ``time.perf_counter()`` when it arrived. ``name`` is the file's name where the source
    is a folder. ``annotations`` is the truth where the source knows it (the demo camera),
    else ``None``.
    """

    pixels: Pixels
    index: int
    seconds: float
    read_at: float
    name: str | None = None
    annotations: tuple[Annotation, ...] | None = None


class Camera(Protocol):
    """Anything frames come from.

    ``name`` is for people ("camera 0", "milk.mkv"), without passwords. ``live``: frames come
    at their own pace and are lost if nobody reads them. ``fps`` is frames a second.
    """

    name: str
    live: bool
    fps: float

    def read(self) -> Frame | None:
        """The next frame; ``None`` when the source has ended or was closed.

        Raises :class:`CameraError` when a live source died and did not come back.
        """

    def close(self) -> None:
        """Let go of the device or file. May be called twice, and from another thread."""


_STOP_SECONDS = 1.0


class NewestFrame:
    """A thread that reads a camera and keeps only the newest frame.

    A file is read at its own pace when ``paced`` (frames nobody took are dropped, as of a
    camera), else frame by frame as they are taken, none dropped. Cameras and streams
    always come at their own pace.
    """

    def __init__(self, camera: Camera, *, paced: bool) -> None:
        self.camera = camera
        self.frames_read = 0
        self.ended = False
        self.error: CameraError | None = None
        self._paced = paced and not camera.live
        self._hand_over = not paced and not camera.live
        self._newest: Frame | None = None
        self._taken_index = -1
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"read {camera.name}", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether the camera is away just now and being tried again. Only cameras and streams ever are."""
        return bool(getattr(self.camera, "lost", False))

    def start(self) -> None:
        self._thread.start()

    def get(self, after_index: int, timeout: float) -> Frame | None:
        """The newest frame with an index above ``after_index``; ``None`` after ``timeout`` seconds or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self._is_newer(after_index), timeout)
            if self._failure is not None:
                raise self._failure
            if not self._is_newer(after_index):
                return None
            assert self._newest is not None  # noqa: S101 - for the type checker; _is_newer said so
            self._taken_index = self._newest.index
            self._changed.notify_all()
            return self._newest

    def stop(self) -> None:
        """End the thread and close the camera. May be called twice."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        self.camera.close()
        if self._thread.is_alive():
            # A stream that is just being opened cannot be interrupted, and takes seconds; nobody waits for it.
            self._thread.join(_STOP_SECONDS)

    def _is_newer(self, after_index: int) -> bool:
        return self._newest is not None and self._newest.index > after_index

    def _run(self) -> None:
        try:
            started_at = time.perf_counter()
            while not self._stopping.is_set():
                frame = self.camera.read()
                if frame is None:
                    break
                if self._paced:
                    if self._stopping.wait(max(0.0, started_at + frame.seconds - time.perf_counter())):
                        break
                    # A camera would have given it now; how old it gets counts from here.
                    frame = replace(frame, read_at=time.perf_counter())
                self._keep(frame)
        except CameraError as error:
            self.error = error
        except BaseException as error:
            # A bug must not end as a picture that stands still: whoever asks next gets it.
            self._failure = error
        finally:
            with self._changed:
                self.ended = True
                self._changed.notify_all()

    def _keep(self, frame: Frame) -> None:
        with self._changed:
            self._newest = frame
            self.frames_read += 1
            self._changed.notify_all()
            if self._hand_over:
                self._changed.wait_for(lambda: self._stopping.is_set() or self._taken_index >= frame.index)

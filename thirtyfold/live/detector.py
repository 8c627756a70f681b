"""The thread that the model runs on: on the newest frame, never holding up the picture; or on every one."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from thirtyfold.capture.frames import Frame, NewestFrame
from thirtyfold.images import Pixels
from thirtyfold.live.stats import Histogram
from thirtyfold.sample import Annotation

_POLL_SECONDS = 0.1


class Predict(Protocol):
    """What is used of :class:`thirtyfold.predict.detectors.Detector`."""

    model_ms: float

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What was found on ``frame``."""

    frame: Frame
    annotations: tuple[Annotation, ...]


class DetectorThread:
    """Runs ``predict`` on the newest of ``frames`` as often as it can, from :meth:`start` to :meth:`stop`.

    Everything from ``floor`` upwards is found; whoever shows it picks by a higher threshold, which
    can be moved at any time. Suppression goes by score, so what is above a threshold is the same
    as if that threshold had been asked for.

    With ``hand_over`` each detection waits until it is taken by :meth:`next`, so that none is lost;
    together with frames that are not paced, none of a file's frames is.
    """

    def __init__(self, frames: NewestFrame, predict: Predict, *, floor: float, hand_over: bool = False) -> None:
        self.frames_detected = 0
        self.ended = False
        self.model_times = Histogram()
        self._frames = frames
        self._predict = predict
        self._floor = floor
        self._hand_over = hand_over
        self._taken_index = -1
        self._latest: Detection | None = None
        self._error: BaseException | None = None
        self._recent_seconds: deque[float] = deque(maxlen=8)
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="detect", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the frame it is at. May be called twice, and without a start."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def get(self, index: int, *, patience: float) -> Detection | None:
        """The newest detection; the one of frame ``index`` if it comes within ``patience`` seconds.

        Not waited for where the model has been taking longer than that anyway. ``None`` while
        there is no detection at all. Raises what the model raised.
        """
        with self._changed:
            if min(self._recent_seconds, default=0.0) < patience:
                self._changed.wait_for(lambda: self._error is not None or self._reached(index), patience)
            if self._error is not None:
                raise self._error
            return self._latest

    def next(self, after_index: int, timeout: float) -> Detection | None:
        """The newest detection, of a frame above ``after_index``; ``None`` after ``timeout`` seconds or at the end.

        Raises what the model raised.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._error is not None or self.ended or self._reached(after_index + 1), timeout
            )
            if self._error is not None:
                raise self._error
            if self._latest is None or not self._reached(after_index + 1):
                return None
            self._taken_index = self._latest.frame.index
            self._changed.notify_all()
            return self._latest

    def _reached(self, index: int) -> bool:
        return self._latest is not None and self._latest.frame.index >= index

    def _run(self) -> None:
        index = -1
        try:
            while not self._stopping.is_set():
                # Asked before: what comes between the two questions is still looked at.
                ended = self._frames.ended
                frame = self._frames.get(index, _POLL_SECONDS)
                if frame is None:
                    if ended:
                        return
                    continue
                index = frame.index
                started = time.perf_counter()
                found = self._predict(frame.pixels, threshold=self._floor)
                self._publish(Detection(frame=frame, annotations=found), time.perf_counter() - started)
        except BaseException as error:
            # Goes to the thread that shows the picture: a model that fails must not look like "nothing found".
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            with self._changed:
                self.ended = True
                self._changed.notify_all()

    def _publish(self, detection: Detection, seconds: float) -> None:
        with self._changed:
            self.frames_detected += 1
            self.model_times.add(self._predict.model_ms)
            self._recent_seconds.append(seconds)
            self._latest = detection
            self._changed.notify_all()
            if self._hand_over:
                self._changed.wait_for(lambda: self._stopping.is_set() or self._taken_index >= detection.frame.index)

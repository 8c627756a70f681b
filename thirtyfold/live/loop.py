"""Camera and model together on the screen.

Three threads: one reads (:class:`~thirtyfold.capture.frames.NewestFrame`), one runs the model
(:class:`~thirtyfold.live.detector.DetectorThread`), and the caller's shows. Each takes the newest
there is and nothing queues, so the slowest of them never makes the others late.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType

from thirtyfold import screen
from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.frames import Camera, Frame, NewestFrame
from thirtyfold.errors import NotInstalledError
from thirtyfold.live.detector import Detection, DetectorThread
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.overlay import KEYS_HELP, Numbers, draw_live, draw_notes
from thirtyfold.live.review import Reviewer
from thirtyfold.live.stats import LiveResult, LiveStats
from thirtyfold.live.video import VideoFile
from thirtyfold.live.view import Command, NoView, View
from thirtyfold.live.window import Window
from thirtyfold.predict.detectors import Detector, Model, open_detector
from thirtyfold.progress import SILENT, Bar, Progress
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

# How low the threshold can be turned while running: below, everything is a face.
LOWEST_THRESHOLD = 0.05
THRESHOLD_STEP = 0.05
# A picture waits for boxes of its own for this part of a frame's time at most; then it is shown with older ones.
PATIENCE_FRAMES = 0.5
_POLL_SECONDS = 0.02
_MESSAGE_SECONDS = 3.0
_HELP_SECONDS = 8.0


def run_live(
    model: Model,
    options: LiveOptions,
    *,
    progress: Progress = SILENT,
    started_at: float | None = None,
    open_source: Callable[[str], Camera] = open_camera,
    open_window: Callable[[str], View] = Window,
    load_model: Callable[[Model, float | None], Detector] | None = None,
) -> LiveResult:
    """Show what ``model`` finds in ``options.source``, until one of them or the person ends it.

    Files are read at their own pace. ``started_at`` (``time.perf_counter()``) is when the
    person began to wait; by default now. To be called from the main thread where it opens a
    window. Raises :class:`NotInstalledError` where a window was asked for and there can be
    none, :class:`ModelError`, :class:`CameraError` if no picture came at all, and whatever
    the model raises. A camera that dies later, or Ctrl-C, ends the run with a result: see
    :meth:`LiveResult.raise_if_cut_short`.
    """
    started_at = time.perf_counter() if started_at is None else started_at
    view = _open_view(options.view, open_window, progress)
    load = load_model or partial(_load_model, progress=progress)
    camera, predictor = _open_both(lambda: open_source(options.source), lambda: load(model, options.threshold))
    try:
        video = VideoFile(options.save, fps=camera.fps) if options.save is not None else None
    except BaseException:
        camera.close()
        raise
    stop = "Q stops" if view.wants_pictures else "Ctrl-C stops"
    progress.say(f"live: {camera.name} through {model} ({', '.join(predictor.classes)}); {stop}")
    return _Live(model, options, camera, predictor, view, video, LiveStats(started_at)).run(progress)


class _Live:
    """One run: the thread that shows, and what it has in its hands."""

    def __init__(
        self,
        model: Model,
        options: LiveOptions,
        camera: Camera,
        predictor: Detector,
        view: View,
        video: VideoFile | None,
        stats: LiveStats,
    ) -> None:
        self.model = model
        self.options = options
        self.camera = camera
        self.view = view
        self.video = video
        self.stats = stats
        self.threshold = predictor.threshold
        self.lowest = min(LOWEST_THRESHOLD, self.threshold)
        self.frames = NewestFrame(camera, paced=True)
        self.detector = DetectorThread(self.frames, predictor, floor=self.lowest)
        self.reviewer = Reviewer(Dataset(options.review_dataset), source=camera.name, predicted_by=str(model))
        self.patience = PATIENCE_FRAMES / camera.fps
        self.frame: Frame | None = None
        self.detection: Detection | None = None
        self.paused = False
        self.held = False  # a pause has ended, and no frame was shown since
        self.cut_seconds = 0.0  # of the video: a pause is left out of it
        self.message = ""
        self.message_until = 0.0
        self.begun_at = 0.0
        self.ended = "source"

    def run(self, progress: Progress) -> LiveResult:
        """Show frames until the end and say how it went; by then everything is closed and saved."""
        self.begun_at = time.perf_counter()
        try:
            with _terminated_like_ctrl_c(), progress.bar("live", unit="frame") as bar:
                try:
                    self.frames.start()
                    self.detector.start()
                    self._show_all(bar)
                except KeyboardInterrupt:
                    self.ended = "ctrl-c"
        finally:
            seconds = time.perf_counter() - self.begun_at
            # Before anything is stopped: stopping takes a moment, in which more frames come.
            frames_detected, frames_read = self.detector.frames_detected, self.frames.frames_read
            self.detector.stop()
            self.frames.stop()
            self.view.close()
            self.reviewer.close()
            # After an error, too: what was recorded until then is the person's.
            saved = self.video.close() if self.video is not None else None
        if self.frames.error is not None and not self.stats.frames_shown:
            raise self.frames.error
        return self._result(seconds, frames_read, frames_detected, saved)

    def _show_all(self, bar: Bar) -> None:
        noted_at = self.begun_at
        while self.ended == "source":
            now = time.perf_counter()
            if self.options.max_seconds is not None and now - self.begun_at >= self.options.max_seconds:
                self.ended = "max-seconds"
            elif self.paused:
                time.sleep(_POLL_SECONDS)
            else:
                frame = self.frames.get(-1 if self.frame is None else self.frame.index, _POLL_SECONDS)
                if frame is not None:
                    self._show(frame)
                    bar.advance()
                elif self.frames.ended:
                    return
            self._obey()
            if now - noted_at >= 1:
                noted_at = now
                bar.note(f"{self.stats.recent_fps:.1f} fps, {self.stats.recent_age_ms:.0f} ms old")

    def _show(self, frame: Frame) -> None:
        if self.frame is not None and self.held:
            self.stats.resumed(frames=frame.index - self.frame.index - 1, seconds=frame.read_at - self.frame.read_at)
            self.cut_seconds += frame.seconds - self.frame.seconds - 1 / self.camera.fps
            self.held = False
        self.frame = frame
        self.detection = self.detector.get(frame.index, patience=self.patience)
        if self.view.wants_pictures or self.video is not None:
            drawn = draw_live(frame.pixels, self._annotations(), self._numbers())
            if self.video is not None:
                self.video.add(drawn, frame.seconds - self.cut_seconds)
            self.view.show(draw_notes(drawn, self._message(), self._footer()))
        self.stats.shown(
            read_at=frame.read_at,
            shown_at=time.perf_counter(),
            boxes=len(self._annotations()),
            lag_ms=self._lag_ms(),
        )

    def _show_again(self) -> None:
        """The held picture once more, after something changed."""
        if self.frame is not None and self.view.wants_pictures:
            drawn = draw_live(self.frame.pixels, self._annotations(), self._numbers())
            self.view.show(draw_notes(drawn, self._message(), self._footer()))

    def _obey(self) -> None:
        """Do what the person asked for."""
        commands = self.view.commands()
        for command in commands:
            if command is Command.STOP:
                self.ended = "person"
            elif command is Command.PAUSE:
                self.paused, self.held = not self.paused, True
            elif command is Command.SAVE:
                self._save()
            else:
                step = THRESHOLD_STEP if command is Command.THRESHOLD_UP else -THRESHOLD_STEP
                self.threshold = round(min(1.0, max(self.lowest, self.threshold + step)), 4)
        news = self.reviewer.news()
        if news is not None:
            self._say(news)
        if self.paused and (commands or news):
            self._show_again()

    def _save(self) -> None:
        if self.detection is None:
            self._say("nothing to save yet: the model is starting")
            return
        # The frame that these boxes were found on, not the one on the screen, which may be a little newer.
        self.reviewer.save(self.detection.frame.pixels, self._annotations())

    def _annotations(self) -> tuple[Annotation, ...]:
        found = () if self.detection is None else self.detection.annotations
        return tuple(annotation for annotation in found if (annotation.score or 0.0) >= self.threshold)

    def _lag_ms(self) -> float | None:
        if self.frame is None or self.detection is None:
            return None
        return max(0.0, self.frame.read_at - self.detection.frame.read_at) * 1000

    def _numbers(self) -> Numbers:
        index = -1 if self.frame is None else self.frame.index
        return Numbers(
            fps=self.stats.recent_fps,
            age_ms=self.stats.recent_age_ms,
            lag_ms=self._lag_ms(),
            dropped=max(0, index - self.stats.frames_shown - self.stats.frames_paused),
            threshold=self.threshold,
        )

    def _say(self, message: str) -> None:
        self.message, self.message_until = message, time.perf_counter() + _MESSAGE_SECONDS

    def _message(self) -> str:
        waiting = self.message if time.perf_counter() < self.message_until else ""
        return " - ".join(part for part in ("paused, P goes on" if self.paused else "", waiting) if part)

    def _footer(self) -> str:
        return KEYS_HELP if self.paused or time.perf_counter() - self.begun_at < _HELP_SECONDS else ""

    def _result(self, seconds: float, frames_read: int, frames_detected: int, saved: Path | None) -> LiveResult:
        stats = self.stats
        if self.held and self.frame is not None:
            stats.frames_paused += frames_read - self.frame.index - 1
        problems = list(self.reviewer.problems)
        if self.video is not None and saved is None:
            problems.append(f"{self.video.path}: was not written, as there was no picture")
        if self.video is not None and self.video.frames_left_out:
            problems.append(
                f"{self.video.path}: {self.video.frames_left_out} frames are missing, the encoder was too slow"
            )
        if self.frames.error is not None:
            self.ended = "error"
        return LiveResult(
            source=self.camera.name,
            run=self.model,
            view=self.view.name,
            threshold=self.threshold,
            ended=self.ended,
            seconds=seconds,
            frames_read=frames_read,
            frames_shown=stats.frames_shown,
            frames_dropped=frames_read - stats.frames_shown - stats.frames_paused,
            frames_paused=stats.frames_paused,
            frames_detected=frames_detected,
            frames_with_boxes=stats.frames_with_boxes,
            fps=stats.fps,
            model_ms=self.detector.model_times.percentile(50),
            age_ms_p50=stats.ages.percentile(50),
            age_ms_p95=stats.ages.percentile(95),
            boxes_lag_ms_p50=stats.lags.percentile(50),
            boxes_lag_ms_p95=stats.lags.percentile(95),
            first_box_seconds=stats.first_box_seconds,
            saved=saved,
            reviewed=tuple(self.reviewer.saved),
            problems=tuple(problems),
            error=self.frames.error,
        )


def _open_view(wanted: str, open_window: Callable[[str], View], progress: Progress) -> View:
    if wanted == "none":
        return NoView()
    problem = screen.window_problem()
    if problem is None:
        return open_window("thirtyfold live")
    if wanted == "window":
        raise NotInstalledError(f"--view window: {problem}; {screen.HOW_TO_GO_ON}, or go on with --view none")
    progress.say(f"no window: {problem}; going on without one")
    return NoView()


def _load_model(model: Model, threshold: float | None, progress: Progress) -> Detector:
    return open_detector(model, threshold=threshold, progress=progress)


def _open_both(open_source: Callable[[], Camera], load_model: Callable[[], Detector]) -> tuple[Camera, Detector]:
    """Camera and model at the same time, as either may take a second to start."""
    import numpy as np

    with ThreadPoolExecutor(1, thread_name_prefix="open") as pool:
        opening = pool.submit(open_source)
        try:
            predictor = load_model()
            # The first call of a network takes longer; it is over before the first frame comes.
            predictor(np.zeros((480, 640, 3), np.uint8))
        except BaseException:
            with contextlib.suppress(Exception):
                opening.result().close()
            raise
        return opening.result(), predictor


@contextlib.contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """SIGTERM (`timeout`, a service that is stopped) ends the run as Ctrl-C does: the video gets its end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's business
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

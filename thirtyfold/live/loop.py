"""Camera and model together on the screen.

Three threads: one reads (:class:`~thirtyfold.capture.frames.NewestFrame`), one runs the model
(:class:`~thirtyfold.live.detector.DetectorThread`), and the caller's shows. Each takes the newest
there is and nothing queues, so the slowest of them never makes the others late.

Three ways of running want every picture with boxes of its own, and show it when the model is done with
it: ``--blur`` (nobody may be seen before the model has looked), ``--fast``, and folders (what was
found on one picture says nothing about the next).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from thirtyfold.capture.folder_camera import FolderCamera
from thirtyfold.capture.frames import Camera, Frame, NewestFrame
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels
from thirtyfold.live.camera_watch import CameraWatch
from thirtyfold.live.detector import Detection, DetectorThread
from thirtyfold.live.extras.blur import blurred
from thirtyfold.live.extras.scene import Scene
from thirtyfold.live.notice import Notice
from thirtyfold.live.objects import Objects
from thirtyfold.live.options import BROWSER, LiveOptions
from thirtyfold.live.overlay import KEYS_HELP, Numbers, draw_live, draw_notes
from thirtyfold.live.result import LiveResult
from thirtyfold.live.review import Reviewer
from thirtyfold.live.start import Opened, open_all, open_model, open_patient_camera, terminated_like_ctrl_c
from thirtyfold.live.stats import LiveStats
from thirtyfold.live.view import Command, HideLabels, LiveState, Request, SetPaused, SetThreshold, View
from thirtyfold.live.window import Window
from thirtyfold.predict.chain import all_labels, full_label, labels_of_model, verdict_labels
from thirtyfold.predict.detectors import Detector, Model
from thirtyfold.predict.label_colors import colors_for
from thirtyfold.predict.track import Track
from thirtyfold.progress import SILENT, Bar, Progress
from thirtyfold.workspace import Dataset

# How low the threshold can be turned while running: below, everything is a face.
LOWEST_THRESHOLD = 0.05
THRESHOLD_STEP = 0.05
# A picture waits for boxes of its own for this part of a frame's time at most; then it is shown with older ones.
PATIENCE_FRAMES = 0.5
_POLL_SECONDS = 0.02
_HELP_SECONDS = 8.0
_TELL_AGAIN_SECONDS = 0.5


def run_live(
    model: Model,
    options: LiveOptions,
    *,
    progress: Progress = SILENT,
    started_at: float | None = None,
    open_source: Callable[[str], Camera] = open_patient_camera,
    open_window: Callable[[str], View] = Window,
    load_model: Callable[[Model, float | None], Detector] | None = None,
) -> LiveResult:
    """Show what ``model`` finds in ``options.source``, until one of them or the person ends it.

    Files are read at their own pace, or ``fast``. A camera or stream that is lost is tried again until it is
    back. ``started_at`` (``time.perf_counter()``) is when the person began to wait; by default now. To be
    called from the main thread where it opens a window. Raises :class:`NotInstalledError` where a window was
    asked for and there can be none, :class:`ModelError`, :class:`UsageError`, :class:`CameraError` if no
    picture came at all, and whatever the model raises. Ctrl-C, or a camera that ends with an error, ends
    the run with a result: see :meth:`LiveResult.raise_if_cut_short`.
    """
    started_at = time.perf_counter() if started_at is None else started_at
    if load_model is None:
        load = partial(open_model, model, options, progress)
    else:
        load = partial(load_model, model, options.threshold)
    if options.source == BROWSER:
        from thirtyfold.live.web.browser_run import run_browser_cameras

        with terminated_like_ctrl_c():
            return run_browser_cameras(
                model, options, load=load, lowest_threshold=LOWEST_THRESHOLD, progress=progress, started_at=started_at
            )
    opened = open_all(options, open_source=open_source, open_window=open_window, load_model=load, progress=progress)
    name, stop = opened.camera.name, "Q stops" if opened.view.wants_pictures else "Ctrl-C stops"
    behind = f", then {options.then}" if options.then is not None else ""
    progress.say(f"live: {name} through {model} ({', '.join(opened.predictor.classes)}){behind}; {stop}")
    if options.fast and opened.camera.live:
        progress.say(f"--fast: is for files; {name} comes at its own pace")
    return _Live(model, options, opened, LiveStats(started_at + opened.waited_seconds), progress).run()


class _Live:
    """One run: the thread that shows, and what it has in its hands."""

    def __init__(
        self, model: Model, options: LiveOptions, opened: Opened, stats: LiveStats, progress: Progress
    ) -> None:
        self.model = model
        self.options = options
        self.camera = camera = opened.camera
        self.predictor = predictor = opened.predictor
        self.view = opened.view
        self.video = opened.video
        self.extras = opened.extras
        self.counts = opened.counts
        self.stats = stats
        self.progress = progress
        self.lowest = min(LOWEST_THRESHOLD, predictor.threshold)
        self.colors = colors_for(all_labels(predictor), options.colors)
        folder = isinstance(camera, FolderCamera)
        self.objects = Objects(
            threshold=predictor.threshold, steady=options.track, sequence=not folder, veiled=options.blur
        )
        self.fast = options.fast and not camera.live
        self.own_boxes = self.fast or options.blur or folder
        self.frames = NewestFrame(camera, paced=not self.fast)
        self.detector = DetectorThread(self.frames, predictor, floor=self.lowest, hand_over=self.fast)
        self.reviewer = Reviewer(Dataset(options.review_dataset), source=camera.name, predicted_by=str(model))
        self.watch = CameraWatch(self.frames, progress)
        self.notice = Notice()
        self.patience = PATIENCE_FRAMES / camera.fps
        self.frame: Frame | None = None
        self.paused = False
        self.held = False  # a pause has ended, or the camera is back, and no frame was shown since
        self.told_at = 0.0
        self.cut_seconds = 0.0  # of the video: a pause is left out of it
        self.begun_at = 0.0
        self.ended = "source"

    def run(self) -> LiveResult:
        """Show frames until the end and say how it went; by then everything is closed and saved."""
        self.begun_at = time.perf_counter()
        try:
            with terminated_like_ctrl_c(), self.progress.bar("live", unit="frame") as bar:
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
            done = {name: extra.close() for name, extra in self.extras.items()}
            saved = self.video.close() if self.video is not None else None
        if self.frames.error is not None and not self.stats.frames_shown:
            raise self.frames.error
        return self._result(seconds, frames_read, frames_detected, saved, done)

    def _show_all(self, bar: Bar) -> None:
        noted_at = self.begun_at
        while self.ended == "source":
            now = time.perf_counter()
            if self.options.max_seconds is not None and now - self.begun_at >= self.options.max_seconds:
                self.ended = "max-seconds"
            elif self.paused:
                time.sleep(_POLL_SECONDS)
            else:
                # Asked before: what comes between the two questions is still shown.
                over = self.detector.ended if self.own_boxes else self.frames.ended
                upcoming = self._next()
                if upcoming is not None:
                    self._show(*upcoming)
                    bar.advance()
                elif over:
                    return
            self._obey()
            self._watch_camera()
            if now - noted_at >= 1:
                noted_at = now
                bar.note(f"{self.stats.recent_fps:.1f} fps, {self.stats.recent_age_ms:.0f} ms old")

    def _next(self) -> tuple[Frame, Detection | None] | None:
        """The next picture and what is known for it; ``None`` if none has come within a moment."""
        after = -1 if self.frame is None else self.frame.index
        if self.own_boxes:
            detection = self.detector.next(after, _POLL_SECONDS)
            return None if detection is None else (detection.frame, detection)
        frame = self.frames.get(after, _POLL_SECONDS)
        return None if frame is None else (frame, self.detector.get(frame.index, patience=self.patience))

    def _show(self, frame: Frame, detection: Detection | None) -> None:
        self.held = self.watch.look() or self.held
        missed = frame.index - (-1 if self.frame is None else self.frame.index) - 1
        if self.frame is not None and self.held:
            self.stats.resumed(frames=missed, seconds=frame.read_at - self.frame.read_at)
            self.cut_seconds += frame.seconds - self.frame.seconds - 1 / self.camera.fps
            self.held = False
        else:
            self.stats.frames_dropped += missed
        self.frame = frame
        if detection is not None and self.objects.learn(detection) and self.extras:
            self._let_extras_see(detection)
        shown = self.objects.at(frame.seconds)
        if self.view.wants_pictures or self.video is not None:
            drawn = self._drawn(frame, shown)
            if self.video is not None:
                self.video.add(drawn, frame.seconds - self.cut_seconds, wait=self.fast)
            self._show_drawn(drawn)
        self.stats.shown(read_at=frame.read_at, shown_at=time.perf_counter(), boxes=len(shown), lag_ms=self._lag_ms())
        self.view.tell(self._state())

    def _show_again(self) -> None:
        """The held picture once more, after something changed."""
        if self.frame is not None and self.view.wants_pictures:
            self._show_drawn(self._drawn(self.frame, self.objects.at(self.frame.seconds)))
        self.view.tell(self._state())

    def _drawn(self, frame: Frame, shown: tuple[Track, ...]) -> Pixels:
        """The picture as it may leave the program. Nothing else of a frame is ever shown, streamed or recorded."""
        pixels = blurred(frame.pixels, self.objects.covered_xyxy(frame.seconds)) if self.options.blur else frame.pixels
        return draw_live(
            pixels,
            shown,
            self._numbers() if self.view.wants_numbers else None,
            numbered=self.objects.steady,
            tally=self.counts.tally if self.counts is not None else None,
            ink_of=self.colors.of,
            opacity=self.options.opacity,
        )

    def _show_drawn(self, drawn: Pixels) -> None:
        if self.view.wants_numbers:
            drawn = draw_notes(drawn, self._message(), self._footer())
        self.view.show(drawn)

    def _let_extras_see(self, detection: Detection) -> None:
        scene = Scene(
            pixels=detection.frame.pixels,
            seconds=detection.frame.seconds,
            at=datetime.now().astimezone(),
            source=self.camera.name,
            objects=self.objects.identified(),
        )
        for extra in self.extras.values():
            extra.see(scene)

    def _watch_camera(self) -> None:
        """Note when the camera leaves or comes back; while it is away, say so on the picture, which stands still."""
        self.held = self.watch.look() or self.held
        now = time.perf_counter()
        if self._trouble() and not self.paused and now - self.told_at >= _TELL_AGAIN_SECONDS:
            self.told_at = now
            self._show_again()

    def _trouble(self) -> str:
        """What is wrong with the camera just now."""
        # With a slow model a picture that waits for its own boxes may be old as well.
        return self.watch.trouble(self.frame, late_is_normal=self.paused or self.own_boxes)

    def _obey(self) -> None:
        """Do what the person asked for."""
        commands = self.view.commands()
        for command in commands:
            if command is Command.STOP:
                self.ended = "person"
            elif command is Command.SAVE:
                self._save()
            else:
                self._change(command)
        news = self.reviewer.news()
        if news is not None:
            self.notice.say(news)
        if self.paused and (commands or news):
            self._show_again()

    def _change(self, request: Request) -> None:
        """How the picture is shown from now on."""
        if request is Command.PAUSE:
            self.paused, self.held = not self.paused, True
        elif isinstance(request, SetPaused):
            self.paused, self.held = request.paused, self.held or request.paused
        elif isinstance(request, SetThreshold):
            self._set_threshold(request.threshold)
        elif request is Command.THRESHOLD_UP:
            self._set_threshold(self.objects.threshold + THRESHOLD_STEP)
        elif request is Command.THRESHOLD_DOWN:
            self._set_threshold(self.objects.threshold - THRESHOLD_STEP)
        elif isinstance(request, HideLabels):
            self.objects.hidden = request.labels

    def _set_threshold(self, threshold: float) -> None:
        self.objects.turn(round(min(1.0, max(self.lowest, threshold)), 4))
        # Whoever looks at what was found (the second model of a chain) is to look at what is shown.
        self.predictor.threshold = self.objects.threshold

    def _save(self) -> None:
        detection = self.objects.detection
        if detection is None:
            self.notice.say("nothing to save yet: the model is starting")
        elif self.options.blur and not self.options.keep_originals:
            self.notice.say("not saved: the photo would show what --blur covers (see --keep-originals)")
        else:
            try:
                # The frame that these boxes were found on, not the one on the screen, which may be a little newer.
                self.reviewer.save(detection.frame.pixels, self.objects.as_found())
            except UsageError as error:
                self.notice.say(str(error))

    def _lag_ms(self) -> float | None:
        if self.frame is None or self.objects.detection is None:
            return None
        return max(0.0, self.frame.read_at - self.objects.detection.frame.read_at) * 1000

    def _numbers(self) -> Numbers:
        return Numbers(
            fps=self.stats.recent_fps,
            age_ms=self.stats.recent_age_ms,
            lag_ms=self._lag_ms(),
            dropped=self.stats.frames_dropped,
            threshold=self.objects.threshold,
        )

    def _state(self) -> LiveState:
        numbers = self._numbers()
        shown = () if self.frame is None else self.objects.at(self.frame.seconds)
        return LiveState(
            source=self.camera.name,
            model=str(self.model),
            classes=labels_of_model(self.predictor),
            fps=numbers.fps,
            age_ms=numbers.age_ms,
            lag_ms=numbers.lag_ms,
            model_ms=self.predictor.model_ms,
            dropped=numbers.dropped,
            threshold=self.objects.threshold,
            lowest_threshold=self.lowest,
            hidden=self.objects.hidden,
            paused=self.paused,
            found=Counter(full_label(track.detected) for track in shown),
            message=self._trouble() or self.notice.text,
            messages=self.notice.count,
            verdicts=verdict_labels(self.predictor),
            colors=self.colors,
        )

    def _message(self) -> str:
        paused = "paused, P goes on" if self.paused else ""
        return " - ".join(part for part in (self._trouble(), paused, self.notice.text) if part)

    def _footer(self) -> str:
        return KEYS_HELP if self.paused or time.perf_counter() - self.begun_at < _HELP_SECONDS else ""

    def _result(
        self,
        seconds: float,
        frames_read: int,
        frames_detected: int,
        saved: Path | None,
        done: Mapping[str, Mapping[str, object]],
    ) -> LiveResult:
        stats = self.stats
        if self.held and self.frame is not None:
            stats.frames_paused += frames_read - self.frame.index - 1
        left_out = tuple(self.camera.problems) if isinstance(self.camera, FolderCamera) else ()
        for problem in left_out:
            self.progress.say(f"left out: {problem}")
        if self.frames.error is not None:
            self.ended = "error"
        return LiveResult(
            source=self.camera.name,
            run=self.model,
            view=self.view.name,
            threshold=self.objects.threshold,
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
            objects_seen=self.objects.seen,
            cameras_lost=self.watch.losses,
            extras=done,
            saved=saved,
            reviewed=tuple(self.reviewer.saved),
            problems=(*map(str, left_out), *self._problems(saved)),
            left_out=left_out,
            error=self.frames.error,
        )

    def _problems(self, saved: Path | None) -> Iterator[str]:
        """What could not be written."""
        yield from self.reviewer.problems
        for extra in self.extras.values():
            yield from extra.problems
        if self.video is not None and saved is None:
            yield f"{self.video.path}: was not written, as there was no picture"
        if self.video is not None and self.video.frames_left_out:
            yield f"{self.video.path}: {self.video.frames_left_out} frames are missing, the encoder was too slow"

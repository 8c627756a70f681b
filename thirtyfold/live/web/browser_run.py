"""A run whose cameras are the viewers' own: the counterpart of :mod:`thirtyfold.live.loop`."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable

from thirtyfold.live.notice import Notice
from thirtyfold.live.options import BROWSER, LiveOptions
from thirtyfold.live.result import LiveResult
from thirtyfold.live.review import Reviewer
from thirtyfold.live.stats import Histogram, LiveStats
from thirtyfold.live.view import Command, LiveState
from thirtyfold.live.web.browser_cameras import Answered, BrowserCameras
from thirtyfold.live.web.view import WebView
from thirtyfold.predict.chain import all_labels, full_label, labels_of_model, verdict_labels
from thirtyfold.predict.detectors import Detector, Model
from thirtyfold.predict.label_colors import LabelColors, colors_for
from thirtyfold.progress import Progress
from thirtyfold.workspace import Dataset

_POLL_SECONDS = 0.05
SOURCE_NAME = "browser camera"


def run_browser_cameras(
    model: Model,
    options: LiveOptions,
    *,
    load: Callable[[], Detector],
    lowest_threshold: float,
    progress: Progress,
    started_at: float,
) -> LiveResult:
    """``live --source browser``: everybody who opens the page shows the model his own camera.

    Ends by a page's Stop, ``options.max_seconds`` or Ctrl-C. In the result ``age`` is the time
    that a frame spent here, from its arrival to its answer, and a frame that was refused counts as
    dropped. Raises :class:`ModelError` and what the model raises.
    """
    run = _Run(started_at)
    cameras = BrowserCameras(steady=options.track, answered=run.arrived)
    view = WebView(options, progress=progress, cameras=cameras)
    reviewer = Reviewer(Dataset(options.review_dataset), source=SOURCE_NAME, predicted_by=str(model))
    begun_at = time.perf_counter()
    ended = "person"
    try:
        detector = load()
        lowest = min(lowest_threshold, detector.threshold)
        run.threshold = detector.threshold
        run.colors = colors_for(all_labels(detector), options.colors)
        cameras.start(detector, floor=lowest, reviewer=reviewer)
        progress.say(f"live: the browsers' cameras through {model} ({', '.join(detector.classes)}); Ctrl-C stops")
        notice = Notice()
        while Command.STOP not in view.commands():
            if cameras.error is not None:
                raise cameras.error
            run.count_arrived()
            now = time.perf_counter()
            if options.max_seconds is not None and now - begun_at >= options.max_seconds:
                ended = "max-seconds"
                break
            if (news := reviewer.news()) is not None:
                notice.say(news)
            view.tell(run.state(model, detector, lowest, cameras.count, notice))
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        ended = "ctrl-c"
    finally:
        seconds = time.perf_counter() - begun_at
        view.close()
        cameras.close()
        reviewer.close()
    run.count_arrived()
    return run.result(model, cameras, reviewer, ended=ended, seconds=seconds)


class _Run:
    """What happened so far. Everything but :meth:`arrived` is for the thread that waits for the end."""

    def __init__(self, started_at: float) -> None:
        self.threshold = 0.0
        self.colors = LabelColors()
        self.stats = LiveStats(started_at)
        self.model_times = Histogram()
        self.found: Counter[str] = Counter()
        self._uncounted: queue.SimpleQueue[Answered] = queue.SimpleQueue()

    def arrived(self, answered: Answered) -> None:
        self._uncounted.put(answered)

    def count_arrived(self) -> None:
        while not self._uncounted.empty():
            answered = self._uncounted.get()
            boxes = [a for a in answered.annotations if (a.score or 0.0) >= self.threshold]
            self.found = Counter(full_label(annotation) for annotation in boxes)
            self.model_times.add(answered.model_ms)
            self.stats.shown(read_at=answered.received_at, shown_at=answered.answered_at, boxes=len(boxes), lag_ms=0.0)

    def state(self, model: Model, detector: Detector, lowest: float, cameras: int, notice: Notice) -> LiveState:
        """For the pages, which know their own numbers: what all of them have in common."""
        return LiveState(
            source=f"{cameras} camera{'' if cameras == 1 else 's'}",
            model=str(model),
            classes=labels_of_model(detector),
            fps=self.stats.recent_fps,
            age_ms=self.stats.recent_age_ms,
            lag_ms=0.0,
            model_ms=detector.model_ms,
            dropped=0,
            threshold=self.threshold,
            lowest_threshold=lowest,
            hidden=frozenset(),
            paused=False,
            found=self.found,
            message=notice.text,
            messages=notice.count,
            verdicts=verdict_labels(detector),
            colors=self.colors,
        )

    def result(
        self, model: Model, cameras: BrowserCameras, reviewer: Reviewer, *, ended: str, seconds: float
    ) -> LiveResult:
        stats = self.stats
        return LiveResult(
            source=BROWSER,
            run=model,
            view="web",
            threshold=self.threshold,
            ended=ended,
            seconds=seconds,
            frames_read=cameras.frames_received,
            frames_shown=stats.frames_shown,
            frames_dropped=cameras.frames_received - stats.frames_shown,
            frames_paused=0,
            frames_detected=stats.frames_shown,
            frames_with_boxes=stats.frames_with_boxes,
            fps=stats.fps,
            model_ms=self.model_times.percentile(50),
            age_ms_p50=stats.ages.percentile(50),
            age_ms_p95=stats.ages.percentile(95),
            boxes_lag_ms_p50=stats.lags.percentile(50),
            boxes_lag_ms_p95=stats.lags.percentile(95),
            first_box_seconds=stats.first_box_seconds,
            reviewed=tuple(reviewer.saved),
            problems=tuple(reviewer.problems),
        )

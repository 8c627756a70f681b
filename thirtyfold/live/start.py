"""What a run begins with: the view, the camera and the model, opened side by side; and the extras."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from types import FrameType

from thirtyfold import screen
from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.frames import Camera
from thirtyfold.errors import NotInstalledError
from thirtyfold.live.extras.counts import Counts
from thirtyfold.live.extras.crops import Crops
from thirtyfold.live.extras.places import parse_places
from thirtyfold.live.extras.scene import Extra
from thirtyfold.live.options import BROWSER, LiveOptions
from thirtyfold.live.video import VideoFile
from thirtyfold.live.view import NoView, View
from thirtyfold.predict.chain import MAX_OBJECTS, Chain
from thirtyfold.predict.detectors import Detector, Model, open_detector
from thirtyfold.predict.recognizer import open_second
from thirtyfold.progress import Progress

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a run works with, all of it ready. ``counts`` is the one of ``extras`` that is drawn on the picture.

    ``waited_seconds`` is how long nobody had opened the page.
    """

    view: View
    camera: Camera
    predictor: Detector
    video: VideoFile | None
    extras: Mapping[str, Extra]
    counts: Counts | None
    waited_seconds: float


def open_all(
    options: LiveOptions,
    *,
    open_source: Callable[[str], Camera],
    open_window: Callable[[str], View],
    load_model: Callable[[], Detector],
    progress: Progress,
) -> Opened:
    """Open everything, or close again what was open when something could not be. Raises as ``run_live`` does."""
    with contextlib.ExitStack() as open_now:
        view = open_view(options, open_window, progress)
        open_now.callback(view.close)
        camera, predictor = open_both(lambda: open_source(options.source), load_model)
        open_now.callback(camera.close)
        video = VideoFile(options.save, fps=camera.fps) if options.save is not None else None
        if video is not None:
            open_now.callback(video.close)
        extras, counts = open_extras(options)
        for extra in extras.values():
            open_now.callback(extra.close)
        waited_seconds = wait_for_a_visit(view, camera, options, progress)
        open_now.pop_all()
    return Opened(
        view=view,
        camera=camera,
        predictor=predictor,
        video=video,
        extras=extras,
        counts=counts,
        waited_seconds=waited_seconds,
    )


def open_patient_camera(source: str) -> Camera:
    """As :func:`~thirtyfold.capture.camera.open_camera`; a camera that is lost is tried again for ever."""
    return open_camera(source, for_ever=True)


def open_view(options: LiveOptions, open_window: Callable[[str], View], progress: Progress) -> View:
    """Raises :class:`NotInstalledError` where a window was asked for and there can be none."""
    if options.view == "none":
        return NoView()
    if options.view != "web":
        problem = screen.window_problem()
        if problem is None:
            return open_window("thirtyfold live")
        if options.view == "window":
            raise NotInstalledError(
                f"--view window: {problem}; {screen.HOW_TO_GO_ON}, or go on with --view web or --view none"
            )
        progress.say(f"no window: {problem}; it is shown in the browser instead")
    from thirtyfold.live.web.view import WebView

    return WebView(options, progress=progress)


def wait_for_a_visit(view: View, camera: Camera, options: LiveOptions, progress: Progress) -> float:
    """Hold a file until its page is open: clips are short. Returns the seconds that took.

    Not where there is something to do without anybody looking, nor for a camera, which does not wait.
    """
    works = options.save or options.crops or options.count or options.on_detect
    if options.view != "web" or camera.live or works or options.max_seconds is not None:
        return 0.0
    begun_at = time.perf_counter()
    if not view.visited:
        progress.say(f"{camera.name} begins when the page is open")
    while not view.visited:
        time.sleep(_POLL_SECONDS)
    return time.perf_counter() - begun_at


def open_model(model: Model, options: LiveOptions, progress: Progress) -> Detector:
    """The model of ``options``, with the second one behind it if there is one. Raises as ``open_detector`` does."""
    first = open_detector(model, threshold=options.threshold, form=options.form, progress=progress)
    if options.then is None:
        return first
    second = open_second(options.then, progress)
    # The cameras of several viewers take turns: what was there a moment ago was another room. Whoever is not looked
    # at now would never be.
    browser = options.source == BROWSER
    return Chain(first, second, remember=not browser, limit=None if browser else MAX_OBJECTS)


def open_both(open_source: Callable[[], Camera], load_model: Callable[[], Detector]) -> tuple[Camera, Detector]:
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


def open_extras(options: LiveOptions) -> tuple[dict[str, Extra], Counts | None]:
    """What ``options`` ask for, by name, and the one of them that is drawn. Raises :class:`UsageError`."""
    extras: dict[str, Extra] = {}
    counts = None
    # First what can be refused, then what leaves a trace on the disk.
    if options.on_detect is not None:
        from thirtyfold.live.extras.hook import Hook, parse_command

        extras["on_detect"] = Hook(parse_command(options.on_detect), every_seconds=options.on_detect_every)
    if options.count is not None:
        extras["count"] = counts = Counts(options.count, parse_places(options.zones, options.lines))
    if options.crops is not None:
        extras["crops"] = Crops(options.crops, limit=options.crops_limit, now=datetime.now().astimezone())
    return extras, counts


@contextlib.contextmanager
def terminated_like_ctrl_c() -> Iterator[None]:
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

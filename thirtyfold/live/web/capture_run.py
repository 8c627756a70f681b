"""``capture --view web``: the session of :mod:`thirtyfold.capture.session`, guided and steered by a page."""

from __future__ import annotations

from collections.abc import Callable

from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.chooser import TIMING, Timing
from thirtyfold.capture.frames import Camera
from thirtyfold.capture.options import BROWSER, CaptureOptions
from thirtyfold.capture.result import CaptureResult
from thirtyfold.capture.session import capture
from thirtyfold.capture.shots import plan_shots
from thirtyfold.live.web.browser_camera import BrowserCamera
from thirtyfold.live.web.capture_view import CapturePage
from thirtyfold.live.web.options import PageOptions
from thirtyfold.progress import Progress
from thirtyfold.workspace import Dataset


def capture_in_browser(
    dataset: Dataset,
    options: CaptureOptions,
    address: PageOptions,
    *,
    progress: Progress,
    open_source: Callable[[str], Camera] = open_camera,
    timing: Timing = TIMING,
) -> CaptureResult:
    """As :func:`thirtyfold.capture.session.capture`, which does all the work; it begins when the page is open.

    The source ``browser`` is the camera of who opens the page. Raises as ``capture`` does, and
    :class:`UsageError` for an address that cannot be.
    """
    own = BrowserCamera() if options.source == BROWSER else None
    # Before anybody walks to the camera: a list of shots that cannot be read.
    plan_shots(options.shots, options.count, live=True)
    page = CapturePage(address, progress=progress, camera=own)
    try:
        progress.say("it begins when the page is open")
        page.wait_for_a_visit()
        camera = own or open_source(options.source)
        try:
            page.shots = plan_shots(options.shots, options.count, live=camera.live)
        except BaseException:
            camera.close()
            raise
        return capture(dataset, options, progress=progress, camera=camera, preview=page, timing=timing)
    finally:
        page.close()

"""``annotate --view web``: a sitting at the page instead of labelme. No camera and no model is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.pace import Pace, counted, pace_of
from thirtyfold.annotate.review import Suspect
from thirtyfold.annotate.to_open import PhotosToOpen, annotating, photos_to_open
from thirtyfold.datasets.unlabelled import has_no_shapes_yet
from thirtyfold.live.web.desk import ReviewDesk, Waiting
from thirtyfold.live.web.options import PageOptions
from thirtyfold.live.web.security import Door
from thirtyfold.live.web.server import Server, announce
from thirtyfold.progress import Progress
from thirtyfold.workspace import Dataset

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_POLL_SECONDS = 0.1
# What stands in the answer to Finish has to reach the page before the server ends.
_FAREWELL_SECONDS = 0.3


def annotate_in_browser(
    dataset: Dataset,
    options: AnnotateOptions,
    address: PageOptions,
    progress: Progress,
    suspects: Sequence[Suspect] | None = None,
) -> Pace:
    """Show the photos that labelme would open in the browser; returns when Finish was pressed, or at Ctrl-C.

    Labels are beside their photos as soon as the page says so. The dataset is held only while one is written, so
    photos can be added meanwhile. Raises :class:`NothingToDo` if every photo has its label, :class:`DataError` if
    there is no photo, and :class:`UsageError` for an address that cannot be.
    """
    with annotating(dataset, progress):
        wanted = photos_to_open(dataset, options, suspects)
    waiting = _waiting(dataset, wanted)
    desk = ReviewDesk(dataset, choose=lambda: waiting, labels=lambda: options.labels)
    finished = threading.Event()

    def build(door: Door) -> ASGIApp:
        from thirtyfold.live.web.review_routes import REVIEW_FILES, review_routes
        from thirtyfold.live.web.site import COMMON_FILES, build_site

        files = {**COMMON_FILES, **REVIEW_FILES, "/": REVIEW_FILES["/review"]}
        return build_site(door, page_files=files, routers=[review_routes(desk, finish=finished.set)])

    started_at = time.monotonic()
    server = Server(address, build)
    try:
        announce(server, address, progress, what="review", shares="sees these photos and can change their labels")
        progress.say(f"{counted(len(waiting), 'photo')} to look at; Finish in the page, or Ctrl-C, ends")
        while not finished.wait(_POLL_SECONDS):
            if server.error is not None:
                raise server.error
        time.sleep(_FAREWELL_SECONDS)
    except KeyboardInterrupt:
        progress.say("ended; what was saved in the page stays")
    finally:
        server.close()
    return pace_of(desk.changes(), time.monotonic() - started_at)


def _waiting(dataset: Dataset, wanted: PhotosToOpen) -> list[Waiting]:
    paths = wanted.image_paths
    if wanted.reasons is not None:
        return [Waiting(image_path=path, why=why) for path, why in zip(paths, wanted.reasons, strict=True)]
    return [Waiting(image_path=path, why=_why(dataset, path, by_model=path in wanted.machine_made)) for path in paths]


def _why(dataset: Dataset, image_path: Path, *, by_model: bool) -> str:
    if by_model:
        return "a model drew it"
    return "no label yet" if has_no_shapes_yet(dataset.label_path(image_path)) else ""

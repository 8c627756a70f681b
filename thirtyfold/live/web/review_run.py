"""``annotate --view web``: a sitting at the page instead of labelme. No camera and no model is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.annotate.labelme_app import photos_to_open
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.pace import Pace
from thirtyfold.annotate.review import Suspect
from thirtyfold.annotate.staging import bring_home
from thirtyfold.datasets.machine_made import has_machine_made_labels
from thirtyfold.datasets.unlabelled import has_no_shapes_yet
from thirtyfold.errors import DataError, NothingToDo
from thirtyfold.live.web.desk import ReviewDesk, Waiting
from thirtyfold.live.web.options import Address
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
    address: Address,
    progress: Progress,
    suspects: Sequence[Suspect] | None = None,
) -> Pace:
    """Show the photos that labelme would open in the browser; returns when Finish was pressed, or at Ctrl-C.

    Labels are beside their photos as soon as the page says so. The dataset is held only while one is written, so
    photos can be added meanwhile. Raises :class:`NothingToDo` if every photo has its label, :class:`DataError` if
    there is no photo, and :class:`UsageError` for an address that cannot be.
    """
    image_paths = dataset.image_paths()
    if not image_paths:
        raise DataError(f"{dataset.root}: holds no photos; take some with `thirtyfold capture {dataset.root}`")
    with dataset.lock("annotate", progress=progress):
        bring_home(dataset, progress)
    machine_made = [path for path in image_paths if has_machine_made_labels(dataset.label_path(path))]
    paths, reasons = photos_to_open(dataset, image_paths, machine_made, options, suspects)
    if not paths:
        raise NothingToDo(f"all {len(image_paths)} photos have labels; `--all` opens them again")
    waiting = _waiting(dataset, paths, reasons, machine_made)
    desk = ReviewDesk(dataset, choose=lambda: waiting, labels=lambda: options.labels)
    finished = threading.Event()

    def build(door: Door, secure: bool) -> ASGIApp:
        from thirtyfold.live.web.review_routes import REVIEW_FILES, review_routes
        from thirtyfold.live.web.site import COMMON_FILES, build_site

        files = {**COMMON_FILES, **REVIEW_FILES, "/": REVIEW_FILES["/review"]}
        return build_site(door, secure=secure, page_files=files, routers=[review_routes(desk, finish=finished.set)])

    started_at = time.monotonic()
    server = Server(address, build)
    try:
        announce(server, address, progress, what="review", shares="sees these photos and can change their labels")
        progress.say(
            f"{len(paths)} photo{'' if len(paths) == 1 else 's'} to look at; Finish in the page, or Ctrl-C, ends"
        )
        while not finished.wait(_POLL_SECONDS):
            if server.error is not None:
                raise server.error
        time.sleep(_FAREWELL_SECONDS)
    except KeyboardInterrupt:
        progress.say("ended; what was saved in the page stays")
    finally:
        server.close()
    photos, drawn, confirmed = desk.work()
    return Pace(seconds=time.monotonic() - started_at, photos=photos, drawn=drawn, confirmed=confirmed)


def _waiting(
    dataset: Dataset, paths: Sequence[Path], reasons: Sequence[str] | None, machine_made: Sequence[Path]
) -> list[Waiting]:
    if reasons is not None:
        return [Waiting(image_path=path, why=why) for path, why in zip(paths, reasons, strict=True)]
    drawn = set(machine_made)
    return [Waiting(image_path=path, why=_why(dataset, path, by_model=path in drawn)) for path in paths]


def _why(dataset: Dataset, image_path: Path, *, by_model: bool) -> str:
    if by_model:
        return "a model drew it"
    return "no label yet" if has_no_shapes_yet(dataset.label_path(image_path)) else ""

"""The page in the browser as a view of the run."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from thirtyfold.live.options import LiveOptions
from thirtyfold.live.view import Command, LiveState, Request
from thirtyfold.live.web.board import Board
from thirtyfold.live.web.broadcast import Broadcaster
from thirtyfold.live.web.desk import MachineMadePhotos, ReviewDesk
from thirtyfold.live.web.security import Door
from thirtyfold.live.web.server import Server, announce
from thirtyfold.live.web.states import Followers
from thirtyfold.progress import Progress
from thirtyfold.workspace import Dataset

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from thirtyfold.images import Pixels
    from thirtyfold.live.web.browser_cameras import BrowserCameras

# More than people can ask for between two frames; what comes above that is dropped.
_MOST_WAITING = 256
_SHARES = "sees the picture and can steer it"
_SHARES_WITH_REVIEW = "sees the picture and what waits for review, and can steer and correct both"


class WebView:
    """Listens from the start and says the link; pictures are drawn and encoded only while somebody looks.

    With ``cameras`` it has no picture of its own: each page shows its own camera's.
    """

    name = "web"
    wants_numbers = False

    def __init__(self, options: LiveOptions, *, progress: Progress, cameras: BrowserCameras | None = None) -> None:
        self._cameras = cameras
        self._asked: queue.Queue[Request] = queue.Queue(_MOST_WAITING)
        self._board = Board()
        self._followers = Followers(self._board.text)
        self._desk = _desk(options, self._board)
        self._broadcaster = Broadcaster(on_first=lambda: self._ask(Command.SHOW_AGAIN))
        try:
            self._server = Server(options, self._build)
        except BaseException:
            self._broadcaster.close()
            raise
        shares = _SHARES if self._desk is None else _SHARES_WITH_REVIEW
        announce(self._server, options, progress, what="live", shares=shares)

    @property
    def wants_pictures(self) -> bool:
        return self._broadcaster.watched

    @property
    def visited(self) -> bool:
        """Whether a page was opened or something asked for. Raises what the server or the encoder died of."""
        self._check()
        return self._followers.opened > 0 or self.wants_pictures or not self._asked.empty()

    def show(self, pixels: Pixels) -> None:
        self._broadcaster.offer(pixels)

    def tell(self, state: LiveState) -> None:
        encode_ms = self._broadcaster.encode_ms if self.wants_pictures else 0.0
        self._board.put(replace(state, age_ms=state.age_ms + encode_ms))

    def commands(self) -> Sequence[Request]:
        """What the pages asked for. Raises what the server or the encoder died of."""
        self._check()
        asked = []
        while not self._asked.empty():
            asked.append(self._asked.get_nowait())
        return asked

    def close(self) -> None:
        self._broadcaster.close()
        self._server.close()

    def _check(self) -> None:
        error = self._server.error or self._broadcaster.error
        if error is not None:
            raise error

    def _ask(self, request: Request) -> None:
        if not self._asked.full():
            self._asked.put_nowait(request)

    def _build(self, door: Door) -> ASGIApp:
        from thirtyfold.live.web.app import build_app

        return build_app(
            door,
            broadcaster=self._broadcaster,
            followers=self._followers,
            ask=self._ask,
            cameras=self._cameras,
            desk=self._desk,
        )


def _desk(options: LiveOptions, board: Board) -> ReviewDesk | None:
    """What C saved, and nothing else of the dataset; not with ``--blur``, as photos are shown as they are."""
    if options.blur:
        return None
    dataset = Dataset(options.review_dataset)
    return ReviewDesk(dataset, choose=MachineMadePhotos(dataset), labels=lambda: board.labels)

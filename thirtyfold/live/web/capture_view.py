"""The page that guides through a capture, as the preview of :mod:`thirtyfold.capture.session`."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from thirtyfold.capture.preview import Action, State
from thirtyfold.capture.shots import Shot
from thirtyfold.live.web.broadcast import Broadcaster
from thirtyfold.live.web.browser_camera import BrowserCamera
from thirtyfold.live.web.options import PageOptions
from thirtyfold.live.web.security import Door
from thirtyfold.live.web.server import Server, announce
from thirtyfold.live.web.states import Followers
from thirtyfold.progress import Progress

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from thirtyfold.images import Pixels

_POLL_SECONDS = 0.05
# More than a person can press between two frames; what comes above that is dropped.
_MOST_WAITING = 16
# So long the server waits at its end for pages that have not been sent the last state yet.
_FAREWELL_SECONDS = 5.0


class CapturePage:
    """Shows frames and the state of the session in the browser; buttons come back as actions.

    A :class:`~thirtyfold.capture.preview.Preview`. With ``camera`` the camera is the page's, which then shows its
    picture itself.
    """

    def __init__(self, address: PageOptions, *, progress: Progress, camera: BrowserCamera | None = None) -> None:
        self.shots: Sequence[Shot | None] = ()
        self._camera = camera
        self._asked: queue.Queue[Action] = queue.Queue(_MOST_WAITING)
        self._text = json.dumps({"starting": True})
        self._shown: State | None = None
        self._followers = Followers(lambda: self._text)
        self._broadcaster = Broadcaster(on_first=lambda: None)
        self._closed = False
        try:
            self._server = Server(address, self._build)
        except BaseException:
            self._broadcaster.close()
            raise
        announce(self._server, address, progress, what="capture", shares="sees the camera and can take photos")

    def wait_for_a_visit(self) -> None:
        """Until somebody has the page open. Raises what the server died of."""
        while not self._followers.opened:
            self._check()
            time.sleep(_POLL_SECONDS)

    def show(self, pixels: Pixels, state: State) -> Action | None:
        """Show a frame and the state; what a person asked for meanwhile. Raises what the server died of."""
        self._check()
        if self._camera is None and self._broadcaster.watched:
            self._broadcaster.offer(pixels)
        if state != self._shown:
            self._shown = state
            self._text = json.dumps(_as_json(state, self.shots))
        return None if self._asked.empty() else self._asked.get_nowait()

    def ask(self, action: Action) -> None:
        """What a page wants. From the server's thread."""
        if not self._asked.full():
            self._asked.put_nowait(action)

    def close(self) -> None:
        """Say goodbye to everybody. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._shown is not None:
            self._text = json.dumps({**_as_json(self._shown, self.shots), "ended": True})
            self._wait_until_all_are_told()
        self._broadcaster.close()
        self._server.close()

    def _check(self) -> None:
        error = self._server.error or self._broadcaster.error
        if error is not None:
            raise error

    def _wait_until_all_are_told(self) -> None:
        given_up_at = time.monotonic() + _FAREWELL_SECONDS
        while self._server.error is None and time.monotonic() < given_up_at:
            if self._followers.all_know(self._text):
                return
            time.sleep(_POLL_SECONDS)

    def _build(self, door: Door) -> ASGIApp:
        from thirtyfold.live.web.capture_routes import CAPTURE_FILES, capture_routes
        from thirtyfold.live.web.site import COMMON_FILES, build_site
        from thirtyfold.live.web.watching import watching_routes

        routers = [
            capture_routes(self.ask),
            watching_routes(self._followers, self._broadcaster, self._camera, first={}),
        ]
        return build_site(door, page_files={**COMMON_FILES, **CAPTURE_FILES}, routers=routers)


def _as_json(state: State, shots: Sequence[Shot | None]) -> dict[str, Any]:
    return {
        "instruction": state.instruction,
        "taken": state.taken,
        "wanted": state.wanted,
        "due_in": round(state.due_in, 1),
        "trouble": state.trouble,
        "flash": state.flash,
        "shots": _list_of(shots),
        "guided": bool(shots) and shots[0] is not None,
    }


def _list_of(shots: Sequence[Shot | None]) -> list[dict[str, Any]]:
    """Each shot once, in its order, with how many photos are of it."""
    counted: dict[Shot, int] = {}
    for shot in shots:
        if shot is not None:
            counted[shot] = counted.get(shot, 0) + 1
    return [{"instruction": shot.instruction, "photos": photos} for shot, photos in counted.items()]

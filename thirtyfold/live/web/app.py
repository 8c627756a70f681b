"""What there is at which address. Nothing here is reached before the door was passed (:mod:`.gate`).

A further page is a file in ``page/``, a line in :data:`PAGE_FILES` and a function that
gives an ``APIRouter``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import Response
from starlette.types import ASGIApp

from thirtyfold.errors import UsageError
from thirtyfold.live.view import Request as ViewRequest
from thirtyfold.live.web.board import Board
from thirtyfold.live.web.bodies import read_body
from thirtyfold.live.web.broadcast import Broadcaster
from thirtyfold.live.web.browser_cameras import BrowserCameras
from thirtyfold.live.web.desk import ReviewDesk
from thirtyfold.live.web.orders import SaveShown, read_order, request_of
from thirtyfold.live.web.review_routes import REVIEW_FILES, review_routes
from thirtyfold.live.web.security import MOST_COMMAND_BYTES, MOST_VIEWERS, Door
from thirtyfold.live.web.site import COMMON_FILES, build_site
from thirtyfold.live.web.states import send_states
from thirtyfold.live.web.stream import pictures

# All that is ever served, read at the start: no address is turned into a path.
PAGE_FILES: Mapping[str, tuple[str, str]] = {
    **COMMON_FILES,
    "/": ("live.html", "text/html; charset=utf-8"),
    "/live.js": ("live.js", "text/javascript; charset=utf-8"),
    "/picture.js": ("picture.js", "text/javascript; charset=utf-8"),
    "/camera.js": ("camera.js", "text/javascript; charset=utf-8"),
    "/boxdraw.js": ("boxdraw.js", "text/javascript; charset=utf-8"),
    "/still.js": ("still.js", "text/javascript; charset=utf-8"),
    "/webcam.js": ("webcam.js", "text/javascript; charset=utf-8"),
    "/recorder.js": ("recorder.js", "text/javascript; charset=utf-8"),
}


def build_app(
    door: Door,
    *,
    secure: bool,
    broadcaster: Broadcaster,
    board: Board,
    ask: Callable[[ViewRequest], None],
    cameras: BrowserCameras | None,
    desk: ReviewDesk | None = None,
) -> ASGIApp:
    """The whole site behind its door. ``ask`` hands a person's request to the run; ``secure``: it is https.

    ``desk``: what was saved for review can be put right in the page.
    """
    routers = [_live(broadcaster, board, ask, cameras, with_review=desk is not None)]
    page_files = PAGE_FILES
    if desk is not None:
        routers.append(review_routes(desk, finish=None))
        page_files = {**PAGE_FILES, **REVIEW_FILES}
    return build_site(door, secure=secure, page_files=page_files, routers=routers)


def _live(
    broadcaster: Broadcaster,
    board: Board,
    ask: Callable[[ViewRequest], None],
    cameras: BrowserCameras | None,
    *,
    with_review: bool,
) -> APIRouter:
    router = APIRouter()

    @router.post("/api/order")
    async def order(request: Request) -> dict[str, bool]:
        asked = read_order(await read_body(request, most_bytes=MOST_COMMAND_BYTES))
        if isinstance(asked, SaveShown):
            if cameras is None:
                raise UsageError("the order: there are no browsers' cameras in this run")
            cameras.save_shown(asked.camera, threshold=asked.threshold, hidden=frozenset(asked.hidden))
        elif (wish := request_of(asked)) is not None:
            ask(wish)
        return {"ok": True}

    viewers = 0

    @router.websocket("/ws/state")
    async def state(websocket: WebSocket) -> None:
        nonlocal viewers
        if viewers >= 2 * MOST_VIEWERS:
            await websocket.close(1013)
            return
        await websocket.accept()
        viewers += 1
        board.pages_opened += 1
        try:
            await send_states(websocket, board.text, {"by_browser": cameras is not None, "review": with_review})
        finally:
            viewers -= 1

    if cameras is None:

        @router.get("/stream.mjpg")
        async def stream() -> Response:
            return pictures(broadcaster)

    else:

        @router.websocket("/ws/camera")
        async def camera(websocket: WebSocket) -> None:
            await cameras.serve(websocket)

    return router

"""What there is at which address. Nothing here is reached before the door was passed (:mod:`.gate`).

A further page is a file in ``page/``, a line in :data:`PAGE_FILES` and a function that
gives an ``APIRouter``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request
from starlette.types import ASGIApp

from thirtyfold.errors import UsageError
from thirtyfold.live.view import Request as ViewRequest
from thirtyfold.live.web.bodies import read_body
from thirtyfold.live.web.broadcast import Broadcaster
from thirtyfold.live.web.browser_cameras import BrowserCameras
from thirtyfold.live.web.desk import ReviewDesk
from thirtyfold.live.web.orders import SaveShown, read_order, request_of
from thirtyfold.live.web.review_routes import REVIEW_FILES, review_routes
from thirtyfold.live.web.security import MOST_COMMAND_BYTES, Door
from thirtyfold.live.web.site import COMMON_FILES, build_site, by_name
from thirtyfold.live.web.states import Followers
from thirtyfold.live.web.watching import watching_routes

# All that is ever served, read at the start: no address is turned into a path.
PAGE_FILES: Mapping[str, str] = {
    **COMMON_FILES,
    "/": "live.html",
    **by_name("live.css", "live.js", "picture.js", "camera.js", "webcam.js", "boxdraw.js", "still.js", "recorder.js"),
}


def build_app(
    door: Door,
    *,
    broadcaster: Broadcaster,
    followers: Followers,
    ask: Callable[[ViewRequest], None],
    cameras: BrowserCameras | None,
    desk: ReviewDesk | None,
) -> ASGIApp:
    """The whole site behind its door. ``ask`` hands a person's request to the run.

    ``desk``: what was saved for review can be put right in the page.
    """
    routers = [
        watching_routes(followers, broadcaster, cameras, first={"review": desk is not None}),
        _orders(ask, cameras),
    ]
    page_files = PAGE_FILES
    if desk is not None:
        routers.append(review_routes(desk, finish=None))
        page_files = {**PAGE_FILES, **REVIEW_FILES}
    return build_site(door, page_files=page_files, routers=routers)


def _orders(ask: Callable[[ViewRequest], None], cameras: BrowserCameras | None) -> APIRouter:
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

    return router

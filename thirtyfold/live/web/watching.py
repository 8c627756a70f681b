"""The addresses of every page with a picture: the state, and the server's picture or the page's own camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fastapi import APIRouter, WebSocket
from fastapi.responses import Response

from thirtyfold.live.web.broadcast import Broadcaster
from thirtyfold.live.web.states import Followers
from thirtyfold.live.web.stream import pictures


class PageCameras(Protocol):
    async def serve(self, websocket: WebSocket) -> None:
        """Take the frames of one page's camera until the page is gone."""


def watching_routes(
    followers: Followers, broadcaster: Broadcaster, cameras: PageCameras | None, *, first: Mapping[str, object]
) -> APIRouter:
    """``first`` is what a page is told before any state. With ``cameras`` pages show their own camera, and there is no
    stream.
    """
    router = APIRouter()

    @router.websocket("/ws/state")
    async def state(websocket: WebSocket) -> None:
        await followers.serve(websocket, {"by_browser": cameras is not None, **first})

    if cameras is None:

        @router.get("/stream.mjpg")
        async def stream() -> Response:
            return pictures(broadcaster)

    else:

        @router.websocket("/ws/camera")
        async def camera(websocket: WebSocket) -> None:
            await cameras.serve(websocket)

    return router

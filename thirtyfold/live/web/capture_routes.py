"""The addresses of the page that guides through a capture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, ValidationError

from thirtyfold.capture.preview import Action
from thirtyfold.errors import UsageError
from thirtyfold.live.web.bodies import read_body
from thirtyfold.live.web.broadcast import Broadcaster
from thirtyfold.live.web.browser_camera import BrowserCamera
from thirtyfold.live.web.security import MOST_COMMAND_BYTES, MOST_VIEWERS
from thirtyfold.live.web.states import send_states
from thirtyfold.live.web.stream import pictures

CAPTURE_FILES: Mapping[str, tuple[str, str]] = {
    "/": ("capture.html", "text/html; charset=utf-8"),
    "/capture.css": ("capture.css", "text/css; charset=utf-8"),
    "/capture.js": ("capture.js", "text/javascript; charset=utf-8"),
    "/picture.js": ("picture.js", "text/javascript; charset=utf-8"),
    "/photographer.js": ("photographer.js", "text/javascript; charset=utf-8"),
    "/webcam.js": ("webcam.js", "text/javascript; charset=utf-8"),
}


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    do: Literal["take", "back", "stop"]


def capture_routes(
    *,
    ask: Callable[[Action], None],
    newest: Callable[[], str],
    visited: Callable[[], None],
    broadcaster: Broadcaster,
    camera: BrowserCamera | None,
) -> APIRouter:
    """``newest`` gives the state as JSON; ``visited`` is called for each page that was opened."""
    router = APIRouter()
    pages = 0

    @router.post("/api/capture")
    async def wish(request: Request) -> dict[str, bool]:
        body = await read_body(request, most_bytes=MOST_COMMAND_BYTES)
        try:
            ask(Action(_Wish.model_validate_json(body).do))
        except ValidationError as error:
            raise UsageError('the order: {"do": "take"}, "back" or "stop" was expected') from error
        return {"ok": True}

    @router.websocket("/ws/state")
    async def state(websocket: WebSocket) -> None:
        nonlocal pages
        if pages >= 2 * MOST_VIEWERS:
            await websocket.close(1013)
            return
        await websocket.accept()
        pages += 1
        visited()
        try:
            await send_states(websocket, newest, {"by_browser": camera is not None})
        finally:
            pages -= 1

    if camera is None:

        @router.get("/stream.mjpg")
        async def stream() -> Response:
            return pictures(broadcaster)

    else:

        @router.websocket("/ws/camera")
        async def own_camera(websocket: WebSocket) -> None:
            await camera.serve(websocket)

    return router

"""The addresses of the page that guides through a capture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import ValidationError

from thirtyfold.capture.preview import Action
from thirtyfold.errors import UsageError
from thirtyfold.live.web.bodies import FromPage, read_body
from thirtyfold.live.web.security import MOST_COMMAND_BYTES
from thirtyfold.live.web.site import by_name

CAPTURE_FILES: Mapping[str, str] = {
    "/": "capture.html",
    **by_name("capture.css", "capture.js", "picture.js", "photographer.js", "webcam.js"),
}


class _Wish(FromPage):
    do: Literal["take", "back", "stop"]


def capture_routes(ask: Callable[[Action], None]) -> APIRouter:
    """``ask`` hands on what a person wants."""
    router = APIRouter()

    @router.post("/api/capture")
    async def wish(request: Request) -> dict[str, bool]:
        body = await read_body(request, most_bytes=MOST_COMMAND_BYTES)
        try:
            ask(Action(_Wish.model_validate_json(body).do))
        except ValidationError as error:
            raise UsageError('the order: {"do": "take"}, "back" or "stop" was expected') from error
        return {"ok": True}

    return router

"""The addresses of the page that corrects labels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from thirtyfold.live.web.bodies import AsciiJson, read_body
from thirtyfold.live.web.corrections import MOST_CORRECTION_BYTES, read_correction
from thirtyfold.live.web.desk import ChangedMeanwhile, NoSuchPhoto, ReviewDesk
from thirtyfold.live.web.site import by_name

REVIEW_FILES: Mapping[str, str] = {
    "/review": "review.html",
    **by_name("review.css", "review.js", "editor.js", "boxes.js"),
}
# Unpacked, a photo can have a hundred megabytes.
_PICTURES_AT_ONCE = 2
_LONGEST_NUMBER = 9


def review_routes(desk: ReviewDesk, *, finish: Callable[[], None] | None) -> APIRouter:
    """``finish`` ends the sitting; ``None`` where the review is a part of a live run, which goes on."""
    router = APIRouter()
    pictures = asyncio.Semaphore(_PICTURES_AT_ONCE)

    @router.get("/api/review")
    async def listing() -> dict[str, Any]:
        return {**await run_in_threadpool(desk.listing), "alone": finish is not None}

    @router.get("/api/review/{photo}/labels")
    async def labels(photo: str) -> Response:
        try:
            return AsciiJson(await run_in_threadpool(desk.labels_of, _number(photo)))
        except NoSuchPhoto as error:
            return AsciiJson({"error": str(error)}, status_code=404)

    @router.get("/api/review/{photo}/picture")
    async def picture(photo: str) -> Response:
        try:
            async with pictures:
                return Response(await run_in_threadpool(desk.picture_of, _number(photo)), media_type="image/jpeg")
        except NoSuchPhoto as error:
            return AsciiJson({"error": str(error)}, status_code=404)

    @router.post("/api/review/save")
    async def save(request: Request) -> Response:
        correction = read_correction(await read_body(request, most_bytes=MOST_CORRECTION_BYTES))
        try:
            await run_in_threadpool(desk.save, correction)
        except NoSuchPhoto as error:
            return AsciiJson({"error": str(error)}, status_code=404)
        except ChangedMeanwhile as error:
            return AsciiJson({"error": str(error)}, status_code=409)
        return AsciiJson({"ok": True})

    if finish is not None:

        @router.post("/api/review/finish")
        async def end() -> dict[str, bool]:
            finish()
            return {"ok": True}

    return router


def _number(text: str) -> int:
    """Raises :class:`NoSuchPhoto` for what is no number of ours; Python refuses those of thousands of digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise NoSuchPhoto("a photo's number was expected")
    return int(text)

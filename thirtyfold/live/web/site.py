"""What all our pages have in common: files that are read once, errors as sentences, and the door before them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import PurePath

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from starlette.types import ASGIApp

from thirtyfold.errors import ThirtyfoldError
from thirtyfold.live.web.bodies import AsciiJson
from thirtyfold.live.web.gate import Gate
from thirtyfold.live.web.security import Door

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def by_name(*names: str) -> dict[str, str]:
    """Files of ``page/`` at the addresses of their names: ``{"/theme.js": "theme.js"}``."""
    return {f"/{name}": name for name in names}


# What every page needs, whatever it is for.
COMMON_FILES: Mapping[str, str] = by_name("common.css", "stage.js", "connection.js", "ink.js", "theme.js", "icon.svg")


def build_site(door: Door, *, page_files: Mapping[str, str], routers: Sequence[APIRouter]) -> ASGIApp:
    """A site behind its door. ``page_files``: address to file of ``page/``; no address becomes a path."""
    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, default_response_class=AsciiJson
    )
    app.include_router(_pages(page_files))
    for router in routers:
        app.include_router(router)

    @app.exception_handler(ThirtyfoldError)
    async def refuse(request: Request, error: ThirtyfoldError) -> Response:
        return AsciiJson({"error": str(error)}, status_code=400)

    return Gate(app, door)


def _pages(page_files: Mapping[str, str]) -> APIRouter:
    router = APIRouter()
    folder = files(__package__) / "page"
    for address, name in page_files.items():
        giving = _giving((folder / name).read_bytes(), _MEDIA_TYPES[PurePath(name).suffix])
        router.add_api_route(address, giving, methods=["GET"])
    return router


def _giving(body: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def endpoint() -> Response:
        return Response(body, media_type=media_type)

    return endpoint

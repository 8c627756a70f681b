"""What all our pages have in common: files that are read once, errors as sentences, and the door before them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp

from thirtyfold.errors import ThirtyfoldError
from thirtyfold.live.web.gate import Gate
from thirtyfold.live.web.security import Door

# What every page needs, whatever it is for.
COMMON_FILES: Mapping[str, tuple[str, str]] = {
    "/live.css": ("live.css", "text/css; charset=utf-8"),
    "/theme.js": ("theme.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def build_site(
    door: Door, *, secure: bool, page_files: Mapping[str, tuple[str, str]], routers: Sequence[APIRouter]
) -> ASGIApp:
    """A site behind its door. ``page_files``: address to file of ``page/`` and its type; no address becomes a path."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.include_router(_pages(page_files))
    for router in routers:
        app.include_router(router)

    @app.exception_handler(ThirtyfoldError)
    async def refuse(request: Request, error: ThirtyfoldError) -> Response:
        return JSONResponse({"error": str(error)}, status_code=400)

    return Gate(app, door, secure=secure)


def _pages(page_files: Mapping[str, tuple[str, str]]) -> APIRouter:
    router = APIRouter()
    folder = files(__package__) / "page"
    for address, (name, media_type) in page_files.items():
        body = (folder / name).read_bytes()
        router.add_api_route(address, _giving(body, media_type), methods=["GET"])
    return router


def _giving(body: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def endpoint() -> Response:
        return Response(body, media_type=media_type)

    return endpoint

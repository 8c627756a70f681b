"""What comes from a page, bounded in size and time and checked; and what goes back as JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from thirtyfold.errors import UsageError
from thirtyfold.live.web.security import REQUEST_SECONDS


class FromPage(BaseModel):
    """JSON of a page: no keys but those it has, and no text where a number is meant."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AsciiJson(JSONResponse):
    """JSON whose letters beyond ASCII are escaped: a file's name that is not UTF-8 has half letters in it."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


async def read_body(request: Request, *, most_bytes: int) -> bytes:
    """The body of a request. Raises :class:`UsageError` if it is larger, or takes too long to come."""
    body = bytearray()
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise UsageError(f"the request: {most_bytes} bytes at most were expected")
    except TimeoutError as error:
        raise UsageError("the request: did not come to its end in time") from error
    return bytes(body)


def not_as_expected(what: str, error: ValidationError) -> UsageError:
    """The first thing that is wrong with ``what`` a page sent, in one sentence that repeats nothing of it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return UsageError(f"{what}{' at ' + place if place else ''}: {first['msg']}")

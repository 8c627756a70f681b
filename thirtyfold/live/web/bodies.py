"""The body of a request, bounded in size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from thirtyfold.errors import UsageError
from thirtyfold.live.web.security import REQUEST_SECONDS


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

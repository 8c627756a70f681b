"""The picture as `multipart/x-mixed-replace`: what browsers, VLC and OpenCV show without any script."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from thirtyfold.live.web.broadcast import BOUNDARY, Broadcaster
from thirtyfold.live.web.security import MOST_VIEWERS, REQUEST_SECONDS

# So often at least something is sent, while the picture is held, too.
_HEARTBEAT_SECONDS = 5.0


def pictures(broadcaster: Broadcaster) -> Response:
    """The stream for one more viewer, or 503 where there are too many."""
    if broadcaster.viewers >= MOST_VIEWERS:
        return JSONResponse({"error": f"{MOST_VIEWERS} people are looking already"}, status_code=503)
    return PictureStream(broadcaster)


class PictureStream(Response):
    """The newest picture, whenever there is one and the client has taken the one before."""

    media_type = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"

    def __init__(self, broadcaster: Broadcaster) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._broadcaster = broadcaster

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._broadcaster.enter()
        tasks = [asyncio.create_task(self._send_all(send)), asyncio.create_task(_client_is_gone(receive))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._broadcaster.leave()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"--%b\r\n" % BOUNDARY, "more_body": True})
        number = 0
        # A client that takes nothing for so long is let go: the connection is cut once this returns.
        with contextlib.suppress(TimeoutError):
            while (part := await self._broadcaster.next_part(number, patience=_HEARTBEAT_SECONDS)) is not None:
                number = part[0]
                async with asyncio.timeout(REQUEST_SECONDS):
                    await send({"type": "http.response.body", "body": part[1], "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _client_is_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

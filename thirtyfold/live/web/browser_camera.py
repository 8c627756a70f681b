"""One browser's camera as a :class:`~thirtyfold.capture.frames.Camera`: a phone takes the photos."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from thirtyfold.capture.frames import Frame
from thirtyfold.errors import DataError
from thirtyfold.live.web.frames import decode_frame
from thirtyfold.live.web.security import REQUEST_SECONDS, SILENT_CAMERA_SECONDS

if TYPE_CHECKING:
    from fastapi import WebSocket

    from thirtyfold.images import Pixels


class BrowserCamera:
    """JPEGs over one page's WebSocket in, frames out; the newest one wins.

    A page sends its next frame when the one before was answered. It may go and come back, or another one
    take over; two at a time may not, as nobody could tell whose photos these are.
    """

    name = "the browser's camera"
    live = True
    fps = 8.0

    def __init__(self) -> None:
        self._newest: Pixels | None = None
        self._index = 0
        self._first_at: float | None = None
        self._taken = False
        self._closed = False
        self._changed = threading.Condition()

    def read(self) -> Frame | None:
        """The next frame, however long it takes to come; ``None`` once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._newest is not None)
            pixels, self._newest = self._newest, None
            if self._closed or pixels is None:
                return None
        now = time.perf_counter()
        self._first_at = now if self._first_at is None else self._first_at
        frame = Frame(pixels=pixels, index=self._index, seconds=now - self._first_at, read_at=now)
        self._index += 1
        return frame

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def serve(self, websocket: WebSocket) -> None:
        """One page's camera, on the server's thread, until the page is gone."""
        from fastapi import WebSocketDisconnect

        if self._taken:
            await websocket.accept()
            await websocket.close(1013, "another page is the camera already")
            return
        self._taken = True
        try:
            await websocket.accept()
            await websocket.send_json({"ready": True})
            while True:
                async with asyncio.timeout(SILENT_CAMERA_SECONDS):
                    message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                answer = await self._take(bytes(message.get("bytes") or b""))
                async with asyncio.timeout(REQUEST_SECONDS):
                    await websocket.send_json(answer)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            pass  # it is silent, does not take its answers, or left while one was on its way
        finally:
            self._taken = False

    async def _take(self, data: bytes) -> dict[str, object]:
        try:
            pixels = await asyncio.to_thread(decode_frame, data)
        except DataError as error:
            return {"error": str(error)}
        with self._changed:
            self._newest = pixels
            self._changed.notify_all()
        return {"ok": True}

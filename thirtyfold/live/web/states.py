"""The state of a run, told to every page that follows it over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from thirtyfold.live.web.security import MOST_VIEWERS, REQUEST_SECONDS

if TYPE_CHECKING:
    from fastapi import WebSocket

_STATES_A_SECOND = 10
_TRY_AGAIN_LATER = 1013


class Followers:
    """The pages that follow, and the state that each was sent last. ``opened`` counts all there ever were.

    ``newest`` gives the state as JSON, the same text while nothing is new. :meth:`serve` is for the server's thread.
    """

    def __init__(self, newest: Callable[[], str]) -> None:
        self.opened = 0
        self._newest = newest
        self._told: dict[WebSocket, str] = {}

    def all_know(self, text: str) -> bool:
        """Whether every page that is open was sent this state."""
        return all(told == text for told in tuple(self._told.values()))

    async def serve(self, websocket: WebSocket, first: Mapping[str, object]) -> None:
        """``first``, then the state whenever there is a new one, ten times a second at most, until the page is gone."""
        from fastapi import WebSocketDisconnect

        if len(self._told) >= 2 * MOST_VIEWERS:
            await websocket.close(_TRY_AGAIN_LATER)
            return
        await websocket.accept()
        self._told[websocket] = ""
        self.opened += 1
        tasks = [asyncio.create_task(self._send(websocket, first)), asyncio.create_task(_page_is_gone(websocket))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                for task in done:
                    task.result()
        finally:
            del self._told[websocket]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, websocket: WebSocket, first: Mapping[str, object]) -> None:
        await websocket.send_json(first)
        last = ""
        while True:
            text = self._newest()
            if text != last:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await websocket.send_text(text)
                self._told[websocket] = last = text
            await asyncio.sleep(1 / _STATES_A_SECOND)


async def _page_is_gone(websocket: WebSocket) -> None:
    # Nothing is expected here; reading is how one learns that the page is gone.
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass

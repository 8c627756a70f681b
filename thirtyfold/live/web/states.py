"""The state of a run, told to a page over its WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from fastapi import WebSocket, WebSocketDisconnect

from thirtyfold.live.web.security import REQUEST_SECONDS

_STATES_A_SECOND = 10


async def send_states(websocket: WebSocket, newest: Callable[[], str], first: Mapping[str, object]) -> None:
    """``first``, then the state whenever there is a new one, ten times a second at most, until the page is closed.

    ``newest`` gives the state as JSON, the same text while nothing is new.
    """

    async def send() -> None:
        await websocket.send_json(first)
        sent = ""
        while True:
            text = newest()
            if text != sent:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await websocket.send_text(text)
                sent = text
            await asyncio.sleep(1 / _STATES_A_SECOND)

    async def receive() -> None:
        # Nothing is expected here; reading is how one learns that the page is gone.
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass

    tasks = [asyncio.create_task(send()), asyncio.create_task(receive())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

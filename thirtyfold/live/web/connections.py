"""Connections that do not last longer than they are worth: uvicorn's HTTP/1.1, with an eye on idle clients.

uvicorn waits for ever for a request that arrives byte by byte or not at all, and its
``limit_concurrency`` then turns away everybody else. Here a client has ten seconds for a
request, the idle connections are few and the oldest makes room, and what was to be closed
but is not read by the other side is cut.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from thirtyfold.live.web.security import MOST_CONNECTIONS, MOST_IDLE_CONNECTIONS, REQUEST_SECONDS


class Connections:
    """All connections of one server, in the order in which they came."""

    def __init__(self) -> None:
        self._all: dict[PatientProtocol, None] = {}

    def protocol(self, **arguments: Any) -> PatientProtocol:
        """What uvicorn calls for each new connection."""
        return PatientProtocol(self, **arguments)

    def add(self, new: PatientProtocol) -> None:
        self._all[new] = None
        idle = [connection for connection in self._all if connection.is_idle]
        if len(idle) > MOST_IDLE_CONNECTIONS or len(self._all) > MOST_CONNECTIONS:
            idle[0].transport.abort()  # the new one itself is idle, so there is one

    def discard(self, connection: PatientProtocol) -> None:
        self._all.pop(connection, None)


class PatientProtocol(H11Protocol):
    """One connection. It looks after itself until it is gone, as a WebSocket, too."""

    def __init__(self, siblings: Connections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._siblings = siblings
        self._idle_since = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return not self._is_websocket and (self.cycle is None or self.cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._siblings.add(self)
        self._look_again()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def _is_websocket(self) -> bool:
        return self.transport.get_protocol() is not self

    def _look_after(self) -> None:
        if self.transport.is_closing():
            # What is still to be sent had its time; a client that does not read must not keep it.
            self.transport.abort()
            self._siblings.discard(self)
        elif self.is_idle and self.loop.time() - self._idle_since >= REQUEST_SECONDS:
            self.transport.abort()
            self._siblings.discard(self)
        else:
            self._look_again()

    def _look_again(self) -> None:
        self.loop.call_later(REQUEST_SECONDS / 4, self._look_after)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._siblings.discard(self)

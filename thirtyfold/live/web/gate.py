"""The door as ASGI middleware: nothing behind it is asked before :class:`~thirtyfold.live.web.security.Door`."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thirtyfold.live.web.security import SECURITY_HEADERS, Admitted, Door, Head, Refused

# Goes on by itself, to an address without the token: a redirect would not do, as browsers leave a
# SameSite=Strict cookie out of those when the link was clicked in a mail or a chat.
_HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>thirtyfold</title><link rel="icon" href="data:,">'
_WELCOME = f'{_HEAD}<meta http-equiv="refresh" content="0;url=/"><p><a href="/">Go on to the picture</a></p></html>'
_REFUSED_PAGE = f'{_HEAD}<meta name="viewport" content="width=device-width"><h1>Not let in</h1><p>{{reason}}</p></html>'
_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class Gate:
    """Judges every request and WebSocket, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door
        self._cookie = door.cookie.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = _head(scope)
        verdict = self._door.judge(head)
        if head.websocket:
            if isinstance(verdict, Refused):
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": verdict.reason})
            else:
                await self._app(scope, receive, send)
        elif isinstance(verdict, Refused):
            await _answer(send, verdict.status, *_refusal(head, verdict))
        elif isinstance(verdict, Admitted) and verdict.by_link:
            await _answer(send, 200, "text/html; charset=utf-8", _WELCOME, extra=[(b"set-cookie", self._cookie)])
        else:
            await self._app(scope, receive, _with_headers(send))


def _head(scope: Scope) -> Head:
    return Head(
        websocket=scope["type"] == "websocket",
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]),
    )


def _refusal(head: Head, refused: Refused) -> tuple[str, str]:
    """(content type, body): a page where a person looks, JSON for the rest. Nothing of the request is repeated."""
    if head.path == "/" and head.method == "GET":
        return "text/html; charset=utf-8", _REFUSED_PAGE.format(reason=refused.reason)
    return "application/json", json.dumps({"error": refused.reason})


async def _answer(
    send: Send, status: int, content_type: str, text: str, *, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = text.encode()
    headers = [
        *_HEADERS,
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *(extra or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own: list[Any] = [pair for pair in message.get("headers", []) if pair[0].decode() not in SECURITY_HEADERS]
            message = {**message, "headers": [*own, *_HEADERS]}
        await send(message)

    return sending

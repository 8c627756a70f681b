"""One picture for many viewers: encoded once, only while somebody looks, and never waited for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from thirtyfold.images import encode_jpeg

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

BOUNDARY = b"frame"
JPEG_QUALITY = 80


class Broadcaster:
    """Takes pictures from the thread that shows, encodes on one of its own, hands out on the server's.

    Only the newest picture is kept on either side, so that an encoder or a viewer that is
    slow skips some. ``on_first`` is called when somebody begins to look and nobody did.
    ``encode_ms`` is how long the last picture took from :meth:`offer` until it was ready to be sent. ``error`` is what
    the encoding failed with, after which no picture comes any more.
    """

    def __init__(self, *, on_first: Callable[[], None]) -> None:
        self.frames_encoded = 0
        self.encode_ms = 0.0
        self.error: BaseException | None = None
        self._on_first = on_first
        self.viewers = 0
        self._waiting: tuple[Pixels, float] | None = None
        self._part: tuple[int, bytes] | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="encode page", daemon=True)
        self._thread.start()

    @property
    def watched(self) -> bool:
        return self.viewers > 0

    def offer(self, pixels: Pixels) -> None:
        """The newest picture, RGB uint8 (height, width, 3), not written to again. Never waits."""
        with self._changed:
            self._waiting = (pixels, time.perf_counter())
            self._changed.notify_all()

    def close(self) -> None:
        """Let all viewers go. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._wake_viewers()
        self._thread.join()

    def enter(self) -> None:
        """Somebody looks. On the server's thread, as all below."""
        self._loop = asyncio.get_running_loop()
        self.viewers += 1
        if self.viewers == 1:
            # What was encoded when somebody looked last may be hours old.
            self._part = None
            self._on_first()

    def leave(self) -> None:
        self.viewers -= 1

    async def next_part(self, after: int, *, patience: float) -> tuple[int, bytes] | None:
        """The newest picture's number and its part of a multipart stream; ``None`` at the end.

        Waits for a number above ``after``; after ``patience`` seconds the last one comes
        again, so that a client that is gone is noticed.
        """
        try:
            async with asyncio.timeout(patience):
                while not self._closed and (self._part is None or self._part[0] <= after):
                    await self._news.wait()
        except TimeoutError:
            pass
        return None if self._closed else self._part or (after, b"")

    def _run(self) -> None:
        try:
            self._encode_all()
        except BaseException as error:
            # Goes to the thread that shows: it must not look like a picture that stands still.
            self.error = error

    def _encode_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting is not None)
                if self._closed:
                    return
                waiting, self._waiting = self._waiting, None
            if waiting is not None and self.watched:
                part = _part(encode_jpeg(waiting[0], quality=JPEG_QUALITY))
                self.frames_encoded += 1
                self.encode_ms = (time.perf_counter() - waiting[1]) * 1000
                self._part = (self.frames_encoded, part)
                self._wake_viewers()

    def _wake_viewers(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _part(jpeg: bytes) -> bytes:
    # The boundary comes at the end of a part, not at the beginning of the next: browsers show
    # a picture when they have seen what ends it.
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    return b"%b%b\r\n--%b\r\n" % (head, jpeg, BOUNDARY)

"""The commands that serve a page, run on a thread, and what the tests ask them with."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.heard import Heard
from tests.live.scripted import ScriptedCamera
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.result import LiveResult


class Served(ABC):
    """A command with its page, on a thread, and a client with the cookie that asks as the page does."""

    def __init__(self) -> None:
        self.told = Heard()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        wait_for(lambda: self._error is not None or "token=" in self.told.text, "the link")
        if self._error is not None:
            raise self._error
        self.link = re.search(r"http\S+token=\S+", self.told.text)[0]  # type: ignore[index]
        self.origin, self.token = self.link.split("/?token=")
        self.host = self.origin.removeprefix("http://")
        self.port = int(self.host.rpartition(":")[2])
        self.client = httpx.Client(base_url=self.origin, timeout=PATIENCE_SECONDS, headers={"Origin": self.origin})
        assert self.client.get("/", params={"token": self.token}).status_code == 200
        self.cookie = cookie_of(self.client)

    @abstractmethod
    def serve(self) -> None:
        """The command; it runs until it is ended from the page."""

    def another_client(self) -> httpx.Client:
        """With the same cookie, and connections of its own."""
        return httpx.Client(base_url=self.origin, headers={"Cookie": self.cookie}, timeout=PATIENCE_SECONDS)

    def websocket(self, path: str) -> connect:
        return websocket_of(self.origin, path, self.cookie)

    def wait_until_it_has_ended(self) -> None:
        """Raises what the command raised."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        self.client.close()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self.serve()
        except BaseException as error:
            self._error = error


def cookie_of(client: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def websocket_of(origin: str, path: str, cookie: str) -> connect:
    address = origin.replace("http", "ws", 1) + path
    return connect(address, origin=Origin(origin), additional_headers={"Cookie": cookie}, proxy=None)


class Site(Served):
    """A live run."""

    def __init__(self, run: Path, options: LiveOptions, camera: ScriptedCamera) -> None:
        self.result: LiveResult | None = None
        self._arguments = run, options, camera
        super().__init__()

    def order(self, what: dict[str, Any]) -> httpx.Response:
        return self.client.post("/api/order", json=what)

    def pictures(self, client: httpx.Client | None = None) -> Iterator[bytes]:
        """The JPEGs of the stream, as they come."""
        with (client or self.client).stream("GET", "/stream.mjpg") as response:
            assert response.status_code == 200, response.read()
            buffer = b""
            for chunk in response.iter_raw():
                buffer += chunk
                while match := re.search(rb"Content-Length: (\d+)\r\n\r\n", buffer):
                    end = match.end() + int(match.group(1))
                    if len(buffer) < end:
                        break
                    yield buffer[match.end() : end]
                    buffer = buffer[end:]

    def stop(self) -> LiveResult:
        """Press Stop in the page, and wait for the end. May be called twice."""
        if self.result is None:
            with contextlib.suppress(httpx.TransportError):  # it may have ended by itself
                self.order({"do": "stop"})
            self.wait_until_it_has_ended()
            assert self.result is not None
        return self.result

    def serve(self) -> None:
        run, options, camera = self._arguments
        self.result = run_live(run, options, open_source=lambda source: camera, progress=self.told)


OpenSite = Callable[..., AbstractContextManager[Site]]
OpenPage = Callable[..., Page]


def raw(site: Site, data: str | bytes) -> socket.socket:
    """A connection on which ``data`` was sent."""
    connection = socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE_SECONDS)
    with contextlib.suppress(ConnectionError):  # cut while it still sends: whoever reads from it sees the end
        connection.sendall(data.encode() if isinstance(data, str) else data)
    return connection


def stands_still(growing: list[int]) -> bool:
    before = len(growing)
    time.sleep(0.3)
    return len(growing) == before


def printed_link(process: subprocess.Popen[str]) -> str:
    """The link that a command says on stderr; what it said instead fails the test."""
    said = []
    for line in process.stderr or ():
        said.append(line)
        if "token=" in line:
            return line.rpartition(" ")[2].strip()
    pytest.fail("".join(said))


# Text with less than 4.5 : 1 against what lies behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """() => {
  const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] > 0.6) return color;
    }
  };
  const low = [];
  for (const element of document.querySelectorAll("h1, h1 span, h2, p, dt, dd, small, label, span, kbd, output")) {
    if (!element.offsetParent || !element.innerText || element.closest("[disabled], .notice")) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push(`${element.tagName} ${element.innerText} ${ratio.toFixed(2)}`);
  }
  return low;
}"""

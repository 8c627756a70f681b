from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.drawn import draw_photo
from tests.live.scripted import ScriptedCamera
from thirtyfold.images import encode_jpeg
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.stats import LiveResult
from thirtyfold.progress import Silent


class Told(Silent):
    """What a person at the terminal reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


class Site:
    """A live run with its page, on a thread, and a client with the cookie."""

    def __init__(self, run: Path, options: LiveOptions, camera: ScriptedCamera) -> None:
        self.told = Told()
        self.result: LiveResult | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(run, options, camera), daemon=True)
        self._thread.start()
        wait_for(lambda: self.error is not None or any("token=" in line for line in self.told.lines))
        if self.error is not None:
            raise self.error
        self.link = next(match.group() for line in self.told.lines if (match := re.search(r"http\S+token=\S+", line)))
        self.origin, self.token = self.link.split("/?token=")
        self.host = self.origin.removeprefix("http://")
        self.port = int(self.host.rpartition(":")[2])
        self.client = httpx.Client(base_url=self.origin, timeout=20)
        assert self.client.get("/", params={"token": self.token}).status_code == 200
        self.cookie = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    def order(self, what: dict[str, Any], **headers: str) -> httpx.Response:
        return self.client.post("/api/order", json=what, headers={"Origin": self.origin} | headers)

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
        if self.result is not None:
            return self.result
        with contextlib.suppress(httpx.TransportError):  # it may have ended by itself
            self.order({"do": "stop"})
        self._thread.join(30)
        self.client.close()
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result

    def _run(self, run: Path, options: LiveOptions, camera: ScriptedCamera) -> None:
        try:
            self.result = run_live(run, options, open_source=lambda source: camera, progress=self.told)
        except BaseException as error:
            self.error = error


OpenSite = Callable[..., AbstractContextManager[Site]]


@pytest.fixture
def open_site(tiny_run: Path, tmp_path: Path) -> OpenSite:
    """``with open_site() as site``: a live run in the browser on a drawn face that moves to the left."""

    @contextmanager
    def opened(camera: ScriptedCamera | None = None, **options: Any) -> Iterator[Site]:
        given = {"view": "web", "port": 0, "review_dataset": tmp_path / "review", "track": False} | options
        site = Site(tiny_run, LiveOptions(**given), camera or ScriptedCamera(10**6, fps=30))
        try:
            yield site
        finally:
            site.stop()

    return opened


@pytest.fixture(scope="session")
def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium to open the page in (apt-get install chromium)")


ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@pytest.fixture(scope="module")
def fake_camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera sees: one drawn face that does not move."""
    path = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    path.write_bytes(encode_jpeg(draw_photo(3, width=640, height=480)[0], quality=98) * 30)
    return path


@pytest.fixture(scope="module")
def browser(chromium: str, fake_camera: Path) -> Iterator[Browser]:
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*ARGUMENTS, *camera, f"--use-file-for-fake-video-capture={fake_camera}"]
        )
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a link in a fresh browser; any error in the page fails the test, but refusals where they are the point."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def opened(link: str, *, may_be_refused: bool = False, **options: Any) -> Page:
        def hear(kind: str, text: str) -> None:
            if kind == "error" and not (may_be_refused and "responded with a status of 4" in text):
                troubles.append(text)

        context = browser.new_context(**({"viewport": {"width": 1100, "height": 800}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: hear(message.type, message.text))
        page.goto(link, wait_until="commit")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def printed_link(process: subprocess.Popen[str]) -> str:
    """The link that a command says on stderr; what it said instead fails the test."""
    said = []
    for line in process.stderr or ():
        said.append(line)
        if "token=" in line:
            return line.rpartition(" ")[2].strip()
    pytest.fail("".join(said))


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited for {seconds:g} seconds")
        time.sleep(0.02)


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

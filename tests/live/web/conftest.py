from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.drawn import draw_photo
from tests.live.scripted import ScriptedCamera
from tests.live.web.served import OpenPage, OpenSite, Site
from tests.waiting import PATIENCE_SECONDS
from thirtyfold.images import encode_jpeg
from thirtyfold.live.options import LiveOptions

# Playwright's own five seconds are too few for a machine that has other things to do.
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


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
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: hear(message.type, message.text))
        page.goto(link, wait_until="commit")
        return page

    yield opened
    for context in contexts:
        context.close()
    # A browser that connects in the moment in which a server ends leaves a socket that asyncio has accepted and nobody
    # closes. It goes here, and not as a warning in whatever test runs when Python happens to collect it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert troubles == []

"""The pictures of the browser view in docs/images, taken anew: the demo's public-domain camera in a real Chromium.

    python scripts/live_pictures.py --model yunet

Needs the development dependencies and a Chromium. The numbers on the pictures are those of the machine it runs on.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.images import encode_jpeg

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SEED = 2
DESKTOP: dict[str, Any] = {"viewport": {"width": 1120, "height": 730}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SETTLED_MS = 3000


@contextmanager
def live(model: str, source: str, *more: str) -> Iterator[str]:
    """The link of a run."""
    command = [sys.executable, "-m", "thirtyfold", "live", "--view", "web", "--model", model, "--source", source, *more]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None  # noqa: S101 - for the type checker
            yield next(line for line in process.stderr if "token=" in line).rpartition(" ")[2].strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def take(browser: Browser, link: str, name: str, **options: Any) -> None:
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(link, wait_until="commit")
    expect(page.locator("#waiting")).to_be_hidden(timeout=30_000)
    page.wait_for_timeout(SETTLED_MS)
    expect(page.locator("#found")).to_have_text("face", timeout=30_000)
    page.screenshot(path=IMAGES / name, type="jpeg", quality=85, full_page="is_mobile" in options)
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="yunet")
    model = parser.parse_args().model
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    arguments = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        camera, film = DemoCamera(SEED), Path(folder) / "camera.mjpeg"
        frames = [frame.pixels for _ in range(120) if (frame := camera.read()) is not None]
        film.write_bytes(b"".join(encode_jpeg(pixels, quality=90) for pixels in frames))
        arguments += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        with live(model, f"demo:{SEED}") as link:
            take(browser, link, "live-web.jpg", color_scheme="dark", **DESKTOP)
        with live(model, "browser") as link:
            take(browser, link, "live-web-own.jpg", color_scheme="light", **DESKTOP)
            take(browser, link, "live-web-phone.jpg", color_scheme="dark", **PHONE)
        browser.close()


if __name__ == "__main__":
    main()

"""The pictures of the capture and the review page in docs/images, taken anew: the real commands in a real Chromium.

    python scripts/page_pictures.py

What the fake webcam sees, and what is corrected, is the demo's public-domain camera. Needs the development
dependencies and a Chromium.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.images import encode_jpeg

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SEED = 2
DESKTOP: dict[str, Any] = {"viewport": {"width": 1180, "height": 760}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SETTLED_MS = 700
THIRTYFOLD = [sys.executable, "-m", "thirtyfold"]


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """The link of a command's page."""
    command = [*THIRTYFOLD, *arguments, "--view", "web", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None  # noqa: S101 - for the type checker
            yield next(line for line in process.stderr if "token=" in line).rpartition(" ")[2].strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def opened(browser: Browser, link: str, **options: Any) -> Page:
    page = browser.new_context(permissions=["camera"], **options).new_page()
    page.goto(link, wait_until="commit")
    expect(page.locator("#waiting")).to_be_hidden(timeout=30_000)
    page.wait_for_timeout(SETTLED_MS)
    return page


def save(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / name, type="jpeg", quality=85)
    page.context.close()


def capture_page(browser: Browser, folder: Path, name: str, shot: str, **options: Any) -> None:
    with served("capture", str(folder / name), "--source", "browser", "--n", "20", "--every", "0.4") as link:
        page = opened(browser, link, **options)
        expect(page.locator("#instruction")).to_have_text(shot, timeout=60_000)
        page.wait_for_timeout(SETTLED_MS)  # the flash of the last photo is over
        save(page, name)


def review_pages(browser: Browser, folder: Path) -> None:
    dataset = folder / "faces"
    taking = ["--source", "demo", "--shots", "none", "--n", "6", "--every", "0.7"]
    subprocess.run([*THIRTYFOLD, "capture", str(dataset), *taking], check=True, capture_output=True)
    for label_path in (dataset / "images").glob("*.json"):
        label_path.unlink()  # the demo knows them; here a person is to find out
    with served("annotate", str(dataset), "--prelabel", "haar") as link:
        page = opened(browser, link, color_scheme="dark", **DESKTOP)
        page.keyboard.press("b")
        page.keyboard.press("Delete")  # a false one
        page.keyboard.press("b")
        for _ in range(2):
            page.keyboard.press("Alt+Shift+ArrowDown")
        save(page, "live-review.jpg")
        page = opened(browser, link, color_scheme="light", **PHONE)
        page.locator("#next").tap()
        expect(page.locator("#name")).to_contain_text("0002")
        page.wait_for_timeout(SETTLED_MS)
        save(page, "live-review-phone.jpg")


def main() -> None:
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    arguments = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream"]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        camera, film = DemoCamera(SEED), folder / "camera.mjpeg"
        frames = [frame.pixels for _ in range(120) if (frame := camera.read()) is not None]
        film.write_bytes(b"".join(encode_jpeg(pixels, quality=90) for pixels in frames))
        arguments += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        capture_page(
            browser, folder, "live-capture.jpg", "Turn your head to the right", color_scheme="light", **DESKTOP
        )
        capture_page(
            browser, folder, "live-capture-phone.jpg", "Turn your head to the left", color_scheme="dark", **PHONE
        )
        review_pages(browser, folder)
        browser.close()


if __name__ == "__main__":
    main()

"""The pictures of the capture and the review page in docs/images, taken anew: the real commands in a real Chromium.

    python scripts/page_pictures.py

What the fake webcam sees, and what is corrected, is the demo's public-domain camera. Needs the development
dependencies and a Chromium.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from browser import IMAGES, PHONE, THIRTYFOLD, chromium, served
from playwright.sync_api import Browser, Page, expect

DESKTOP: dict[str, Any] = {"viewport": {"width": 1180, "height": 760}}
SETTLED_MS = 700


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
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        capture_page(
            browser, folder, "live-capture.jpg", "Turn your head to the right", color_scheme="light", **DESKTOP
        )
        capture_page(
            browser, folder, "live-capture-phone.jpg", "Turn your head to the left", color_scheme="dark", **PHONE
        )
        review_pages(browser, folder)


if __name__ == "__main__":
    main()

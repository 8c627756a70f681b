"""The pictures of the browser view in docs/images, taken anew: the demo's public-domain camera in a real Chromium.

    python scripts/live_pictures.py --model yunet

Needs the development dependencies and a Chromium. The numbers on the pictures are those of the machine it runs on.
"""

from __future__ import annotations

import argparse
from typing import Any

from browser import DEMO, IMAGES, PHONE, chromium, served
from playwright.sync_api import Browser, expect

DESKTOP: dict[str, Any] = {"viewport": {"width": 1120, "height": 730}}
SETTLED_MS = 3000


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
    with chromium() as browser:
        with served("live", "--model", model, "--source", DEMO) as link:
            take(browser, link, "live-web.jpg", color_scheme="dark", **DESKTOP)
        with served("live", "--model", model, "--source", "browser") as link:
            take(browser, link, "live-web-own.jpg", color_scheme="light", **DESKTOP)
            take(browser, link, "live-web-phone.jpg", color_scheme="dark", **PHONE)


if __name__ == "__main__":
    main()

"""A Chromium and the pages of the program, for the scripts that take pictures of them."""

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

from playwright.sync_api import Browser, sync_playwright

from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.images import encode_jpeg

IMAGES = Path(__file__).parents[1] / "docs" / "images"
# Of the virtual camera, which is what the browser's own camera sees as well.
SEED = 2
DEMO = f"demo:{SEED}"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
THIRTYFOLD = [sys.executable, "-m", "thirtyfold"]
_FILM_FRAMES = 120


@contextmanager
def chromium(*, camera: bool = True) -> Iterator[Browser]:
    """The system's Chromium; with ``camera`` its webcam is the demo's, and a page need not ask for it."""
    path = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    arguments = ["--no-sandbox", "--disable-gpu"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        if camera:
            film = Path(folder) / "camera.mjpeg"
            demo = DemoCamera(SEED)
            frames = [frame.pixels for _ in range(_FILM_FRAMES) if (frame := demo.read()) is not None]
            film.write_bytes(b"".join(encode_jpeg(pixels, quality=90) for pixels in frames))
            arguments += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
            arguments.append(f"--use-file-for-fake-video-capture={film}")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """The link of the page of a command, which is stopped afterwards."""
    command = [*THIRTYFOLD, *arguments, "--view", "web", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None  # noqa: S101 - for the type checker
            yield next(line for line in process.stderr if "token=" in line).rpartition(" ")[2].strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()

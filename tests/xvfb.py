"""A screen that nobody sees, for tests of windows: Xvfb, driven by xdotool."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def screen_of_its_own(number: int) -> Iterator[dict[str, str]]:
    """Start Xvfb as display ``:number``; gives the environment for programs on it. Skips where there is no Xvfb."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt-get install xvfb xdotool)")
    if Path(f"/tmp/.X11-unix/X{number}").exists():  # noqa: S108 - where X servers put it
        pytest.skip(f"display :{number} is in use")
    process = subprocess.Popen(
        ["Xvfb", f":{number}", "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
    environment["DISPLAY"] = f":{number}"
    try:
        wait_until(lambda: xdotool(environment, "getdisplaygeometry") != "")
        yield environment
    finally:
        process.terminate()
        process.wait(10)


def xdotool(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(["xdotool", *arguments], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def wait_until(condition: object, seconds: float = 30.0) -> None:
    """Ask every 50 ms; fails the test when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    pytest.fail(f"waited for {seconds:.0f} seconds in vain")

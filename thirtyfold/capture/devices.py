"""What the operating system knows about cameras, and why one of them cannot be opened."""

from __future__ import annotations

import os
import sys
from pathlib import Path

OTHER_SOURCES = "or use a video file, a folder of pictures, or --source demo"
# A plain variable: a type checker would take all but its own platform for unreachable.
_PLATFORM = sys.platform
IS_LINUX = _PLATFORM.startswith("linux")


def camera_numbers() -> list[int]:
    """The numbers worth trying."""
    if IS_LINUX:
        names = (path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
        return sorted(int(name) for name in names if name.isdecimal())
    return list(range(4))


def device_name(number: int) -> tuple[str, bool]:
    """(name, whether it is a webcam's second node, which carries no pictures)."""
    folder = Path(f"/sys/class/video4linux/video{number}")
    try:
        index = (folder / "index").read_text().strip()
        return (folder / "name").read_text().strip() or f"camera {number}", index != "0"
    except OSError:
        return f"camera {number}", False


def why_no_camera(number: int, *, opened: bool) -> str:
    """One sentence on why camera ``number`` gives no picture; ``opened`` if it could be opened at least."""
    name = f"camera {number}"
    if _PLATFORM == "darwin":
        return (
            f"{name}: cannot be opened; if it is there, allow your terminal to use it under System Settings > "
            "Privacy & Security > Camera and start the terminal anew, close other programs that use it, "
            f"{OTHER_SOURCES}"
        )
    if not IS_LINUX:
        return (
            f"{name}: cannot be opened; check that it is plugged in, that no other program uses it and that the "
            f"privacy settings allow it, {OTHER_SOURCES}"
        )
    numbers = camera_numbers()
    device = Path(f"/dev/video{number}")
    if number not in numbers:
        others = f"this machine has {', '.join(map(str, numbers))}" if numbers else "no camera is connected"
        return f"{name}: there is none ({others}); plug one in, {OTHER_SOURCES}"
    if not os.access(device, os.R_OK | os.W_OK):
        return (
            f"{name}: {device} may not be opened by you; run `sudo usermod -aG video $USER` and log in again, "
            f"{OTHER_SOURCES}"
        )
    if device_name(number)[1]:
        return f"{name}: {device} carries no pictures (a webcam's second device); try --source {max(0, number - 1)}"
    doing = "opens but sends no pictures" if opened else "cannot be opened"
    return f"{name}: {doing}; another program probably uses it: close it and try again, {OTHER_SOURCES}"

"""Opening what frames come from: cameras, video files, folders of pictures, streams, the demo.

Nothing else in the program opens a camera. Every source is a :class:`~thirtyfold.capture.frames.Camera` that
gives frames; :class:`~thirtyfold.capture.frames.NewestFrame` reads one on a thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from thirtyfold.capture.devices import IS_LINUX, OTHER_SOURCES, camera_numbers, device_name, why_no_camera
from thirtyfold.capture.folder_camera import FolderCamera
from thirtyfold.capture.frames import Camera
from thirtyfold.capture.live_camera import LiveCamera
from thirtyfold.capture.opencv_capture import open_device, open_stream
from thirtyfold.capture.video_file_camera import VideoFileCamera, open_video
from thirtyfold.errors import CameraError, UsageError
from thirtyfold.images import is_image

_STREAM = re.compile(r"(https?|rtsps?|rtmps?)://", re.IGNORECASE)
_NUMBER = re.compile(r"(?:/dev/video)?(\d{1,3})")
_DEMO = re.compile(r"demo(?::(.*))?")


def open_camera(source: str, *, for_ever: bool = False) -> Camera:
    """The camera that ``source`` names; it has been tried, and is ready to be read.

    ``source`` is a camera number (``0``), a video file, a picture or a folder of pictures, a stream
    (http, https, rtsp, rtmp), or ``demo`` (``demo:7`` for another seed). A camera or stream that stops later
    is tried again for half a minute, or ``for_ever``. Raises :class:`CameraError` with the reason and the mend.
    """
    path = source_path(source)
    if path is not None:
        return _open_path(path)
    source = source.strip()
    if demo := _DEMO.fullmatch(source):
        from thirtyfold.capture.demo_camera import DemoCamera

        return DemoCamera(_demo_seed(source, demo.group(1) or "0"))
    if number := _NUMBER.fullmatch(source):
        return _open_local(int(number.group(1)), for_ever=for_ever)
    return _open_stream(source, for_ever=for_ever)


def source_path(source: str) -> Path | None:
    """The file or folder that ``source`` names, there or not; ``None`` for a camera, a stream and the demo.

    Raises :class:`CameraError` if the system cannot look for it.
    """
    stripped = source.strip()
    if _DEMO.fullmatch(stripped) or _STREAM.match(stripped) or _NUMBER.fullmatch(stripped):
        return None
    try:
        path = Path(source).expanduser()
        return path if path.exists() else Path(stripped).expanduser()
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a closed folder, ~ of an unknown user
        reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise CameraError(f"{source}: cannot be looked for ({reason}); give another file or folder") from error


def public_name(source: str) -> str:
    """``source`` as it may be shown and written down: a stream without its user, password and query."""
    url = source.strip()
    if not _STREAM.match(url):
        return source
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address: nobody can tell which part of it is the password
        return f"{url.partition('://')[0]}://..."
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInfo:
    """A camera of this machine. ``width`` and ``height`` are 0 where it can't be opened just now."""

    source: str
    name: str
    width: int
    height: int

    def to_dict(self) -> dict[str, Any]:
        return {"source": self.source, "name": self.name, "width": self.width, "height": self.height}

    def row(self) -> tuple[str, str, str]:
        """(source, picture, name) for a table."""
        picture = f"{self.width}x{self.height}" if self.width else "cannot be opened (in use?)"
        return self.source, picture, self.name


def list_cameras() -> list[CameraInfo]:
    """The cameras of this machine, each of them tried."""
    found = []
    for number in camera_numbers():
        capture = open_device(number)
        pixels = capture.first_pixels() if capture is not None else None
        if capture is not None:
            capture.release()
        name, is_extra_node = device_name(number)
        if pixels is not None:
            height, width = pixels.shape[:2]
            found.append(CameraInfo(source=str(number), name=name, width=width, height=height))
        elif IS_LINUX and not is_extra_node:
            found.append(CameraInfo(source=str(number), name=name, width=0, height=0))
    return found


def _open_path(path: Path) -> Camera:
    if path.is_dir():
        return FolderCamera(path)
    if not path.exists():
        raise CameraError(
            f"{path}: no such file or folder; give a camera number (like 0), a stream URL, {OTHER_SOURCES}"
        )
    return FolderCamera(path.parent, [path]) if is_image(path) else open_video(path)


def _open_local(number: int, *, for_ever: bool) -> Camera:
    capture = open_device(number)
    if capture is None or capture.first_pixels() is None:
        if capture is not None:
            capture.release()
        raise CameraError(why_no_camera(number, opened=capture is not None))
    return LiveCamera(
        f"camera {number}",
        lambda: open_device(number),
        first=capture,
        help_text="check its cable, then run the same command again",
        for_ever=for_ever,
    )


def _open_stream(url: str, *, for_ever: bool) -> Camera:
    name = public_name(url)
    capture = open_stream(url)
    if capture is None:
        raise CameraError(
            f"{name}: the stream cannot be opened; check the address, user and password, that the sender is on, "
            "and that it sends video (not a web page)"
        )
    if capture.finite:
        return VideoFileCamera(Path(urlsplit(name).path).name or name, capture)
    return LiveCamera(
        name,
        lambda: open_stream(url),
        first=capture,
        help_text="check the sender and the network, then run the same command again",
        for_ever=for_ever,
    )


def _demo_seed(source: str, seed: str) -> int:
    if not seed.isdecimal():
        raise UsageError(f"--source {source}: a whole number was expected after the colon, like demo:7")
    return int(seed)

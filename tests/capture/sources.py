"""Sources for the tests: drawn videos, a virtual room, and a real MJPEG stream that can die."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from tests.drawn import draw_photo
from thirtyfold.capture.frames import Frame
from thirtyfold.images import Pixels, encode_jpeg

WIDTH, HEIGHT = 160, 120


def moving_photo(index: int) -> Pixels:
    """RGB pixels (120, 160, 3): sharp, and plainly another picture for every index."""
    return draw_photo(index + 1, width=WIDTH, height=HEIGHT)[0]


def write_video(path: Path, frames: Sequence[Pixels], *, fps: float = 10.0) -> Path:
    """A Motion JPEG video of RGB frames."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for pixels in frames:
        writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


class ScriptedCamera:
    """A camera whose frames and clock are given: (seconds, pixels). No thread waits for anything."""

    name = "scripted camera"
    fps = 30.0

    def __init__(self, frames: Sequence[tuple[float, Pixels]], *, live: bool = True) -> None:
        self.live = live
        self.closed = 0
        self._frames = list(frames)
        self._index = 0

    def read(self) -> Frame | None:
        if self._index >= len(self._frames) or self.closed:
            return None
        seconds, pixels = self._frames[self._index]
        frame = Frame(pixels=pixels, index=self._index, seconds=seconds, read_at=time.perf_counter())
        self._index += 1
        return frame

    def close(self) -> None:
        self.closed += 1


def black() -> Pixels:
    return np.full((HEIGHT, WIDTH, 3), 6, np.uint8)


@contextmanager
def mjpeg_server(connections: Sequence[int | None], *, fps: float = 60.0, port: int = 0) -> Iterator[MjpegServer]:
    """A real HTTP server of a Motion JPEG stream on 127.0.0.1.

    ``connections`` says how many frames each connection in turn gets before the server hangs up;
    ``None`` is for ever. Connections after the last are refused with 503.
    """
    server = MjpegServer(connections, fps, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


class MjpegServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, connections: Sequence[int | None], fps: float, port: int) -> None:
        self.script = list(connections)
        self.pause_seconds = 1 / fps
        self.ending = threading.Event()
        self.sent = 0
        self.jpegs = [encode_jpeg(moving_photo(index)) for index in range(30)]
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/stream.mjpg"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the reader hung up


class _Handler(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        if not self.server.script:
            self.send_error(503)
            return
        left = self.server.script.pop(0)
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        while (left is None or left > 0) and not self.server.ending.wait(self.server.pause_seconds):
            data = self.server.jpegs[self.server.sent % len(self.server.jpegs)]
            self.wfile.write(
                b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(data), data)
            )
            self.server.sent += 1
            left = None if left is None else left - 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        pass

"""What viewers cost: frames a second and age of frame of one live run, with nobody and with many looking.

    python benchmarks/live_web.py --model runs/detect/1 [--viewers 0 1 32 0] [--seconds 8]

The camera is the demo's, from memory, 640x480 at 30 frames a second; each line is a run of its own. The
viewers are a process of their own on the same machine, so that what they cost is in the figures as
well. `cpu` is of the serving process, in percent of one core; `seen` are the frames a second that
the viewers got, the median and the one who got least.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.capture.frames import Frame
from thirtyfold.images import Pixels
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.result import LiveResult
from thirtyfold.predict.detectors import Model, find_model
from thirtyfold.progress import Silent

FPS = 30.0
WARM_UP_SECONDS = 1.0


class Camera:
    """The same frames again and again, at their own pace, lost if nobody takes them."""

    live = True
    name = "benchmark"
    fps = FPS

    def __init__(self, frames: list[Pixels]) -> None:
        self._frames = frames
        self._index = 0
        self._started = time.perf_counter()
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        due = self._started + self._index / FPS
        if self._closed.wait(max(0.0, due - time.perf_counter())):
            return None
        pixels = self._frames[self._index % len(self._frames)].copy()
        frame = Frame(pixels=pixels, index=self._index, seconds=self._index / FPS, read_at=time.perf_counter())
        self._index += 1
        return frame

    def close(self) -> None:
        self._closed.set()


class Link(Silent):
    """Waits for the link as a person at the terminal does."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.link = ""

    def say(self, text: str) -> None:
        if "token=" in text:
            self.link = text[text.index("http") :]
            self.told.set()


@dataclass
class Measured:
    viewers: int
    result: LiveResult
    cpu_percent: float
    seen_fps: list[float]

    def row(self) -> str:
        seen = f"{statistics.median(self.seen_fps):7.1f} {min(self.seen_fps):7.1f}" if self.seen_fps else " " * 15
        result = self.result
        return (
            f"{self.viewers:7d} {result.fps:7.1f} {result.age_ms_p50 or 0:9.1f} {result.age_ms_p95 or 0:9.1f} "
            f"{result.model_ms or 0:9.1f} {self.cpu_percent:6.0f} {seen}"
        )


def measure(model: Model, frames: list[Pixels], *, viewers: int, seconds: float) -> Measured:
    link = Link()
    looking: subprocess.Popen[str] | None = None

    def start_viewers() -> None:
        nonlocal looking
        link.told.wait()
        command = [sys.executable, __file__, "--look", link.link, "--viewers", str(viewers), "--seconds", str(seconds)]
        looking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    starter = threading.Thread(target=start_viewers)
    if viewers:
        starter.start()
    cpu, started = time.process_time(), time.perf_counter()
    options = LiveOptions(view="web", port=0, max_seconds=seconds + 2 * WARM_UP_SECONDS)
    result = run_live(model, options, open_source=lambda source: Camera(frames), progress=link)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - started
    if looking is None:
        return Measured(viewers, result, 100 * cpu / wall, [])
    starter.join()
    return Measured(viewers, result, 100 * cpu / wall, json.loads(looking.communicate()[0]))


async def look(link: str, viewers: int, seconds: float) -> list[float]:
    """Frames a second that each of ``viewers`` got, after a warm-up."""
    parts = urlsplit(link)
    host, port = parts.hostname or "", parts.port or 0
    head = f"Host: {parts.netloc}\r\n"
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET /?{parts.query} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
    welcome = (await reader.read()).decode()
    cookie = next(line for line in welcome.splitlines() if line.lower().startswith("set-cookie:")).split()[1].strip(";")

    async def one() -> float:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET /stream.mjpg HTTP/1.1\r\n{head}Cookie: {cookie}\r\n\r\n".encode())
        count, tail, begun = 0, b"", time.perf_counter()
        while (now := time.perf_counter()) - begun < WARM_UP_SECONDS + seconds:
            if not (chunk := await reader.read(1 << 18)):
                break
            text = tail + chunk
            count += text.count(b"Content-Length: ") if now - begun >= WARM_UP_SECONDS else 0
            tail = text[-15:]
        writer.close()
        return count / seconds

    return await asyncio.gather(*(one() for _ in range(viewers)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="haar")
    parser.add_argument("--viewers", type=int, nargs="+", default=[0, 1, 32, 0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--look", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look:
        print(json.dumps(asyncio.run(look(options.look, options.viewers[0], options.seconds))))
        return
    demo = DemoCamera(0)
    frames = [frame.pixels for _ in range(90) if (frame := demo.read()) is not None]
    model = find_model(options.model, Path("runs"))
    print(f"{model}, 640x480 at {FPS:g} frames/s, {options.seconds:g} s a line")
    print("viewers     fps   age p50   age p95  model ms    cpu    seen   least")
    for viewers in options.viewers:
        print(measure(model, frames, viewers=viewers, seconds=options.seconds).row(), flush=True)


if __name__ == "__main__":
    main()

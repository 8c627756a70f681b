"""The README's animated picture, docs/images/road.webp, made anew from the real program.

    python -m scripts.road_animation --demo demo/1

Everything on it is what the commands did: the capture window, labelme with a box drawn by mouse, the sheet of copies,
the training's own lines and the frames of ``live``. The face is the demo's: NASA's portrait of Eileen Collins, public
domain.
``--demo`` is a folder that ``thirtyfold demo`` left behind, with what it said on the way in ``demo.log``
(``thirtyfold demo 2>&1 | tee demo.log``, then moved there); without it the demo is run first, which takes minutes.
Needs Linux, Xvfb, xdotool and the development dependencies. ``--frames DIR`` writes each picture as a PNG, to look at.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.annotate.desktop import Desktop, open_desktop
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.datasets import labelme_json
from thirtyfold.images import Pixels, encode_jpeg, read_rgb
from thirtyfold.sample import BoxXyxy

OUT = Path(__file__).parents[1] / "docs" / "images" / "road.webp"
LARGEST_BYTES = 3_000_000
SIZE_WH = (760, 500)
BAR_PX = 50
NIGHT, PAPER, GREY, TEAL = (22, 27, 31), (232, 236, 237), (128, 140, 145), (77, 208, 190)
STEPS = ("capture", "annotate", "augment", "train", "live")
THIRTYFOLD = [sys.executable, "-m", "thirtyfold"]
QUALITY = 62
STREAM_SEED = 3
MOSTLY = 0.9
# Of the demo's video: there the face comes near and goes to the side.
LIVE_FRAMES = range(30, 138, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One picture of the animation: which step, what is under its bar, and for how long."""

    step: int
    command: str
    pixels: Pixels | None = None
    lines: Sequence[str] = ()
    milliseconds: int = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, help="A folder that `thirtyfold demo` made. [default: run it]")
    parser.add_argument("--frames", type=Path, help="Write each picture into this folder, too.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = asked.demo or _demo(folder)
        with open_desktop(folder) as desktop:
            shown = [*capture(desktop, folder), *annotate(desktop, folder)]
        shown += [*augment(demo), *train(demo), *live(demo)]
    for step, name in enumerate(STEPS):
        # On a machine that is busy with other things a window may come and go unseen.
        if not any(one.pixels is not None or one.lines for one in shown if one.step == step):
            sys.exit(f"{name}: nothing was to be seen; try again when the machine has time")
    pictures = [_drawn(one) for one in _going_on(shown)]
    if asked.frames:
        asked.frames.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures):
            picture.save(asked.frames / f"{number:03d}.png")
    part = OUT.with_suffix(".part.webp")
    pictures[0].save(
        part,
        save_all=True,
        append_images=pictures[1:],
        duration=[one.milliseconds for one in shown],
        loop=0,
        quality=QUALITY,
        method=6,
    )
    size = part.stat().st_size
    if size > LARGEST_BYTES:
        part.unlink()
        sys.exit(f"{OUT}: {size / 1e6:.2f} MB, more than {LARGEST_BYTES / 1e6:.0f} MB; lower QUALITY")
    part.replace(OUT)
    sys.stderr.write(f"{OUT}: {len(pictures)} pictures, {size / 1e6:.2f} MB\n")


def _demo(folder: Path) -> Path:
    done = subprocess.run([*THIRTYFOLD, "demo", str(folder / "demo")], stderr=subprocess.PIPE, text=True, check=True)
    (folder / "demo" / "1" / "demo.log").write_text(done.stderr, encoding="utf-8")
    return folder / "demo" / "1"


def capture(desktop: Desktop, folder: Path) -> Iterator[Shown]:
    """The guided shots, in the window that a person sees."""
    command = "tool capture --n 6"
    yield from _typed(0, command)
    with _stream() as address:
        asked = ["capture", str(folder / "seen"), "--source", address, "--n", "6", "--every", "0.6", "--shots", "faces"]
        with subprocess.Popen(
            [*THIRTYFOLD, *asked, "--preview"],
            env=desktop.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            window = wait_for(lambda: _visible(desktop, process), "the window")
            before = None
            while process.poll() is None:
                pixels = _window(desktop, window)
                # While it opens and closes it is black, or half painted.
                painted = pixels is not None and float(pixels.any(axis=2).mean()) > MOSTLY
                if painted and (before is None or not np.array_equal(before, pixels)):
                    yield Shown(step=0, command=command, pixels=pixels, milliseconds=150)
                    before = pixels
                time.sleep(0.15)


def _visible(desktop: Desktop, process: subprocess.Popen[bytes]) -> str:
    if process.poll() is not None:
        sys.exit(f"capture ended with {process.returncode}")
    return desktop.xdotool("search", "--onlyvisible", "--name", "thirtyfold capture").partition("\n")[0]


@contextmanager
def _stream() -> Iterator[str]:
    """The virtual camera as a network camera: before one of those `capture` guides a person."""
    camera = DemoCamera(STREAM_SEED)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):
                while (frame := camera.read()) is not None:
                    jpeg = encode_jpeg(frame.pixels, quality=90)
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    time.sleep(1 / camera.fps)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def annotate(desktop: Desktop, folder: Path) -> Iterator[Shown]:
    """labelme, and a person who draws one box."""
    command = "tool annotate"
    dataset = folder / "faces"
    asked = ["capture", str(dataset), "--source", "demo:2", "--n", "3", "--every", "1.5", "--no-preview"]
    subprocess.run([*THIRTYFOLD, *asked], check=True, capture_output=True)
    photo = next(
        path
        for path in sorted((dataset / "images").glob("*.jpg"))
        if labelme_json.read(path.with_suffix(".json")).annotations
    )
    box = labelme_json.read(photo.with_suffix(".json")).annotations[0].box_xyxy
    for label_path in (dataset / "images").glob("*.json"):
        label_path.unlink()  # the virtual camera knows them; here a person is to draw
    for other in (dataset / "images").glob("*.jpg"):
        if other < photo:
            other.unlink()
    yield from _typed(1, command)
    with subprocess.Popen(
        [*THIRTYFOLD, "annotate", str(dataset)],
        env=desktop.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        windows = wait_for(lambda: [one for one in desktop.windows() if photo.name in desktop.title(one)], "labelme")
        window = windows[0]
        left, top, right, bottom = wait_for(lambda: _on_screen(desktop, read_rgb(photo), box), "the photo")

        def look(milliseconds: int) -> Shown:
            return Shown(step=1, command=command, pixels=_window(desktop, window), milliseconds=milliseconds)

        yield look(700)
        desktop.press(window, "ctrl+r")
        desktop.click(left, top)
        for share in np.linspace(0.15, 1, 7):
            x, y = round(left + (right - left) * share), round(top + (bottom - top) * share)
            desktop.xdotool("mousemove", "--sync", x, y)
            yield look(110)
        desktop.click(right, bottom)
        dialogs = wait_for(lambda: [other for other in desktop.windows() if other != window], "the question")
        desktop.xdotool("windowfocus", "--sync", dialogs[0])
        desktop.xdotool("type", "face")
        yield look(600)
        desktop.press(dialogs[0], "Return")
        wait_for(lambda: desktop.windows() == [window], "the dialog to close")
        yield look(1300)
        desktop.press(window, "ctrl+q")
        process.wait(PATIENCE_SECONDS)


def augment(demo: Path) -> Iterator[Shown]:
    """The sheet that the command leaves of its copies."""
    command = "tool augment --factor 30"
    sheet = read_rgb(demo / "faces" / "augmented" / "preview.jpg")
    yield from _typed(2, command)
    yield Shown(step=2, command=command, pixels=sheet, milliseconds=3000)


def train(demo: Path) -> Iterator[Shown]:
    """What the training said, line by line."""
    command = "tool train --backbone scratch --size 160"
    said = (demo / "demo.log").read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(said) if line.startswith("training on"))
    last = next(number for number, line in enumerate(said) if line.startswith("— train"))
    lines = said[first:last]
    yield from _typed(3, command)
    for number in range(1, len(lines) + 1):
        yield Shown(step=3, command=command, lines=lines[:number], milliseconds=190)
    yield Shown(step=3, command=command, lines=lines, milliseconds=1500)


def live(demo: Path) -> Iterator[Shown]:
    """The frames with their boxes, in a scene that no photo was taken of."""
    command = "tool live"
    yield from _typed(4, command)
    video: Any = cv2.VideoCapture(str(demo / "live.mp4"))
    for number in range(LIVE_FRAMES.stop):
        there, frame = video.read()
        if there and number in LIVE_FRAMES:
            yield Shown(step=4, command=command, pixels=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), milliseconds=100)
    video.release()


def _going_on(shown: Sequence[Shown]) -> Iterator[Shown]:
    """While a command is typed, what the last one showed stays."""
    last = Shown(step=0, command="")
    for one in shown:
        last = one if one.pixels is not None or one.lines else replace(one, pixels=last.pixels, lines=last.lines)
        yield last


def _typed(step: int, command: str) -> Iterator[Shown]:
    for number in range(5, len(command) + 1, 3):
        yield Shown(step=step, command=command[:number], milliseconds=60)
    yield Shown(step=step, command=command, milliseconds=350)


def _window(desktop: Desktop, window: str) -> Pixels | None:
    size = dict(line.split("=") for line in desktop.xdotool("getwindowgeometry", "--shell", window).split())
    if "WIDTH" not in size:
        return None
    left, top, width, height = (int(size[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
    return desktop.pixels()[top : top + height, left : left + width]


def _on_screen(desktop: Desktop, photo: Pixels, box: BoxXyxy) -> BoxXyxy | None:
    """Where a box of the photo is on the screen: the photo is looked for at every size it may have there."""
    half = cv2.cvtColor(cv2.resize(desktop.pixels(), None, fx=0.5, fy=0.5), cv2.COLOR_RGB2GRAY)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    best = (0.0, 1.0, (0, 0))
    for scale in np.arange(0.4, 2.0, 0.01):
        small = cv2.resize(grey, None, fx=scale / 2, fy=scale / 2, interpolation=cv2.INTER_AREA)
        if small.shape[0] <= half.shape[0] and small.shape[1] <= half.shape[1]:
            _, score, _, corner = cv2.minMaxLoc(cv2.matchTemplate(half, small, cv2.TM_CCOEFF_NORMED))
            best = max(best, (score, float(scale), (corner[0], corner[1])))
    score, scale, (x, y) = best
    if score < 0.95:
        return None
    left, top, right, bottom = (round(value * scale) for value in box)
    return 2 * x + left, 2 * y + top, 2 * x + right, 2 * y + bottom


def _drawn(one: Shown) -> Image.Image:
    """The picture as it is shown: the command and the five steps above, what happens below."""
    width, height = SIZE_WH
    canvas = Image.new("RGB", SIZE_WH, NIGHT)
    draw = ImageDraw.Draw(canvas)
    draw.text((16, 15), "$ ", TEAL, _font(17))
    draw.text((36, 15), one.command, PAPER, _font(17))
    right = width - 16
    for number, name in reversed(list(enumerate(STEPS))):
        right -= round(draw.textlength(name, _font(12)))
        draw.text((right, 19), name, TEAL if number == one.step else GREY, _font(12))
        right -= 14
    for number, line in enumerate(_wrapped(one.lines)):
        draw.text((20, BAR_PX + 12 + 23 * number), line, PAPER, _font(14))
    if one.pixels is not None:
        room_wh = (width, height - BAR_PX)
        scale = min(room_wh[0] / one.pixels.shape[1], room_wh[1] / one.pixels.shape[0])
        wide, high = round(one.pixels.shape[1] * scale), round(one.pixels.shape[0] * scale)
        picture = Image.fromarray(np.ascontiguousarray(one.pixels)).resize((wide, high), Image.Resampling.LANCZOS)
        canvas.paste(picture, ((width - wide) // 2, BAR_PX + (room_wh[1] - high) // 2))
    return canvas


def _wrapped(lines: Sequence[str], columns: int = 84) -> list[str]:
    return [piece for line in lines for piece in textwrap.wrap(line, columns)][-18:]


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"), size)


if __name__ == "__main__":
    main()

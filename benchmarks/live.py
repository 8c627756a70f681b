"""Live against the loop that every notebook has: read a frame, `model.predict`, show; all on one thread.

    python benchmarks/live.py --run runs/detect/1 --source clip.mkv [--seconds 10]

Both in one run, one after the other, on the same frames; neither draws. The source is
read as fast as it is taken ("throughput") and at its own pace, the way a camera
gives frames ("paced"); a file shorter than that is read in a circle. `age` is the time from
a frame's arrival to its turn to be shown; the notebook's paced frames wait in the camera's buffer
of four, as OpenCV keeps it. Without a `model.keras` in the run the baseline is left out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.frames import Frame
from thirtyfold.images import Pixels, letterbox
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.predict.runtime import load

BUFFERED_FRAMES = 4


@dataclass
class Measured:
    fps: float
    age_ms_p50: float
    age_ms_p95: float
    model_ms: float

    def row(self, name: str) -> str:
        return f"{name:34}{self.fps:8.1f}{self.model_ms:10.1f}{self.age_ms_p50:11.1f}{self.age_ms_p95:11.1f}"


class Circle:
    """The frames of a file, from memory, again and again until ``seconds`` are over (in frame time if paced)."""

    live = False
    name = "circle"

    def __init__(self, frames: list[Pixels], fps: float, *, seconds: float) -> None:
        self.fps = fps
        self._frames = frames
        self._count = round(seconds * fps)
        self._index = 0

    def read(self) -> Frame | None:
        if self._index >= self._count:
            return None
        frame = Frame(
            # A copy, as a camera gives fresh pixels, too.
            pixels=self._frames[self._index % len(self._frames)].copy(),
            index=self._index,
            seconds=self._index / self.fps,
            read_at=time.perf_counter(),
        )
        self._index += 1
        return frame

    def close(self) -> None:
        self._index = self._count


def ours_paced(run: Path, camera: Circle) -> Measured:
    result = run_live(run, LiveOptions(view="none", save=None), open_source=lambda source: camera)
    return Measured(result.fps, result.age_ms_p50 or 0, result.age_ms_p95 or 0, result.model_ms or 0)


def one_thread(detect: Callable[[Pixels], Any], camera: Circle, *, paced: bool) -> Measured:
    """The notebook's loop around ``detect``. Paced, frames come by the clock into a buffer that drops the oldest."""
    ages, model_times = [], []
    started = time.perf_counter()
    frames = iter(camera.read, None)
    pending = next(frames, None)
    buffer: list[Frame] = []
    while pending is not None or buffer:
        while paced and pending is not None and started + pending.seconds <= time.perf_counter():
            buffer = [*buffer, replace(pending, read_at=started + pending.seconds)][-BUFFERED_FRAMES:]
            pending = next(frames, None)
        if not paced and pending is not None:
            buffer, pending = [replace(pending, read_at=time.perf_counter())], next(frames, None)
        if not buffer:
            time.sleep(0.0005)
            continue
        frame = buffer.pop(0)
        before = time.perf_counter()
        detect(frame.pixels)
        model_times.append(time.perf_counter() - before)
        ages.append(time.perf_counter() - frame.read_at)
    seconds = time.perf_counter() - started
    return Measured(
        len(ages) / seconds,
        statistics.median(ages) * 1000,
        float(np.percentile(ages, 95)) * 1000,
        statistics.median(model_times) * 1000,
    )


def keras_predict(run: Path, size: int) -> Callable[[Pixels], Any] | None:
    if not (run / "model.keras").is_file():
        return None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from thirtyfold.model.train import import_tensorflow

    import_tensorflow()
    import keras

    import thirtyfold.model.detect  # noqa: F401 - registers the layers that the file names

    model = keras.saving.load_model(run / "model.keras", compile=False)

    def detect(pixels: Pixels) -> tuple[()]:
        model.predict(letterbox(pixels, size)[0][None], verbose=0)
        return ()

    return detect


def frames_of(source: str, seconds: float) -> tuple[list[Pixels], float]:
    camera = open_camera(source)
    frames = []
    while len(frames) < seconds * camera.fps and (frame := camera.read()) is not None:
        frames.append(frame.pixels)
    camera.close()
    return frames, camera.fps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    frames, fps = frames_of(options.source, options.seconds)
    predictor = load(options.run)
    baseline = keras_predict(options.run, predictor.artifact.size)
    height, width = frames[0].shape[:2]
    print(f"{options.run}, {width}x{height} at {fps:g} fps, {cv2.getNumThreads()} cores")
    print(f"{'':34}{'fps':>8}{'model ms':>10}{'age p50 ms':>11}{'age p95 ms':>11}")

    def circle(seconds: float = options.seconds) -> Circle:
        return Circle(frames, fps, seconds=seconds)

    for name, paced in (("throughput", False), ("paced", True)):
        if baseline is not None:
            one_thread(baseline, circle(0.5), paced=False)  # the first calls trace the graph
            print(one_thread(baseline, circle(), paced=paced).row(f"{name}: notebook, model.predict"))
        if paced:
            print(ours_paced(options.run, circle()).row(f"{name}: ours, three threads"))
        else:
            print(one_thread(predictor, circle(), paced=False).row(f"{name}: ours, one thread"))


if __name__ == "__main__":
    main()

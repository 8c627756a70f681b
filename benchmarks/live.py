"""Live against the loop that every notebook has: read a frame, `model.predict`, show; all on one thread.

    python benchmarks/live.py --source clip.mkv --run runs/detect/1 [--random vgg16:128 --random mobilenetv2:224]
    python benchmarks/live.py --source clip.mkv --run runs/detect/1 --soak 10

Baseline and ours in one run, one after the other, on the same frames; neither draws. The source is
read as fast as it is taken ("throughput") and at its own pace, the way a camera gives frames
("paced"); a file shorter than that is read in a circle. `age` is the time from a frame's arrival to
its turn to be shown; the notebook's paced frames wait in the camera's buffer of four, as OpenCV keeps it.
Each form of a run is measured that is there (float, int8). Without a `model.keras` in it the
baseline is left out. `--random NAME:SIZE` builds a network of that backbone and input size with random weights,
in both forms, its int8 ranges measured on the source's frames: it finds nothing, and shows speeds only.
`bound` is two frame periods and the time of the model: what p95 of the age is to stay below.

`--soak` instead runs live once for so many minutes, drawing every picture, and prints a line a minute. The
time of a frame's arrival is written into its last pixel, so that the age is taken where the picture is shown.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from thirtyfold import files, screen
from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.frames import Frame
from thirtyfold.images import Pixels, letterbox
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.view import LiveState, Request
from thirtyfold.predict.artifact import Artifact, FormFile, read_artifact, write_artifact
from thirtyfold.predict.forms import LITERT, RUNNABLE
from thirtyfold.predict.runtime import load

BUFFERED_FRAMES = 4
RANGE_FRAMES = 32


@dataclass
class Measured:
    fps: float
    age_ms_p50: float
    age_ms_p95: float
    model_ms: float

    def row(self, name: str, *, bound_ms: float | None = None) -> str:
        bound = f"{bound_ms:10.1f}" if bound_ms is not None else ""
        return f"{name:40}{self.fps:8.1f}{self.model_ms:10.1f}{self.age_ms_p50:12.1f}{self.age_ms_p95:12.1f}{bound}"


class Circle:
    """The frames of a file, from memory, again and again until ``seconds`` are over (in frame time if paced)."""

    live = False
    name = "circle"

    def __init__(self, frames: list[Pixels], fps: float, *, seconds: float) -> None:
        self.fps = fps
        self.started_at = 0.0
        self._frames = frames
        self._count = round(seconds * fps)
        self._index = 0

    def read(self) -> Frame | None:
        if self._index >= self._count:
            return None
        if not self._index:
            self.started_at = time.perf_counter()
        # A copy, as a camera gives fresh pixels, too.
        pixels = self._frames[self._index % len(self._frames)].copy()
        pixels[-1, -1] = list(self._index.to_bytes(3, "little"))
        frame = Frame(pixels=pixels, index=self._index, seconds=self._index / self.fps, read_at=time.perf_counter())
        self._index += 1
        return frame

    def close(self) -> None:
        self._index = self._count


def ours_paced(run: Path, form: str, camera: Circle) -> Measured:
    result = run_live(run, LiveOptions(view="none", form=form), open_source=lambda source: camera)
    return Measured(result.fps, result.age_ms_p50 or 0, result.age_ms_p95 or 0, result.model_ms or 0)


def ours_fast(run: Path, form: str, camera: Circle) -> Measured:
    """`live --fast`: reading, model and showing side by side, every frame."""
    result = run_live(run, LiveOptions(view="none", form=form, fast=True), open_source=lambda source: camera)
    return Measured(result.fps, result.age_ms_p50 or 0, result.age_ms_p95 or 0, result.model_ms or 0)


def one_thread(detect: Callable[[Pixels], Any], camera: Circle, *, paced: bool, seconds: float) -> Measured:
    """The notebook's loop around ``detect``. Paced, frames come by the clock into a buffer that drops the oldest."""
    ages, model_times = [], []
    started = time.perf_counter()
    frames = iter(camera.read, None)
    pending = next(frames, None)
    buffer: list[Frame] = []
    while (pending is not None or buffer) and time.perf_counter() - started < seconds:
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
    took = time.perf_counter() - started
    return Measured(
        len(ages) / took,
        statistics.median(ages) * 1000,
        float(np.percentile(ages, 95)) * 1000,
        statistics.median(model_times) * 1000,
    )


def import_quietly() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from thirtyfold.model.train import import_tensorflow

    import_tensorflow()


def keras_predict(run: Path, size: int) -> Callable[[Pixels], Any] | None:
    if not (run / "model.keras").is_file():
        return None
    import_quietly()
    from thirtyfold.model.export.keras_file import load_keras

    model = load_keras((run / "model.keras").read_bytes(), str(run))

    def detect(pixels: Pixels) -> tuple[()]:
        model.predict(letterbox(pixels, size)[0][None], verbose=0)
        return ()

    return detect


def random_run(folder: Path, backbone: str, size: int, frames: Sequence[Pixels]) -> Path:
    """A run of an untrained network: Keras, float and the form of int8 that suits its backbone."""
    import_quietly()
    import keras

    from thirtyfold.model.backbones import BACKBONES
    from thirtyfold.model.detect import build
    from thirtyfold.model.export.keras_file import keras_bytes
    from thirtyfold.model.export.litert import saved_model, to_dynamic_int8, to_float32, to_full_int8
    from thirtyfold.model.options import TrainOptions

    keras.utils.set_random_seed(0)
    options = TrainOptions(backbone=backbone, weights="none", size=size, stride="8")
    model = build(options, 1).model
    with saved_model(model, size) as saved:
        forms = {LITERT: to_float32(saved)}
        if BACKBONES[backbone].int8 == "full":
            squares = [letterbox(pixels, size)[0] for pixels in frames[:RANGE_FRAMES]]
            forms[RUNNABLE["int8"]] = to_full_int8(saved, squares)
        else:
            forms[RUNNABLE["int8"]] = to_dynamic_int8(saved)
    run = folder / f"{backbone}-{size}-random"
    files.write_bytes(run / "model.keras", keras_bytes(model), durable=False)
    for name, data in forms.items():
        files.write_bytes(run / name, data, durable=False)
    write_artifact(
        run,
        Artifact(
            task="detect",
            classes=("face",),
            size=size,
            decoder="dense",
            decoder_options={"boxes": "one"},
            forms={name: FormFile(sha256=hashlib.sha256(data).hexdigest()) for name, data in forms.items()},
        ),
    )
    return run


def frames_of(source: str, seconds: float) -> tuple[list[Pixels], float]:
    camera = open_camera(source)
    frames = []
    while len(frames) < seconds * camera.fps and (frame := camera.read()) is not None:
        frames.append(frame.pixels)
    camera.close()
    return frames, camera.fps


def compare(run: Path, frames: list[Pixels], fps: float, seconds: float) -> None:
    card = read_artifact(run)
    forms = [form for form, name in RUNNABLE.items() if name in card.forms]
    baseline = keras_predict(run, card.size)

    def circle(length: float = seconds) -> Circle:
        return Circle(frames, fps, seconds=length)

    print(f"\n{run.name}: input {card.size} px")
    print(f"{'':40}{'fps':>8}{'model ms':>10}{'age p50 ms':>12}{'age p95 ms':>12}{'bound ms':>10}")
    notebook_fps = None
    for name, paced in (("throughput", False), ("paced", True)):
        if baseline is not None:
            one_thread(baseline, circle(0.5), paced=False, seconds=60)  # the first calls trace the graph
            measured = one_thread(baseline, circle(), paced=paced, seconds=seconds)
            notebook_fps = notebook_fps or measured.fps
            print(measured.row(f"{name}: notebook, model.predict"))
        for form in forms:
            if not paced:
                predictor = load(run, form=form)
                predictor(frames[0])
                alone = one_thread(predictor, circle(), paced=False, seconds=seconds)
                print(alone.row(f"{name}: ours, {form}, one thread"))
            measured = (ours_paced if paced else ours_fast)(run, form, circle())
            bound_ms = 2000 / fps + measured.model_ms if paced else None
            print(measured.row(f"{name}: ours, {form}, three threads", bound_ms=bound_ms))
            if notebook_fps and not paced:
                print(f"{'':40}{measured.fps / notebook_fps:7.1f}x the notebook's frames a second")


class SoakView:
    """Takes the drawn pictures and notes how old each is."""

    name = "soak"
    wants_pictures = True
    wants_numbers = True

    def __init__(self, camera: Circle) -> None:
        self.ages_ms: list[float] = []
        self.lock = threading.Lock()
        self._camera = camera

    def show(self, pixels: Pixels) -> None:
        index = int.from_bytes(pixels[-1, -1].tobytes(), "little")
        arrived_at = self._camera.started_at + index / self._camera.fps
        with self.lock:
            self.ages_ms.append((time.perf_counter() - arrived_at) * 1000)

    def tell(self, state: LiveState) -> None:
        pass

    def commands(self) -> Sequence[Request]:
        return ()

    def close(self) -> None:
        pass


def memory_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


@contextmanager
def every_minute(view: SoakView, ended: threading.Event) -> Iterator[None]:
    def watch() -> None:
        minute, processor_seconds, at = 0, time.process_time(), time.perf_counter()
        while not ended.wait(60):
            minute += 1
            with view.lock:
                ages_ms, view.ages_ms = view.ages_ms, []
            spent, processor_seconds = time.process_time() - processor_seconds, time.process_time()
            took, at = time.perf_counter() - at, time.perf_counter()
            p50, p95 = (float(np.percentile(ages_ms, percent)) for percent in (50, 95)) if ages_ms else (0.0, 0.0)
            numbers = f"{len(ages_ms) / took:8.1f}{p50:12.1f}{p95:12.1f}{memory_mb():12.1f}"
            print(f"{minute:>6}{numbers}{threading.active_count():>9}{100 * spent / took:>7.0f}", flush=True)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def soak(model: Path, frames: list[Pixels], fps: float, minutes: float) -> None:
    camera = Circle(frames, fps, seconds=minutes * 60 + 2)
    view = SoakView(camera)
    screen.window_problem = lambda: None  # nobody looks, so no screen is needed
    print(f"{model}, {minutes:g} minutes, drawn")
    print(f"{'minute':>6}{'fps':>8}{'age p50 ms':>12}{'age p95 ms':>12}{'memory MB':>12}{'threads':>9}{'cpu %':>7}")
    with every_minute(view, threading.Event()):
        result = run_live(
            model, LiveOptions(view="window"), open_source=lambda source: camera, open_window=lambda title: view
        )
    print(
        f"{result.frames_shown} shown of {result.frames_read} read, {result.frames_dropped} dropped, "
        f"model {result.model_ms} ms, {result.objects_seen} objects"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, action="append", default=[])
    parser.add_argument("--random", action="append", default=[], metavar="BACKBONE:SIZE")
    parser.add_argument("--source", required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    options = parser.parse_args()
    if not options.run and not options.random:
        parser.error("give a --run, a --random, or both")
    frames, fps = frames_of(options.source, options.seconds)
    height, width = frames[0].shape[:2]
    print(f"{width}x{height} at {fps:g} fps, {cv2.getNumThreads()} cores, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        runs = list(options.run)
        for text in options.random:
            backbone, _, size = text.partition(":")
            runs.append(random_run(Path(folder), backbone, int(size or 224), frames))
        for run in runs:
            if options.soak is not None:
                soak(run, frames, fps, options.soak)
            else:
                compare(run, frames, fps, options.seconds)


if __name__ == "__main__":
    main()

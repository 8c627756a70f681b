"""Steadied boxes against raw ones: how much they shake, how far off they are, how late they come.

    python benchmarks/track.py --model runs/detect/1 --source clips/milk.mkv [more sources]

For each source, the largest object of every frame. The model is asked at every frame, every 2nd, 3rd and
6th; in between the box is what each way makes of it: `raw` stays where it was found, `kalman` is
what live shows (thirtyfold.predict.track), `1 euro` is the filter of Casiez et al. (2012) with the
speed that it measures itself. All three are measured against the same path, smoothed with what came
before *and after* (a parabola fitted over ±0.2 s), which nobody has while live:

shake    second difference of centre and size from frame to frame, pixels (root mean square)
off      distance to the smooth path, pixels (root mean square over centre and size)
late     how many milliseconds the box trails the smooth path (least squares along its speed)
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from thirtyfold.capture.camera import open_camera
from thirtyfold.predict.detectors import find_model, open_detector
from thirtyfold.predict.matching import iou
from thirtyfold.predict.track import Tracker, TrackSettings
from thirtyfold.sample import Annotation, BoxXyxy, box_area
from thirtyfold.workspace import DEFAULT_RUNS

LOOKS = (1, 2, 3, 6)
SETTLING_SECONDS = 0.2
Path4 = list[tuple[float, BoxXyxy]]


class Way(Protocol):
    def found(self, box_xyxy: BoxXyxy, seconds: float) -> None: ...

    def at(self, seconds: float) -> BoxXyxy: ...


class Raw:
    def found(self, box_xyxy: BoxXyxy, seconds: float) -> None:
        self._box = box_xyxy

    def at(self, seconds: float) -> BoxXyxy:
        return self._box


class Kalman:
    def __init__(self) -> None:
        self._tracker = Tracker(TrackSettings(min_hits=1, keep_seconds=9.0, min_iou=0.01))

    def found(self, box_xyxy: BoxXyxy, seconds: float) -> None:
        self._tracker.update([Annotation.from_box("", box_xyxy, score=1.0)], seconds, threshold=0.5)

    def at(self, seconds: float) -> BoxXyxy:
        # A leap of the box begins a new object, which is then the one to look at.
        return self._tracker.at(seconds)[-1].annotation.box_xyxy


class OneEuro:
    """Corner by corner, in units of the first box's side, so that one setting suits every size."""

    def __init__(self, *, min_cutoff_hz: float = 4.0, beta: float = 5.0, speed_cutoff_hz: float = 1.0) -> None:
        self._min_cutoff_hz, self._beta, self._speed_cutoff_hz = min_cutoff_hz, beta, speed_cutoff_hz
        self._box, self._last, self._speed = np.zeros(4), np.zeros(4), np.zeros(4)
        self._side, self._seconds = 0.0, 0.0

    def found(self, box_xyxy: BoxXyxy, seconds: float) -> None:
        box = np.asarray(box_xyxy, np.float64)
        if not self._side:
            self._box, self._last, self._seconds = box, box, seconds
            self._side = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
            return
        step = seconds - self._seconds
        speed = (box - self._last) / step
        self._speed = self._speed + self._share(np.full(4, self._speed_cutoff_hz), step) * (speed - self._speed)
        cutoff_hz = self._min_cutoff_hz + self._beta * np.abs(self._speed) / self._side
        self._box = self._box + self._share(cutoff_hz, step) * (box - self._box)
        self._last, self._seconds = box, seconds

    def at(self, seconds: float) -> BoxXyxy:
        left, top, right, bottom = self._box + self._speed * (seconds - self._seconds)
        return float(left), float(top), float(right), float(bottom)

    @staticmethod
    def _share(cutoff_hz: NDArray[np.float64], step_seconds: float) -> NDArray[np.float64]:
        return np.asarray(1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_seconds)))


WAYS: dict[str, Callable[[], Way]] = {"raw": Raw, "kalman": Kalman, "1 euro": OneEuro}


def path_of(source: str, model: str) -> Path4:
    """The box of the largest object of every frame, as long as it is the same one."""
    detector, camera = open_detector(find_model(model, DEFAULT_RUNS)), open_camera(source)
    path: Path4 = []
    longest: Path4 = []
    while (frame := camera.read()) is not None:
        found = detector(frame.pixels)
        box = max((annotation.box_xyxy for annotation in found), key=box_area, default=None)
        if box is None or (path and iou(path[-1][1], box) < 0.3):
            longest, path = max(longest, path, key=len), []
        if box is not None:
            path.append((frame.seconds, box))
    camera.close()
    return max(longest, path, key=len)


def centre_wh(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    left, top, right, bottom = boxes_xyxy.T
    return np.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])


def smoothed(seconds: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    fitted = np.empty_like(values)
    for index, now in enumerate(seconds):
        near = np.abs(seconds - now) <= 0.2
        weights = 1 - (np.abs(seconds[near] - now) / 0.21) ** 2
        degree = 2 if near.sum() > 4 else 1
        fitted[index] = np.polyfit(seconds[near] - now, values[near], degree, w=weights)[-1]
    return fitted


def measured(path: Path4, way: Way, every: int) -> tuple[float, float, float]:
    """(shake px, off px, late ms)"""
    seconds = np.array([at for at, _ in path])
    shown = []
    for index, (at, box_xyxy) in enumerate(path):
        if index % every == 0:
            way.found(box_xyxy, at)
        shown.append(way.at(at))
    lines, truth = centre_wh(np.array(shown)), centre_wh(np.array([box for _, box in path]))
    smooth = np.stack([smoothed(seconds, line) for line in truth])
    settled = seconds - seconds[0] >= SETTLING_SECONDS
    off = (lines - smooth)[:, settled]
    speed = np.gradient(smooth, seconds, axis=1)[:, settled]
    shake = np.diff(lines[:, settled], 2, axis=1)
    late = 1000 * float((speed * -off).sum() / (speed**2).sum())
    return float(np.sqrt((shake**2).mean())), float(np.sqrt((off**2).mean())), late


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--source", nargs="+", required=True)
    options = parser.parse_args()
    paths = {Path(source).name: path_of(source, options.model) for source in options.source}
    header = f"{'look at every':>14}{'way':>9}{'shake px':>10}{'off px':>9}{'late ms':>9}"
    rows: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for name, path in paths.items():
        print(f"{name}: {len(path)} frames\n{header}")
        for every in LOOKS:
            for way, make in WAYS.items():
                row = measured(path, make(), every)
                rows.setdefault((every, way), []).append(row)
                print(f"{every:>14}{way:>9}{row[0]:>10.2f}{row[1]:>9.2f}{row[2]:>9.1f}")
    if len(paths) > 1:
        print(f"all {len(paths)}, mean\n{header}")
        for (every, way), several in rows.items():
            shake, off, late = np.mean(several, axis=0)
            print(f"{every:>14}{way:>9}{shake:>10.2f}{off:>9.2f}{late:>9.1f}")


if __name__ == "__main__":
    main()

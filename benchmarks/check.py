"""`check` on many photos: images a second and the most memory it held, beside plain decoding.

    python benchmarks/check.py [PHOTOS]          default 10,000 of 640x480, about 1 GB on disk

The photos are drawn (a few hundred scenes, each cut, lit and compressed anew), every one
labelled. Plain decoding is the same files, read and decoded whole by OpenCV on one thread:
what any program that looks at every photo has to pay.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from tests.drawn import draw_photo, write_label
from thirtyfold import files
from thirtyfold.images import encode_jpeg

_SCENES = 200
_WIDTH, _HEIGHT = 640, 480
_MEASURED = """
import re, sys, time
from pathlib import Path
root = Path(sys.argv[1])
busy = time.process_time()
{work}
seconds = time.perf_counter() - started
# Not getrusage: its figure starts with that of the process that started this one.
kilobytes = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(seconds, time.process_time() - busy, int(kilobytes) / 1024)
"""
_DECODE = """
from thirtyfold.images import read_rgb
from thirtyfold.workspace import Dataset
started = time.perf_counter()
for path in Dataset(root).image_paths():
    read_rgb(path)
"""
_CHECK = """
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.check.run import check_dataset
from thirtyfold.workspace import Dataset
started = time.perf_counter()
check_dataset(Dataset(root), CheckOptions(page={page}, workers={workers}))
"""


def write_photos(root: Path, count: int) -> None:
    """``count`` labelled photos, no two the same."""
    random = np.random.default_rng(0)
    scenes = [draw_photo(seed, width=_WIDTH + 40, height=_HEIGHT + 40) for seed in range(_SCENES)]
    for number in range(count):
        pixels, annotations = scenes[number % _SCENES]
        x, y = (int(value) for value in random.integers(0, 40, 2))
        cut = cv2.convertScaleAbs(pixels[y : y + _HEIGHT, x : x + _WIDTH], alpha=float(random.uniform(0.6, 1.3)))
        path = root / "images" / f"{number:06d}.jpg"
        files.write_bytes(path, encode_jpeg(cut, quality=int(random.integers(85, 96))), durable=False)
        write_label(path, annotations, width=_WIDTH, height=_HEIGHT)


def measure(root: Path, work: str) -> tuple[float, float, float]:
    """(seconds, seconds of CPU with the imports, megabytes at the highest) of a process of its own."""
    code = _MEASURED.format(work=work)
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    seconds, busy, megabytes = done.stdout.split()
    return float(seconds), float(busy), float(megabytes)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory(prefix="check-bench-") as folder:
        root = Path(folder)
        started = time.perf_counter()
        write_photos(root, count)
        size = sum(path.stat().st_size for path in root.rglob("*")) / 1e6
        print(f"{count} photos of {_WIDTH}x{_HEIGHT}, {size:.0f} MB, drawn in {time.perf_counter() - started:.0f} s\n")
        print(f"{'':34}{'seconds':>9}{'photos/s':>10}{'ratio':>7}{'CPU s':>8}{'peak MB':>9}")
        baseline = 0.0
        for title, work in (
            ("decoding only, OpenCV, 1 thread", _DECODE),
            ("check --no-html, 1 thread", _CHECK.format(page=False, workers=1)),
            ("check --no-html", _CHECK.format(page=False, workers=0)),
            ("check, with its page", _CHECK.format(page=True, workers=0)),
        ):
            seconds, busy, megabytes = measure(root, work)
            baseline = baseline or seconds
            print(
                f"{title:34}{seconds:9.1f}{count / seconds:10.0f}{baseline / seconds:7.1f}{busy:8.1f}{megabytes:9.0f}"
            )
        page = root / "check.html"
        print(f"\nthe page: {page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

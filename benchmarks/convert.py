"""How fast 10,000 photos change their format, and how much memory that takes.

    python benchmarks/convert.py [--photos 10000]

The photos are tiny (64 x 48): what is measured is the labels, as pixels are never decoded. Each
conversion runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.formats.convert import convert
from thirtyfold.datasets.formats.convert_options import ConvertOptions
from thirtyfold.images import encode_jpeg
from thirtyfold.sample import Annotation

# From, to; each source is what the conversion before it left.
ROAD = [
    ("labelme", "coco"),
    ("coco", "yolo"),
    ("yolo", "voc"),
    ("voc", "masks"),
    ("masks", "labelme"),
]


def make(root: Path, count: int) -> None:
    """A labelme folder of small photos, a box and a polygon each."""
    random = np.random.default_rng(0)
    data = [encode_jpeg(random.integers(0, 255, (48, 64, 3), np.uint8)) for _ in range(20)]
    (root / "images").mkdir(parents=True)
    for number in range(count):
        left, top = (float(value) for value in random.uniform(0, 20, 2))
        corners = random.uniform((40, 25), (60, 45), (8, 2))
        shapes = (
            Annotation.from_box("face", (left, top, left + 15, top + 15)),
            Annotation(label="hand", kind="polygon", points=tuple((float(x), float(y)) for x, y in corners)),
        )
        path = root / "images" / f"{number:05d}.jpg"
        path.write_bytes(data[number % len(data)])
        label_file = labelme_json.LabelFile(image_path=path.name, width=64, height=48, annotations=shapes)
        files.write_json(path.with_suffix(".json"), labelme_json.to_dict(label_file), durable=False)


def one(source: Path, target: Path, to: str) -> None:
    """One conversion, its figures as JSON on stdout."""
    before_mb = peak_mb()
    start = time.perf_counter()
    result = convert(source, target, ConvertOptions(to=to))
    seconds = time.perf_counter() - start
    figures = {"seconds": seconds, "photos": result.photos, "peak_mb": peak_mb(), "before_mb": before_mb}
    print(json.dumps(figures))


def peak_mb() -> float:
    """The most memory that this process has held."""
    # Not getrusage: its figure starts with that of the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--one", nargs=3, metavar=("SOURCE", "TARGET", "TO"))
    options = parser.parse_args()
    if options.one:
        one(Path(options.one[0]), Path(options.one[1]), options.one[2])
        return
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make(root / "labelme", options.photos)
        print("| from | to | photos/s | peak MB | of which before |\n|---|---|---|---|---|")
        source = root / "labelme"
        for from_, to in ROAD:
            target = root / f"{from_}-{to}"
            command = [sys.executable, __file__, "--one", str(source), str(target), to]
            figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            speed = figures["photos"] / figures["seconds"]
            print(
                f"| {from_} | {to} | {speed:.0f} | {figures['peak_mb']:.0f} | {figures['before_mb']:.0f} |", flush=True
            )
            source = target


if __name__ == "__main__":
    main()

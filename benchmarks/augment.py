"""How fast photos are multiplied, against the loop that people write first.

    python benchmarks/augment.py [FOLDER_OF_LABELLED_PHOTOS] [--photos 72] [--factor 30] [--rounds 3] [--work FOLDER]

Every row makes the same number of copies with the six transforms of the ``seed`` recipe
(the last rows: ``webcam``) into a fresh folder of loose JPEG and JSON files, each in a fresh
Python: loading the libraries and starting the processes is counted. Rows take turns within a
round, as the machine's speed drifts; the median of the rounds is printed. The time of the
processors, which other programs disturb less, stands beside it, and the load of the machine
when the row began. Without a folder the photos are drawn: quicker to encode than real ones.

Nothing is deleted before the last row is done. An ext4 without a journal, as containers and
virtual machines often have, won't reuse the inodes of deleted files for minutes, and looks past
them one by one whenever a file is made: deleting a row's files makes the next row many times slower.
For the same reason a folder in memory (``--work /dev/shm``) gives steadier figures than a disk in use.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

from thirtyfold.augment.options import AugmentOptions
from thirtyfold.datasets.samples import read_samples
from thirtyfold.workspace import Dataset


def usual_loop(dataset: Dataset, factor: int) -> None:
    """One process, decode once a photo, albumentations with box bookkeeping, imwrite and json.dump."""
    import albumentations as A  # noqa: N812
    import cv2

    pipeline = A.Compose(
        [
            A.RandomCrop(width=450, height=450),
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(p=0.2),
            A.RandomGamma(p=0.2),
            A.RGBShift(p=0.2),
            A.VerticalFlip(p=0.5),
        ],
        bbox_params=A.BboxParams(format="albumentations", label_fields=["labels"]),
    )
    target = dataset.root / "loop"
    target.mkdir()
    for sample in read_samples(dataset):
        photo = cv2.imread(str(sample.image_path))
        boxes = [item.box_xyxy for item in sample.annotations or ()]
        size = (sample.width, sample.height, sample.width, sample.height)
        shares = [[value / side for value, side in zip(box, size, strict=True)] for box in boxes]
        for copy in range(factor):
            done = pipeline(image=photo, bboxes=shares, labels=["face"] * len(shares))
            name = f"{sample.image_path.stem}.{copy}"
            cv2.imwrite(str(target / f"{name}.jpg"), done["image"], [cv2.IMWRITE_JPEG_QUALITY, 95])
            label = {"image": f"{name}.jpg", "bbox": [list(map(float, box)) for box in done["bboxes"]]}
            with (target / f"{name}.json").open("w") as stream:
                json.dump(label, stream)


def ours(recipe: str, workers: int) -> Callable[[Dataset, int], None]:
    def run(dataset: Dataset, factor: int) -> None:
        from thirtyfold.augment.writer import augment_dataset

        augment_dataset(dataset, AugmentOptions(factor=factor, recipe=recipe, workers=workers))

    return run


ROWS: dict[str, Callable[[Dataset, int], None]] = {
    "the usual loop": usual_loop,
    "thirtyfold, seed recipe, 1 process": ours("seed", 1),
    "thirtyfold, seed recipe, 2 processes": ours("seed", 2),
    "thirtyfold, webcam recipe, 1 process": ours("webcam", 1),
    "thirtyfold, webcam recipe, 2 processes": ours("webcam", 2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--photos", type=int, default=72)
    parser.add_argument("--factor", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="where the copies go for a while; a fresh folder in it")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row:
        ROWS[asked.row](Dataset(asked.folder), asked.factor)
        print(_cpu_seconds())
        return
    with tempfile.TemporaryDirectory(dir=asked.work) as work:
        source = Path(work) / "source"
        _collect(source / "images", asked.folder, asked.photos)
        photos = _split(Dataset(source))
        for name in ROWS:  # warms the disk's cache
            _measure(name, source, Path(work) / "warm-up" / name, 1)
        print(f"{photos * asked.factor:,} copies of {photos} photos, {os.cpu_count()} cores, start of Python included")
        measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ROWS}
        for number in range(asked.rounds):
            for name in ROWS:
                measured[name].append(_measure(name, source, Path(work) / str(number) / name, asked.factor))
        _print_table(measured, photos * asked.factor)


def _print_table(measured: dict[str, list[tuple[float, float, float]]], copies: int) -> None:
    base, base_cpu = (statistics.median(column) for column in list(zip(*measured["the usual loop"], strict=True))[:2])
    for name, rows in measured.items():
        seconds, cpu_seconds, load = (statistics.median(column) for column in zip(*rows, strict=True))
        print(
            f"{name:40s} {copies / seconds:7.0f} images/s  {base / seconds:5.2f} x  "
            f"{cpu_seconds / copies * 1000:5.2f} ms of CPU a copy  {base_cpu / cpu_seconds:5.2f} x  load {load:.1f}"
        )


def _measure(row: str, source: Path, folder: Path, factor: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, and the machine's load before."""
    shutil.copytree(source, folder)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, str(folder), "--row", row, "--factor", str(factor)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return time.perf_counter() - started, float(done.stdout), load


def _cpu_seconds() -> float:
    """Of this process, its children, and the children of those, as far as the system tells."""
    seconds = sum(os.times()[:4])
    if not Path("/proc/self/stat").exists():
        return seconds
    # Workers are children of the process that forks them, which is still there: its account holds theirs.
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(values[1]) == os.getpid():
            seconds += sum(map(int, values[11:15])) / os.sysconf("SC_CLK_TCK")
    return seconds


def _split(dataset: Dataset) -> int:
    """All photos to the train part; how many there are."""
    from thirtyfold.datasets.split_options import SplitOptions
    from thirtyfold.datasets.split_plan import split_dataset

    return len(split_dataset(dataset, SplitOptions(val=0, test=0, group_by=".")).names("train"))


def _collect(images: Path, folder: Path | None, count: int) -> None:
    from tests.drawn import draw_photo, write_label
    from thirtyfold.images import write_jpeg

    images.mkdir(parents=True)
    if folder is None:
        for number in range(count):
            pixels, annotations = draw_photo(number, width=640, height=480)
            path = images / f"{number:04d}.jpg"
            write_jpeg(path, pixels)
            write_label(path, annotations, width=640, height=480)
        return
    for path in sorted(folder.glob("*.json"))[:count]:
        shutil.copy(path, images)
        shutil.copy(path.with_suffix(".jpg"), images)


if __name__ == "__main__":
    main()

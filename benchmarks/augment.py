"""How fast photos are multiplied, against the loop that people write first.

    python benchmarks/augment.py [FOLDER_OF_LABELLED_PHOTOS] [--photos 20] [--factor 30] [--rounds 3]

Every row makes the same number of copies with the six transforms of the ``seed`` recipe
(the last rows: ``webcam``) into a fresh folder of loose JPEG and JSON files. Rows take turns
within a round, as the machine's speed drifts; the median of the rounds is printed. The
time of the processors, which other programs disturb less, stands beside it.
Without a folder the photos are drawn: quicker to encode than real ones.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.drawn import draw_photo, write_label
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.images import write_jpeg
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
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--factor", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "source"
        _collect(source / "images", asked.folder, asked.photos)
        split_dataset(Dataset(source), SplitOptions(val=0, test=0, group_by="."))
        copies = asked.photos * asked.factor
        seconds: dict[str, list[float]] = {name: [] for name in ROWS}
        cpu_seconds: dict[str, list[float]] = {name: [] for name in ROWS}
        for round_number in range(-1, asked.rounds):  # the first one warms up: imports, the disk's cache
            for name, run in ROWS.items():
                dataset = Dataset(Path(work) / "run")
                shutil.copytree(source, dataset.root)
                started, cpu_started = time.perf_counter(), sum(os.times()[:4])
                run(dataset, asked.factor if round_number >= 0 else 2)
                if round_number >= 0:
                    seconds[name].append(time.perf_counter() - started)
                    cpu_seconds[name].append(sum(os.times()[:4]) - cpu_started)
                shutil.rmtree(dataset.root)
    base = statistics.median(seconds["the usual loop"])
    print(f"{copies:,} copies of {asked.photos} photos, {os.cpu_count()} cores, start of the processes included")
    for name, measured in seconds.items():
        middle = statistics.median(measured)
        cpu_ms = statistics.median(cpu_seconds[name]) / copies * 1000
        print(f"{name:40s} {copies / middle:7.0f} images/s  {base / middle:5.2f} x  {cpu_ms:5.2f} ms of CPU a copy")


def _collect(images: Path, folder: Path | None, count: int) -> None:
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

"""How fast photos are multiplied, against the loop that people write first.

    python benchmarks/augment.py [FOLDER_OF_LABELLED_PHOTOS] [--photos 72] [--factor 30] [--rounds 3] [--work FOLDER]
    python benchmarks/augment.py FOLDER --profile [--recipe seed]

Every row makes the same number of copies with the six transforms of the ``seed`` recipe
(the last rows: ``webcam``) into a fresh folder, of loose JPEG and JSON files or of shards, each in a fresh
Python: loading the libraries and starting the processes is counted. Rows take turns within a
round, as the machine's speed drifts; the median of the rounds is printed. Beside it stands what a further copy
costs once all is running (the same row with a single copy a photo, subtracted): what counts for larger datasets.
The time of the processors, which other programs disturb less, and the load of the machine when the row began
stand there too. Without a folder the photos are drawn: quicker to encode than real ones. A folder with fewer photos
than asked for gives all it has, under new names until there are enough.

``--profile`` takes one process and prints where a copy's time goes, by running each stage alone.

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
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

from thirtyfold.augment.options import AugmentOptions
from thirtyfold.datasets.samples import read_samples
from thirtyfold.workspace import Dataset

Measured = tuple[float, float, float, float]


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


def ours(recipe: str, workers: int, store: str = "files", size: int = 0) -> Callable[[Dataset, int], None]:
    def run(dataset: Dataset, factor: int) -> None:
        from thirtyfold.augment.writer import augment_dataset

        options = AugmentOptions(factor=factor, recipe=recipe, workers=workers, store=store, shard_size=size)
        augment_dataset(dataset, options)

    return run


USUAL = "the usual loop"
ROWS: dict[str, Callable[[Dataset, int], None]] = {
    USUAL: usual_loop,
    "seed, files, 1 process": ours("seed", 1),
    "seed, files, 2 processes": ours("seed", 2),
    "seed, shards, 1 process": ours("seed", 1, "shards"),
    "seed, shards, 2 processes": ours("seed", 2, "shards"),
    "seed, shards of 224 px, 1 process": ours("seed", 1, "shards", 224),
    "seed, shards of 224 px, 2 processes": ours("seed", 2, "shards", 224),
    "webcam, files, 2 processes": ours("webcam", 2),
    "webcam, shards of 224 px, 2 processes": ours("webcam", 2, "shards", 224),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--photos", type=int, default=72)
    parser.add_argument("--factor", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="where the copies go for a while; a fresh folder in it")
    parser.add_argument("--only", default="", help="only rows whose name holds this, and the usual loop")
    parser.add_argument("--profile", action="store_true", help="where a copy's time goes, in one process")
    parser.add_argument("--recipe", default="seed", help="of the --profile")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row:
        ROWS[asked.row](Dataset(asked.folder), asked.factor)
        print(_cpu_seconds())
        return
    with tempfile.TemporaryDirectory(dir=asked.work) as work:
        source = Path(work) / "source"
        collect_photos(source / "images", asked.folder, asked.photos)
        photos = put_all_into_train(Dataset(source))
        if asked.profile:
            profile(Dataset(source), asked.recipe, Path(work) / "profile")
            return
        rows = [name for name in ROWS if name == USUAL or asked.only in name]
        for name in rows:  # warms the disk's cache
            _measure(name, source, Path(work) / "warm-up" / name, 1)
        print(f"{photos * asked.factor:,} copies of {photos} photos, {os.cpu_count()} cores, start of Python included")
        whole: dict[str, list[Measured]] = {name: [] for name in rows}
        start: dict[str, list[Measured]] = {name: [] for name in rows}
        for number in range(asked.rounds):
            for name in rows:
                whole[name].append(_measure(name, source, Path(work) / str(number) / name, asked.factor))
                start[name].append(_measure(name, source, Path(work) / f"{number}-start" / name, 1))
        _print_table(whole, start, photos, asked.factor)


def _print_table(whole: dict[str, list[Measured]], start: dict[str, list[Measured]], photos: int, factor: int) -> None:
    copies, further = photos * factor, photos * (factor - 1)
    print(f"{'':40s} {'the whole run':>24s} {'once it runs':>24s} {'CPU a further copy':>24s}  load  on disk")
    base: list[float] = []
    for name, rows in whole.items():
        seconds, cpu_seconds, load, megabytes = (statistics.median(column) for column in zip(*rows, strict=True))
        first = [statistics.median(column) for column in zip(*start[name], strict=True)]
        times = [seconds / copies, (seconds - first[0]) / further, (cpu_seconds - first[1]) / further]
        base = base or times
        ratios = [mine / other for mine, other in zip(base, times, strict=True)]
        print(
            f"{name:40s} {1 / times[0]:7.0f} images/s {ratios[0]:5.2f} x"
            f"  {1 / times[1]:7.0f} images/s {ratios[1]:5.2f} x"
            f"  {times[2] * 1e6:10.0f} µs {ratios[2]:7.2f} x  {load:4.1f}  {megabytes:5.0f} MB"
        )


def profile(dataset: Dataset, recipe_name: str, folder: Path) -> None:
    """Run each stage of a copy alone, over the same copies, and print its processor time."""
    from thirtyfold.augment.engines import tune_process
    from thirtyfold.augment.recipes import find_recipe
    from thirtyfold.augment.shrink import shrink
    from thirtyfold.augment.transform import copy_seed, make_copy
    from thirtyfold.datasets import labelme_json, shards
    from thirtyfold.datasets.labelme_json import LabelFile
    from thirtyfold.datasets.storage import LocalFolder
    from thirtyfold.images import encode_jpeg, read_rgb

    tune_process()
    recipe, samples, copies = find_recipe(recipe_name), read_samples(dataset)[:24], 12
    photos = [read_rgb(sample.image_path) for sample in samples]
    out = LocalFolder(folder)
    asked = [(photo, sample, copy) for photo, sample in zip(photos, samples, strict=True) for copy in range(copies)]

    def stage(name: str, work: Callable[[], list[Any]], pieces: int = 0) -> list[Any]:
        work()
        taken = []
        for _ in range(5):
            started = time.process_time()
            done = work()
            taken.append(time.process_time() - started)
        print(f"{name:46s} {min(taken) / (pieces or len(asked)) * 1e6:7.0f} µs")
        return done

    print(f"recipe {recipe.name}, {len(asked)} copies, least of 5 rounds, processor time a copy")
    stage("read the photo, a thirtieth", lambda: [read_rgb(sample.image_path) for sample in samples], 30 * len(samples))
    made = stage(
        "transform pixels and shapes",
        lambda: [
            make_copy(photo, sample.annotations or (), recipe, copy_seed(0, sample.image_path.name, copy))
            for photo, sample, copy in asked
        ],
    )
    jpegs = stage("encode as JPEG 95", lambda: [encode_jpeg(copy.pixels) for copy in made])
    labels = [
        LabelFile(
            image_path=f"{number}.jpg",
            width=copy.pixels.shape[1],
            height=copy.pixels.shape[0],
            annotations=copy.annotations,
        )
        for number, copy in enumerate(made)
    ]
    lines = stage("labels to JSON", lambda: [labelme_json.to_line(label_file) for label_file in labels])
    numbered = list(enumerate(zip(jpegs, lines, strict=True)))

    def write() -> list[Any]:
        for number, (jpeg, line) in numbered:
            out.write(f"{number}.jpg", [jpeg], durable=False)
            out.write(f"{number}.json", [line], durable=False)
        return []

    stage("write two files", write)
    pairs = list(zip(jpegs, labels, strict=True))
    records = stage("shards: make the record", lambda: [shards.to_record(*pair) for pair in pairs])
    stage("shards: write it", lambda: [out.write("a.tfrecord", records)])
    small = stage("shards of 224 px: scale down", lambda: [shrink(copy.pixels, copy.annotations, 224) for copy in made])
    stage("shards of 224 px: encode as JPEG 95", lambda: [encode_jpeg(pixels) for pixels, _, _ in small])


def _measure(row: str, source: Path, folder: Path, factor: int) -> Measured:
    """Seconds, seconds of CPU, the machine's load before, and megabytes written."""
    shutil.copytree(source, folder)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, str(folder), "--row", row, "--factor", str(factor)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds = time.perf_counter() - started
    kept = {path.relative_to(source) for path in source.rglob("*")}
    written = sum(path.stat().st_size for path in folder.rglob("*") if path.relative_to(folder) not in kept)
    return seconds, float(done.stdout), load, written / 1e6


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


def put_all_into_train(dataset: Dataset) -> int:
    """All photos to the train part; how many there are."""
    from thirtyfold.datasets.split_options import SplitOptions
    from thirtyfold.datasets.split_plan import split_dataset

    return len(split_dataset(dataset, SplitOptions(val=0, test=0, group_by=".")).names("train"))


def collect_photos(images: Path, folder: Path | None, count: int) -> None:
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
    paths = sorted(folder.glob("*.json"))
    for number in range(count):
        path, again = paths[number % len(paths)], number // len(paths)
        name = f"{path.stem}-{again}" if again else path.stem
        labels = path.read_text(encoding="utf-8").replace(path.with_suffix(".jpg").name, f"{name}.jpg")
        (images / f"{name}.json").write_text(labels, encoding="utf-8")
        shutil.copy(path.with_suffix(".jpg"), images / f"{name}.jpg")


if __name__ == "__main__":
    main()

"""What copies made while a model trains cost, against copies that lie on the disk.

    python benchmarks/online.py [FOLDER_OF_LABELLED_PHOTOS] [--photos 40] [--factor 30] [--recipe webcam]
                                [--backbone mobilenetv2] [--size 96] [--weights FILE] [--epochs 2]

Both ways in one run, on the same photos: seconds before the first epoch (writing the copies; reading
squares; the features of a frozen backbone) and seconds an epoch, the first left out as it compiles.
``none`` as weights trains everything, so that nothing can be stored; a file freezes the backbone, whose features of
copies on the disk are computed once, and of copies made online in every epoch. A last line is what making and
squaring the copies of an epoch takes by itself, by one thread and by two.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.augment import collect_photos, put_all_into_train
from thirtyfold.augment.online import augmenter_of
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets.samples import read_samples
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import SILENT, Bar, Silent
from thirtyfold.workspace import Dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--factor", type=int, default=30)
    parser.add_argument("--recipe", default="webcam")
    parser.add_argument("--backbone", default="mobilenetv2")
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--weights", default="none")
    parser.add_argument("--epochs", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        dataset = Dataset(Path(work) / "faces")
        collect_photos(dataset.root / "images", asked.folder, asked.photos)
        photos = put_all_into_train(dataset)
        print(f"{photos} photos, {photos * (asked.factor + 1):,} pictures an epoch; {asked.backbone}, {asked.size} px")
        common: dict[str, Any] = {
            "backbone": asked.backbone, "alpha": asked.alpha, "size": asked.size, "weights": asked.weights,
            "epochs": asked.epochs + 1, "fine_tune": "never", "cache": False,
        }  # fmt: skip
        online = TrainOptions(**common, augment="online", recipe=asked.recipe, factor=asked.factor)
        print(_line("online", 0.0, *_train(dataset, online, Path(work) / "online")))
        started = time.perf_counter()
        augment_dataset(dataset, AugmentOptions(factor=asked.factor, recipe=asked.recipe))
        written = time.perf_counter() - started
        print(_line("copies", written, *_train(dataset, TrainOptions(**common), Path(work) / "copies")))
        for threads in (1, 2):
            print(
                f"copies and squares of an epoch alone, {threads} threads: {_squares(dataset, asked, threads):6.1f} s"
            )


def _line(way: str, written: float, before: float, epoch: float) -> str:
    return f"{way}: copies written {written:6.1f} s, inputs {before:6.1f} s, an epoch {epoch:6.1f} s"


def _train(dataset: Dataset, options: TrainOptions, run_dir: Path) -> tuple[float, float]:
    """Seconds before the epochs, and seconds an epoch after the first."""
    from thirtyfold.model.train import import_tensorflow

    import_tensorflow()
    from thirtyfold.model.data import gather
    from thirtyfold.model.devices import open_devices
    from thirtyfold.model.fit import fit
    from thirtyfold.model.online import CopyMaker

    run_dir.mkdir()
    data = gather(dataset, options, SILENT)
    if options.augment == "online":
        maker = CopyMaker(augmenter_of(options.recipe, data.train, options.seed), options.factor)
        data = replace(data, maker=maker)
    weights = None if options.weights == "none" else Path(options.weights)
    devices = open_devices("one", "float32")
    clock = _Clock()
    state = fit(data, options, run_dir, weights, devices, root=dataset.root, progress=clock).state
    return state.seconds["inputs"], sum(clock.epochs[1:]) / len(clock.epochs[1:])


class _Clock(Silent):
    """Notes how long the bar of each epoch was there."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    @contextmanager
    def bar(self, label: str, *, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
        started = time.perf_counter()
        with super().bar(label, total=total, unit=unit) as bar:
            yield bar
        if label.startswith("epoch"):
            self.epochs.append(time.perf_counter() - started)


def _squares(dataset: Dataset, asked: argparse.Namespace, threads: int) -> float:
    from thirtyfold.model.online import CopyMaker, OnlineBatches

    samples = read_samples(dataset)
    maker = CopyMaker(augmenter_of(asked.recipe, samples, 0), asked.factor, threads=threads)
    batches = OnlineBatches(
        samples, maker, lambda sample: {"none": np.zeros(1, np.float32)}, size=asked.size, batch=32, seed=0
    )
    for sample in samples:
        maker.make(sample, 0, None)
    started = time.perf_counter()
    for step in range(len(batches)):
        batches[step]
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

"""Copies made while a model trains: the copies of `augment`, other ones every epoch, the same after a pause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.drawn import write_dataset
from thirtyfold.augment.online import augmenter_of
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets.augmented import read_copies
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import ImageError, UsageError
from thirtyfold.images import encode_jpeg, letterbox, read_rgb
from thirtyfold.model.data import gather
from thirtyfold.model.devices import open_devices
from thirtyfold.model.fit import fit
from thirtyfold.model.online import CopyMaker, OnlineBatches
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.progress import SILENT
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

SIZE, FACTOR = 64, 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    made = Dataset(write_dataset(tmp_path_factory.mktemp("online") / "faces", sessions=2, per_session=3))
    split_dataset(made, SplitOptions(val=0, test=0))
    return made


def encode(sample: Sample) -> Mapping[str, np.ndarray]:
    """The box in pixels of the copy, zeros without one."""
    boxes = [annotation.box_xyxy for annotation in sample.annotations or ()]
    return {"box": np.asarray(boxes[0] if boxes else (0, 0, 0, 0), np.float32)}


def maker_of(dataset: Dataset, **options: int) -> CopyMaker:
    return CopyMaker(augmenter_of("webcam", read_samples(dataset), seed=7), FACTOR, **options)


def batches_of(dataset: Dataset, *, first_epoch: int = 0, **options: int) -> OnlineBatches:
    maker = maker_of(dataset, **options)
    return OnlineBatches(read_samples(dataset), maker, encode, size=SIZE, batch=5, seed=7, first_epoch=first_epoch)


def whole(batches: OnlineBatches) -> list[tuple[bytes, bytes]]:
    """An epoch: every picture and its target, in order."""
    found = []
    for step in range(len(batches)):
        squares, targets = batches[step]
        found += [(square.tobytes(), box.tobytes()) for square, box in zip(squares, targets["box"], strict=True)]
    return found


def test_an_epoch_has_every_photo_once_and_so_many_copies_of_it(dataset: Dataset) -> None:
    epoch = whole(batches_of(dataset))
    assert len(epoch) == 6 * (1 + FACTOR)
    squares = {square for square, _ in epoch}
    for sample in read_samples(dataset):
        assert letterbox(read_rgb(sample.image_path), SIZE)[0].tobytes() in squares
    assert len(squares) == len(epoch)


def test_the_first_epoch_meets_the_copies_that_augment_writes(dataset: Dataset) -> None:
    augment_dataset(dataset, AugmentOptions(factor=FACTOR, seed=7, workers=1))
    maker = maker_of(dataset)
    online = [maker.make(sample, 0, copy) for sample in read_samples(dataset) for copy in range(FACTOR)]
    for written, (pixels, sample) in zip(read_copies(dataset), online, strict=True):
        assert written.parent == sample.image_path.name
        assert (written.width, written.height, written.annotations) == (sample.width, sample.height, sample.annotations)
        assert encode_jpeg(pixels) == written.image_path.read_bytes()


def test_every_epoch_has_other_copies_and_another_order(dataset: Dataset) -> None:
    batches = batches_of(dataset)
    batches.on_epoch_begin()
    first = whole(batches)
    batches.on_epoch_end()
    batches.on_epoch_begin()
    second = whole(batches)
    assert len(set(first) & set(second)) == 6  # the photos themselves
    assert first != second


def test_a_resumed_training_meets_what_an_undisturbed_one_meets(dataset: Dataset) -> None:
    batches = batches_of(dataset)
    for _ in range(3):
        batches.on_epoch_begin()
        batches[0]  # the next step is begun, and has to be forgotten
        batches.on_epoch_end()
    assert whole(batches) == whole(batches_of(dataset, first_epoch=2))


def test_threads_memory_and_order_of_asking_change_nothing(dataset: Dataset) -> None:
    expected = whole(batches_of(dataset, threads=1))
    assert whole(batches_of(dataset, threads=4)) == expected
    assert whole(batches_of(dataset, memory_bytes=0)) == expected
    assert whole(batches_of(dataset, memory_bytes=320 * 240 * 3 * 2)) == expected
    backwards = batches_of(dataset)
    steps = [backwards[step] for step in reversed(range(len(backwards)))]
    assert [square.tobytes() for squares, _ in reversed(steps) for square in squares] == [one for one, _ in expected]


def test_keras_meets_each_epochs_copies_in_their_epoch(dataset: Dataset) -> None:
    # What Keras asks for ahead of time must not be of the wrong epoch, nor the same in every epoch.
    class Seen(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = self.add_weight(shape=())

        def call(self, squares: object) -> object:
            return keras.ops.cast(keras.ops.sum(squares, axis=(1, 2, 3)), "float32") * 0 + self.weight

    met: dict[tuple[int, int], list[bytes]] = {}

    class Recorded(OnlineBatches):
        def __getitem__(self, step: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            squares, targets = super().__getitem__(step)
            met[self._epoch, step] = [square.tobytes() for square in squares]
            return squares, targets["box"][:, 0]

    model = Seen()
    model.compile(loss="mse")
    batches = Recorded(read_samples(dataset), maker_of(dataset), encode, size=SIZE, batch=5, seed=7, first_epoch=1)
    model.fit(batches, epochs=4, initial_epoch=1, shuffle=False, verbose=0)
    for epoch in (1, 2, 3):
        expected = [square for square, _ in whole(batches_of(dataset, first_epoch=epoch))]
        assert [one for step in range(len(batches)) for one in met[epoch, step]] == expected


def test_a_maker_that_is_closed_makes_no_more_copies(dataset: Dataset) -> None:
    maker = maker_of(dataset)
    maker.pool.submit(maker.make, read_samples(dataset)[0], 0, 0).result()
    maker.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        maker.pool.submit(int)


def test_a_photo_that_is_gone_is_named(tmp_path: Path) -> None:
    copy = Dataset(write_dataset(tmp_path / "faces", sessions=1, per_session=2))
    samples, maker = read_samples(copy), maker_of(copy)
    (copy.root / "images" / "0002.jpg").unlink()
    with pytest.raises(ImageError, match=r"0002\.jpg: no such file"):
        maker.make(samples[1], 0, 0)


class StoppedError(Exception):
    pass


@pytest.mark.slow
def test_a_training_that_breaks_off_goes_on_with_the_copies_of_its_next_epoch(
    dataset_to_train: Dataset, tmp_path: Path
) -> None:
    options = TrainOptions(
        backbone="tiny", weights="none", size=64, batch=16, seed=3, epochs=2, augment="online", factor=4
    )
    data = gather(dataset_to_train, options, SILENT)
    make, devices = augmenter_of(options.recipe, data.train, options.seed), open_devices("one", "float32")
    asked: list[int] = []

    def learn(stop_at: int) -> list[dict[str, float]]:
        def until_then(*given: Any) -> Any:
            if given[3] >= stop_at:
                raise StoppedError
            asked.append(given[3])
            return make(*given)

        maker = CopyMaker(until_then, options.factor)
        learned_from, root = replace(data, maker=maker), dataset_to_train.root
        try:
            return fit(learned_from, options, tmp_path, None, devices, root=root, progress=SILENT).state.rows
        finally:
            with pytest.raises(RuntimeError, match="shutdown"):
                maker.pool.submit(int)

    with pytest.raises(Exception, match="StoppedError"):
        learn(options.factor)
    assert set(asked) == {0, 1, 2, 3}
    asked.clear()
    rows = learn(2 * options.factor)
    assert set(asked) == {4, 5, 6, 7}
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["loss"] < rows[0]["loss"]
    assert not dataset_to_train.augmented_dir.exists()


@pytest.fixture
def dataset_to_train(tmp_path: Path) -> Dataset:
    made = Dataset(write_dataset(tmp_path / "faces", sessions=5, per_session=3, empty_every=4))
    split_dataset(made, SplitOptions(val=0.2, test=0.2))
    return made


def test_online_needs_somebody_who_makes_copies_and_its_options_need_online(
    dataset_to_train: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--recipe and --factor: for --augment online only"):
        TrainOptions(factor=5)
    with pytest.raises(UsageError, match=r"--augment onlin: one of copies, online"):
        TrainOptions(augment="onlin")
    options = TrainOptions(backbone="tiny", weights="none", size=64, augment="online")
    with pytest.raises(UsageError, match="works with `thirtyfold train` alone"):
        train(dataset_to_train, options, runs_dir=tmp_path)
    with pytest.raises(UsageError, match=r"one of webcam, .* was expected"):
        train(dataset_to_train, replace(options, recipe="webcan"), runs_dir=tmp_path, augmenter_of=augmenter_of)
    assert not (tmp_path / "detect").exists()

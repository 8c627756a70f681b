"""Photos as the model's input: letterboxed once, then read batch by batch.

The squares lie in one memory-mapped file, so that ten thousand copies cost disk, not
memory, and no epoch decodes a JPEG twice. No tf.data: its autotuning stalls at the end
of every epoch in TensorFlow 2.21, and a mapped array needs none of it.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.files import writing_failed
from thirtyfold.images import letterbox, letterbox_placement
from thirtyfold.progress import Progress
from thirtyfold.sample import BoxXyxy, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

Encoded = Mapping[str, "NDArray[np.float32]"]


def letterboxed_box(box_xyxy: BoxXyxy, sample: Sample, size: int) -> BoxXyxy:
    """A box of the upright photo as 0 to 1 of its letterboxed square, clipped to the photo."""
    scale, (offset_x, offset_y) = letterbox_placement(sample.width, sample.height, size)
    left, top, right, bottom = box_xyxy
    left, right = (min(max(x, 0.0), float(sample.width)) for x in (left, right))
    top, bottom = (min(max(y, 0.0), float(sample.height)) for y in (top, bottom))
    return (
        (left * scale + offset_x) / size,
        (top * scale + offset_y) / size,
        (right * scale + offset_x) / size,
        (bottom * scale + offset_y) / size,
    )


def load_squares(
    samples: Sequence[Sample],
    size: int,
    cache_path: Path,
    *,
    problems: list[FileDataError],
    progress: Progress,
    label: str,
) -> tuple[NDArray[np.uint8], list[Sample]]:
    """Letterbox every photo into ``cache_path``: (photos, size, size, 3) uint8, and the photos in it.

    A photo that can't be read is appended to ``problems`` and left out of both.
    """
    kept: list[Sample] = []
    try:
        squares = np.lib.format.open_memmap(
            cache_path, mode="w+", dtype=np.uint8, shape=(max(len(samples), 1), size, size, 3)
        )
    except OSError as error:
        raise writing_failed(cache_path, error) from error

    def load(sample: Sample) -> Pixels | FileDataError:
        try:
            return letterbox(read_pixels(sample), size)[0]
        except FileDataError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, progress.bar(label, total=len(samples), unit="photo") as bar:
        for sample, loaded in zip(samples, pool.map(load, samples), strict=True):
            if isinstance(loaded, FileDataError):
                problems.append(loaded)
                progress.say(f"left out: {loaded}")
            else:
                squares[len(kept)] = loaded
                kept.append(sample)
            bar.advance()
    return squares[: len(kept)], kept


def store_features(
    trunk: Any, squares: NDArray[np.uint8], folder: Path, *, batch: int, progress: Progress
) -> list[NDArray[np.float16]]:
    """What a frozen trunk makes of every square, (photos, rows, columns, channels) float16 a map, on disk.

    The same for every epoch, so it is computed once: with VGG16 the heads then learn from
    thousands of photos a second instead of a handful. Raises :class:`UsageError` or
    :class:`DataError` if the folder can't hold it.
    """
    maps: list[NDArray[np.float16]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        needed = sum(math.prod(output.shape[1:]) for output in trunk.outputs) * 2 * len(squares)
        if needed > shutil.disk_usage(folder).free:
            raise OSError(errno.ENOSPC, f"{needed / 1e9:.1f} GB needed")
        for level, output in enumerate(trunk.outputs):
            shape = (len(squares), *output.shape[1:])
            maps.append(np.lib.format.open_memmap(folder / f"map{level}.npy", mode="w+", dtype=np.float16, shape=shape))
    except OSError as error:
        raise writing_failed(folder, error) from error
    limit = float(np.finfo(np.float16).max)
    with progress.bar("features", total=len(squares), unit="photo") as bar:
        for start in range(0, len(squares), batch):
            part = squares[start : start + batch]
            for stored, features in zip(maps, trunk.predict_on_batch(part), strict=True):
                stored[start : start + len(part)] = np.clip(features, -limit, limit)
            bar.advance(len(part))
    return maps


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """(inputs, targets) a step, in an order of its own every epoch, the same for the same seed."""

    def __init__(
        self,
        arrays: Sequence[NDArray[Any]],
        samples: Sequence[Sample],
        encode: Callable[[Sample], Encoded],
        *,
        batch: int,
        seed: int,
        first_epoch: int = 0,
    ) -> None:
        super().__init__()
        self._arrays, self._samples, self._encode = arrays, samples, encode
        self._batch, self._seed, self._epoch = batch, seed, first_epoch
        self._order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self._samples) / self._batch)

    def __getitem__(self, step: int) -> tuple[Any, dict[str, Any]]:
        chosen = np.sort(self._order[step * self._batch : (step + 1) * self._batch])
        encoded = [self._encode(self._samples[index]) for index in chosen]
        inputs = [array[chosen] for array in self._arrays]
        targets = {name: np.stack([item[name] for item in encoded]) for name in encoded[0]}
        return inputs[0] if len(inputs) == 1 else tuple(inputs), targets

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._shuffled()

    def _shuffled(self) -> NDArray[np.int64]:
        # Seeded by the epoch: a resumed training meets the same order as an undisturbed one.
        return np.random.default_rng([self._seed, self._epoch]).permutation(len(self._samples))

"""Training on copies that are made as they are needed, other ones every epoch, and kept nowhere.

An epoch has as many steps as with copies on the disk: each photo once as it is, and ``factor`` copies
of it. Copy ``c`` of epoch ``e`` has the number ``e * factor + c``, and a copy is a function of its photo, its number
and the seed. So the first epoch meets the copies that ``augment`` would have written, and a training that was
stopped and resumed meets those that an undisturbed one would have met.

Threads make the copies of the next step while the network learns from this one. OpenCV and NumPy let
go of Python's lock while they work; processes would have to send every square through a pipe and can't be
forked from a process in which TensorFlow runs.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.images import Pixels
from thirtyfold.predict.prepare import prepared_square
from thirtyfold.sample import Annotation, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.model.inputs import Encoded

# Decoded photos are kept up to so much; the others are decoded anew for each of their copies.
MEMORY_BYTES = 1 << 30


class Augmenter(Protocol):
    """Makes copies; may be called from several threads at once."""

    def __call__(
        self, pixels: Pixels, annotations: Sequence[Annotation], photo_name: str, number: int, /
    ) -> tuple[Pixels, tuple[Annotation, ...]]:
        """Copy ``number`` of a photo: RGB uint8 (height, width, 3) and its shapes; the same for the same number."""


class CopyMaker:
    """Makes ``factor`` copies of each photo in every epoch, in ``threads`` (default: one a core).

    Keeps decoded photos for the next epoch, up to ``memory_bytes``, until it is closed.
    """

    def __init__(
        self, augmenter: Augmenter, factor: int, *, threads: int | None = None, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self.factor = factor
        self.pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="augment")
        self._augmenter, self._room = augmenter, memory_bytes
        self._kept: dict[str, Pixels] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the threads and let the photos go."""
        self.pool.shutdown(cancel_futures=True)
        self._kept.clear()

    def make(self, sample: Sample, epoch: int, copy: int | None) -> tuple[Pixels, Sample]:
        """Copy number ``copy``, below ``factor``, of an epoch, or the photo itself: pixels, and it as a sample.

        Pixels are RGB uint8 (height, width, 3), not to be written to. Raises :class:`ImageError` if the photo can't be
        read any more.
        """
        pixels = self._pixels(sample)
        if copy is None:
            return pixels, sample
        number = epoch * self.factor + copy
        pixels, annotations = self._augmenter(pixels, sample.annotations or (), sample.image_path.name, number)
        return pixels, replace(sample, width=pixels.shape[1], height=pixels.shape[0], annotations=annotations)

    def _pixels(self, sample: Sample) -> Pixels:
        """The photo, kept as long as there is room; not to be written to."""
        name = sample.image_path.name
        kept = self._kept.get(name)
        if kept is not None:
            return kept
        pixels = read_pixels(sample)
        pixels.flags.writeable = False
        with self._lock:
            # Two threads may have read it at once; only one of them pays.
            if name not in self._kept and pixels.nbytes <= self._room:
                self._room -= pixels.nbytes
                self._kept[name] = pixels
        return pixels


class OnlineBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """(squares, targets) a step: uint8 (batch, size, size, 3), and the encoded labels; in another order every epoch.

    The order is made here, so ``fit`` has to be told ``shuffle=False``: asked for the steps as they come, it has each
    ready when it is wanted.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        maker: CopyMaker,
        encode: Callable[[Sample], Encoded],
        *,
        size: int,
        batch: int,
        seed: int,
        first_epoch: int = 0,
        prepare: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._prepare = prepare
        self._samples, self._maker, self._encode, self._size = samples, maker, encode, size
        self._batch, self._seed, self._epoch = batch, seed, first_epoch
        self._begun: dict[int, list[Future[tuple[Pixels, Encoded]]]] = {}
        self._under_way = False
        self._order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch)

    def __getitem__(self, step: int) -> tuple[Pixels, dict[str, Any]]:
        items = self._begun.pop(step, None) or self._begin(step)
        if step + 1 < len(self) and step + 1 not in self._begun:
            self._begun[step + 1] = self._begin(step + 1)
        made = [item.result() for item in items]
        targets = {name: np.stack([encoded[name] for _, encoded in made]) for name in made[0][1]}
        return np.stack([square for square, _ in made]), targets

    def on_epoch_begin(self) -> None:
        # Counted at their beginnings: Keras 3.15 looks at two batches and ends an epoch before it begins the first.
        if self._under_way:
            self._epoch += 1
            self._order = self._shuffled()
        self._under_way = True

    def on_epoch_end(self) -> None:
        for items in self._begun.values():
            for item in items:
                item.cancel()
        self._begun.clear()

    def _begin(self, step: int) -> list[Future[tuple[Pixels, Encoded]]]:
        chosen = self._order[step * self._batch : (step + 1) * self._batch]
        return [self._maker.pool.submit(self._make, self._epoch, int(index)) for index in chosen]

    def _make(self, epoch: int, index: int) -> tuple[Pixels, Encoded]:
        photo, turn = divmod(index, self._maker.factor + 1)
        pixels, sample = self._maker.make(self._samples[photo], epoch, turn - 1 if turn else None)
        return prepared_square(pixels, self._size, self._prepare)[0], self._encode(sample)

    def _shuffled(self) -> NDArray[np.int64]:
        count = len(self._samples) * (self._maker.factor + 1)
        return np.random.default_rng([self._seed, self._epoch]).permutation(count)

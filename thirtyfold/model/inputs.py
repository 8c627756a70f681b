"""Photos as the model's input: letterboxed once, then read batch by batch.

Squares and features lie in memory-mapped files (``features.py``), so that ten thousand copies cost
disk, not memory, and no epoch decodes a JPEG twice. No tf.data: its autotuning stalls at the end
of every epoch in TensorFlow 2.21, and a mapped array needs none of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.images import letterbox_placement
from thirtyfold.model.features import Cache, GrowingArray, pictures_key
from thirtyfold.predict.prepare import on_squares, prepared_square
from thirtyfold.progress import Progress
from thirtyfold.sample import BoxXyxy, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

Encoded = Mapping[str, "NDArray[np.float32]"]
# A letterbox of another version of this program, or of its OpenCV, gives other pixels.
_LETTERBOX = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the split as arrays: row i of each is of ``samples[i]``.

    ``left_out`` are the photos that could not be read, by their place among those asked for. ``reused``: nothing
    had to be computed.
    """

    arrays: tuple[NDArray[Any], ...]
    samples: tuple[Sample, ...]
    left_out: Mapping[int, FileDataError]
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """``model`` turns squares into feature maps; ``key`` is all that decides about its numbers.

    ``prepare`` is what is done to the squares before.
    """

    model: Any
    key: Mapping[str, Any]
    prepare: tuple[str, ...] = ()


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
    cache: Cache,
    *,
    root: Path,
    progress: Progress,
    label: str,
    prepare: Sequence[str] = (),
) -> Part:
    """Every photo letterboxed and prepared, one array (photos, size, size, 3) uint8, from the cache or into it."""
    steps = on_squares(prepare)
    key = _squares_key(samples, size, root) | ({"prepare": list(steps)} if steps else {})

    def make(folder: Path) -> Mapping[str, Any]:
        left_out: dict[int, FileDataError] = {}
        with (
            GrowingArray(folder / "squares.npy", (size, size, 3), np.uint8) as squares,
            ThreadPoolExecutor(os.cpu_count() or 1) as pool,
            progress.bar(label, total=len(samples), unit="photo") as bar,
        ):
            for index, loaded in enumerate(_in_order(pool, lambda sample: _square(sample, size, steps), samples)):
                if isinstance(loaded, FileDataError):
                    left_out[index] = loaded
                else:
                    squares.append(loaded[None])
                bar.advance()
        return _facts(left_out)

    entry = cache.obtain("squares", key, make, about_bytes=size * size * 3 * len(samples))
    return _part(entry.arrays, samples, entry.facts, reused=entry.reused)


def load_features(
    samples: Sequence[Sample],
    size: int,
    trunk: Trunk,
    cache: Cache,
    *,
    root: Path,
    batch: int,
    progress: Progress,
    label: str,
) -> Part:
    """What a frozen trunk makes of every photo, an array (photos, rows, columns, channels) float16 a map.

    The same for every epoch and every later training, so it is computed once: with VGG16 the heads then learn
    from thousands of photos a second instead of a handful. From the cache or into it.
    """
    key = {**_squares_key(samples, size, root), **trunk.key}
    found = cache.find("features", key)
    if found is None:
        part = load_squares(samples, size, cache, root=root, progress=progress, label=label, prepare=trunk.prepare)

        def make(folder: Path) -> Mapping[str, Any]:
            store_features(trunk.model, part.arrays[0], folder, batch=batch, progress=progress)
            return _facts(part.left_out)

        about = sum(math.prod(output.shape[1:]) for output in trunk.model.outputs) * 2 * len(part.samples)
        found = cache.obtain("features", key, make, about_bytes=about)
    return _part(found.arrays, samples, found.facts, reused=found.reused)


def store_features(trunk: Any, squares: NDArray[np.uint8], folder: Path, *, batch: int, progress: Progress) -> None:
    """Write what ``trunk`` makes of squares as ``map0.npy``, ``map1.npy``, ... into ``folder``, float16."""
    limit = float(np.finfo(np.float16).max)
    with ExitStack() as stack:
        maps = [
            stack.enter_context(GrowingArray(folder / f"map{level}.npy", tuple(output.shape[1:]), np.float16))
            for level, output in enumerate(trunk.outputs)
        ]
        bar = stack.enter_context(progress.bar("features", total=len(squares), unit="photo"))
        for start in range(0, len(squares), batch):
            part = squares[start : start + batch]
            computed = trunk.predict_on_batch(part)
            for stored, features in zip(maps, computed if isinstance(computed, list) else [computed], strict=True):
                stored.append(np.clip(features, -limit, limit))
            bar.advance(len(part))


def _squares_key(samples: Sequence[Sample], size: int, root: Path) -> dict[str, Any]:
    """All that decides about the pixels of letterboxed photos."""
    import cv2

    pictures = pictures_key(samples, root)
    return {"pictures": pictures, "size": size, "letterbox": _LETTERBOX, "opencv": cv2.__version__}


def _square(sample: Sample, size: int, steps: Sequence[str]) -> Pixels | FileDataError:
    try:
        return prepared_square(read_pixels(sample), size, steps)[0]
    except FileDataError as error:
        return error


def _in_order(pool: ThreadPoolExecutor, work: Callable[[Sample], Any], samples: Sequence[Sample]) -> Any:
    """The results in order, at most a few hundred ahead of whoever takes them: ten thousand would fill the memory."""
    for start in range(0, len(samples), 256):
        yield from pool.map(work, samples[start : start + 256])


def _facts(left_out: Mapping[int, FileDataError]) -> dict[str, Any]:
    return {"left_out": [[index, str(error.path), error.reason] for index, error in left_out.items()]}


def _part(
    arrays: tuple[NDArray[Any], ...], samples: Sequence[Sample], facts: Mapping[str, Any], *, reused: bool
) -> Part:
    left_out = {int(index): FileDataError(path, reason) for index, path, reason in facts["left_out"]}
    kept = tuple(sample for index, sample in enumerate(samples) if index not in left_out)
    return Part(arrays=arrays, samples=kept, left_out=left_out, reused=reused)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """(inputs, targets) a step, in an order of its own every epoch, the same for the same seed.

    An epoch is ``passes`` times all photos, each time in another order.
    """

    def __init__(
        self,
        arrays: Sequence[NDArray[Any]],
        samples: Sequence[Sample],
        encode: Callable[[Sample], Encoded],
        *,
        batch: int,
        seed: int,
        first_epoch: int = 0,
        passes: int = 1,
    ) -> None:
        super().__init__()
        self._arrays, self._samples, self._encode = arrays, samples, encode
        self._batch, self._seed, self._next_epoch, self._passes = batch, seed, first_epoch, passes
        self.on_epoch_begin()
        self._next_epoch = first_epoch

    def __len__(self) -> int:
        return math.ceil(len(self._samples) * self._passes / self._batch)

    def __getitem__(self, step: int) -> tuple[Any, dict[str, Any]]:
        chosen = np.sort(self._order[step * self._batch : (step + 1) * self._batch])
        encoded = [self._encode(self._samples[index]) for index in chosen]
        inputs = [array[chosen] for array in self._arrays]
        targets = {name: np.stack([item[name] for item in encoded]) for name in encoded[0]}
        return inputs[0] if len(inputs) == 1 else tuple(inputs), targets

    def on_epoch_begin(self) -> None:
        # Not at the end of one: Keras calls that once more, before the first. Seeded by the epoch: a resumed
        # training meets the same order as an undisturbed one.
        random = np.random.default_rng([self._seed, self._next_epoch])
        self._order = np.concatenate([random.permutation(len(self._samples)) for _ in range(self._passes)])
        self._next_epoch += 1

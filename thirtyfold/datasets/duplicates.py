"""Photos that are the same picture twice: the same file, or a rescaled or recompressed one.

A photo in the train part and its duplicate in the test part are a leak, whatever the sessions say. Looking
alike is not enough for that: in one room two people give perceptual hashes that are equal in all
64 bits. So near-duplicates have to agree in their small grey pictures as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.datasets.fingerprint import perceptual_hash
from thirtyfold.datasets.threads import map_on_threads
from thirtyfold.errors import ImageError
from thirtyfold.images import Pixels, read_rgb
from thirtyfold.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Measured on 32x32 grey pictures, mean difference in levels of 256. The same photo saved again at JPEG
# quality 25: up to 1.6. Frames of different clips of one room: 3.07 at the least. Brain scans of
# one head twice: 0.00 to 0.04, of different heads 22.
SAME_PICTURE_LEVELS = 2.0
SAME_PICTURE_BITS = 4
_SIDE_PX = 32
_THREADS = 4

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a photo looks like: its perceptual hash, and a grey picture of 32x32, uint8."""

    bits: int
    grey: NDArray[np.uint8]


def look_at(pixels: Pixels) -> Look:
    """What RGB ``pixels``, uint8 (height, width, 3), look like."""
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small: NDArray[np.uint8] = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return Look(bits=perceptual_hash(pixels), grey=small)


def looks_of(paths: Sequence[Path], *, progress: Progress = SILENT) -> dict[str, Look]:
    """Photo name → look, in the order given. One that can't be read is said and left out."""

    def look(path: Path) -> Look | ImageError:
        try:
            return look_at(read_rgb(path))
        except ImageError as error:
            return error

    found: dict[str, Look] = {}
    answers = map_on_threads(look, paths, label="Comparing photos", progress=progress, workers=_THREADS)
    for path, answer in zip(paths, answers, strict=True):
        if isinstance(answer, ImageError):
            progress.say(f"{answer}; it is compared with no other photo")
        else:
            found[path.name] = answer
    return found


def exact_duplicates(paths: Iterable[Path]) -> list[Pair]:
    """(first, other) for every photo whose file is byte for byte that of an earlier one, by name.

    Only files of the same length are read, so that thousands of photos take a moment. One that can't be
    read is no duplicate.
    """
    by_length: dict[int, list[Path]] = {}
    for path in sorted(paths, key=lambda path: path.name):
        try:
            by_length.setdefault(path.stat().st_size, []).append(path)
        except OSError:
            continue
    pairs = []
    for same_length in by_length.values():
        first_of: dict[bytes, str] = {}
        for path in same_length if len(same_length) > 1 else ():
            try:
                with path.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").digest()
            except OSError:
                continue
            first = first_of.setdefault(digest, path.name)
            if first != path.name:
                pairs.append((first, path.name))
    return sorted(pairs)


def near_duplicates(looks: Mapping[str, Look], session_of: Mapping[str, str]) -> list[Pair]:
    """Pairs of photos of *different* sessions that are the same picture, rescaled or recompressed.

    One pair for every two sessions, the nearest. Photos of one session are expected to look alike.
    """
    import numpy as np

    names = [name for name in looks if name in session_of]
    if not names:
        return []
    bits = np.asarray([looks[name].bits for name in names], np.uint64)
    numbers = {session: number for number, session in enumerate(dict.fromkeys(session_of[name] for name in names))}
    sessions = np.asarray([numbers[session_of[name]] for name in names])
    grey = np.stack([looks[name].grey for name in names]).astype(np.int16)
    # Means of blocks differ by less than what they are means of: a cheap bound, so that a room in which
    # thousands of photos look alike does not take minutes.
    coarse = grey.reshape(len(names), 4, _SIDE_PX // 4, 4, _SIDE_PX // 4).mean(axis=(2, 4), dtype=np.float32)
    nearest: dict[tuple[int, int], tuple[float, Pair]] = {}
    for index in range(1, len(names)):
        near = np.bitwise_count(bits[:index] ^ bits[index]) <= SAME_PICTURE_BITS
        others = np.flatnonzero(near & (sessions[:index] != sessions[index]))
        others = others[np.abs(coarse[others] - coarse[index]).mean(axis=(1, 2)) <= SAME_PICTURE_LEVELS]
        for other in others:
            levels = float(np.abs(grey[other] - grey[index]).mean())
            low, high = sorted((int(sessions[other]), int(sessions[index])))
            if levels <= SAME_PICTURE_LEVELS and levels < nearest.get((low, high), (np.inf,))[0]:
                nearest[low, high] = (levels, (names[other], names[index]))
    return sorted(pair for _, pair in nearest.values())

"""Photos that look alike: what stands in for a session where nobody wrote one down.

The hash is pHash: the signs of the 64 lowest frequencies of a 32x32 grey picture
(Zauner, *Implementation and Benchmarking of Perceptual Image Hash Functions*, 2010).
Two hashes differ in 0 to 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

# Measured: in 8 webcam clips of one room, 12 frames each, every frame is within 8 bits of
# another one of its clip, so none is torn apart (clips of one room run together into 2
# groups, which costs choice and leaks nothing). Among 50 brain scans of one kind it finds
# the 6 pairs of duplicates and nothing else up to 10 bits; of 120 crowds one pair, a
# selfie and the next one; of 100 portraits none.
SAME_SCENE_BITS = 8


def perceptual_hash(pixels: Pixels) -> int:
    """64 bits that stay nearly the same when RGB ``pixels`` (height, width, 3) are scaled or recompressed."""
    import cv2
    import numpy as np

    small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))[:8, :8].ravel()
    # The first one is the mean brightness: it would drag the median.
    bits = waves > np.median(waves[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def look_alikes(hashes: Sequence[int], *, max_bits: int = SAME_SCENE_BITS) -> list[int]:
    """A group number for every hash: two within ``max_bits`` of each other share one, and so do chains of them.

    Groups are numbered from 0 in the order in which they first occur.
    """
    import numpy as np

    packed = np.asarray(hashes, np.uint64)
    root = list(range(len(packed)))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = root[index]
        return index

    for index in range(1, len(packed)):
        for near in np.flatnonzero(np.bitwise_count(packed[:index] ^ packed[index]) <= max_bits):
            root[find(int(near))] = find(index)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(find(index), len(numbers)) for index in range(len(packed))]

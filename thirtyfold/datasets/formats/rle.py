"""COCO's run-length masks: packed by pycocotools, unpacked here with the checks that it leaves out.

Format: https://cocodataset.org/#format-data and ``maskApi.c``: lengths of runs of 0 and 1 in turn,
column by column, as a list or packed into text. pycocotools' own decoder trusts the lengths: a
mask whose runs are too short comes back with whatever stood in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from thirtyfold.datasets.formats.regions import Mask


def decode(rle: Any, size_wh: tuple[int, int]) -> Mask:
    """The mask (height, width) of a run-length object, packed or not. Raises :class:`ValueError`."""
    width, height = size_wh
    if not isinstance(rle, Mapping) or rle.get("size") != [height, width]:
        size = rle.get("size") if isinstance(rle, Mapping) else None
        raise ValueError(
            f"a run-length mask of size {[height, width]} (height, width) was expected, not {str(size)[:40]}"
        )
    counts = rle.get("counts")
    if isinstance(counts, str):
        counts = _unpack(counts)
    if not isinstance(counts, list) or any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in counts):
        raise ValueError("the runs of its mask are neither text nor a list of lengths")
    if sum(counts) != width * height:
        raise ValueError(f"the runs of its mask cover {sum(counts)} pixels, the photo has {width * height}")
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def encode(mask: Mask) -> dict[str, Any]:
    """A mask (height, width) as a packed run-length object that JSON can hold."""
    from pycocotools import mask as coco_mask

    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in packed["size"]], "counts": packed["counts"].decode("ascii")}


def _unpack(text: str) -> list[int]:
    """The lengths in packed text: five bits a character, counted from 48, the sixth says that more follow.

    From the fourth on they are written as differences to the last but one.
    """
    counts: list[int] = []
    value = shift = 0
    for char in text:
        bits = ord(char) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("the packed runs of its mask are broken")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the packed runs of its mask are cut off")
    return counts

"""Large pictures by overlapping tiles: what a model says of each is blended, so that no seam is seen.

The tiles of a row and of a column are weighed each by itself, and the weight of a tile in the picture is the product:
1 in its middle, falling to 0 along a raised cosine (Hann's window) where it overlaps the next, the weights of all
tiles at a pixel adding up to 1. ``margin_px`` at its inner edges a tile has no say at all: there a convolution has
seen its padding. Where the margin is as wide as the network looks, and tiles lie on multiples of its coarsest stride,
the blended result is what the network would say of the picture in one piece.

Memory is bounded by a row of tiles: finished rows are handed out as they come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

    Scores = NDArray[np.float32]

Run = Callable[["Pixels"], "Scores"]
"""One tile, uint8 (tile, tile, 3), to float32 (tile, tile, channels)."""

# What the letterbox has where no picture is.
_GREY = 114
OVERLAP_SHARE = 0.25
# The coarsest stride of ours: a tile that starts at a multiple of it meets the network's cells as its neighbours do.
STRIDE_PX = 32


@dataclass(frozen=True, slots=True)
class Axis:
    """Where tiles start along one side, and the weight (tiles, tile) of each of their pixels there."""

    starts: tuple[int, ...]
    weights: NDArray[np.float32]


def axis_of(length_px: int, tile_px: int, *, overlap_px: int, margin_px: int = 0, multiple_px: int = 1) -> Axis:
    """The tiles along a side of ``length_px``, each overlapping the next by ``overlap_px`` or more.

    They start at multiples of ``multiple_px``; the last may reach beyond the picture by less than that. Raises
    :class:`ValueError` if the overlap does not leave room for both margins, or for a step.
    """
    step = (tile_px - overlap_px) // multiple_px * multiple_px
    if step < 1 or overlap_px < 2 * margin_px + 1:
        raise ValueError(f"tiles of {tile_px} px cannot overlap by {overlap_px} px with margins of {margin_px} px")
    last = max(0, math.ceil((length_px - tile_px) / multiple_px)) * multiple_px
    starts = (*range(0, last, step), last)
    weights = np.ones((len(starts), tile_px), np.float64)
    places = np.arange(tile_px, dtype=np.float64) + 0.5
    for number, start in enumerate(starts):
        if number:
            weights[number] *= _ramp(places, starts[number - 1] + tile_px - start, margin_px)
        if number + 1 < len(starts):
            weights[number] *= _ramp(places[::-1], start + tile_px - starts[number + 1], margin_px)
    total = np.zeros(last + tile_px, np.float64)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + tile_px] += weight
    shares = [weight / total[start : start + tile_px] for start, weight in zip(starts, weights, strict=True)]
    return Axis(starts, np.stack(shares).astype(np.float32))


def blended(
    pixels: Pixels,
    run: Run,
    *,
    tile_px: int,
    channels: int,
    overlap_px: int | None = None,
    margin_px: int | None = None,
    multiple_px: int = STRIDE_PX,
) -> Iterator[tuple[int, Scores]]:
    """(first row, scores (rows, width, channels)) from top to bottom, every row of the picture once.

    ``overlap_px`` is a quarter of the tile where it is not given, the margin a quarter of the overlap. Every array is
    a new one.
    """
    overlap = round(tile_px * OVERLAP_SHARE) if overlap_px is None else overlap_px
    margin = overlap // 4 if margin_px is None else margin_px
    height, width = pixels.shape[:2]
    down, across = (
        axis_of(length, tile_px, overlap_px=overlap, margin_px=margin, multiple_px=multiple_px)
        for length in (height, width)
    )
    strip = np.zeros((tile_px, across.starts[-1] + tile_px, channels), np.float32)
    for number, top in enumerate(down.starts):
        for left, weight in zip(across.starts, across.weights, strict=True):
            scores = run(_tile(pixels, left, top, tile_px))
            strip[:, left : left + tile_px] += scores * (down.weights[number][:, None] * weight)[..., None]
        following = down.starts[number + 1] if number + 1 < len(down.starts) else top + tile_px
        done = following - top
        yield top, strip[: min(done, height - top), :width].copy()
        strip[: tile_px - done] = strip[done:].copy()
        strip[tile_px - done :] = 0


def _ramp(from_edge_px: NDArray[np.float64], overlap_px: int, margin_px: int) -> NDArray[np.float64]:
    share = np.clip((from_edge_px - margin_px) / (overlap_px - 2 * margin_px), 0.0, 1.0)
    return np.asarray(np.sin(share * math.pi / 2) ** 2)


def _tile(pixels: Pixels, left: int, top: int, tile_px: int) -> Pixels:
    part = pixels[top : top + tile_px, left : left + tile_px]
    if part.shape[:2] == (tile_px, tile_px):
        return np.ascontiguousarray(part)
    tile = np.full((tile_px, tile_px, 3), _GREY, np.uint8)
    tile[: part.shape[0], : part.shape[1]] = part
    return tile

"""Large pictures by tiles: what comes out is what the whole picture would give, in bounded memory."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from thirtyfold.predict.tiles import axis_of, blended

# Two convolutions of 5 and 7 pixels: each pixel of the answer looks 5 pixels far.
_REACH = 5


def small_network(pixels: np.ndarray) -> np.ndarray:
    """A real convolutional network with zero padding: two layers, a ReLU between; float32 (height, width, 2)."""
    random = np.random.default_rng(5)
    grey = pixels.astype(np.float32).mean(axis=-1) / 255
    hidden = [
        np.maximum(cv2.filter2D(grey, -1, random.normal(size=(5, 5)), borderType=cv2.BORDER_CONSTANT), 0)
        for _ in range(3)
    ]
    out = [
        sum(cv2.filter2D(one, -1, random.normal(size=(7, 7)), borderType=cv2.BORDER_CONSTANT) for one in hidden)
        for _ in range(2)
    ]
    return np.stack(out, axis=-1).astype(np.float32)


def strips(pixels: np.ndarray, tile_px: int, **options: int) -> np.ndarray:
    rows = list(blended(pixels, small_network, tile_px=tile_px, channels=2, **options))
    assert [top for top, _ in rows] == np.cumsum([0, *(len(scores) for _, scores in rows)])[:-1].tolist()
    return np.concatenate([scores for _, scores in rows])


@pytest.mark.parametrize("size_wh", [(301, 170), (97, 400), (128, 128), (50, 30)])
def test_tiles_give_what_the_whole_picture_gives_where_the_network_does_not_see_the_border(
    size_wh: tuple[int, int],
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    tiled = strips(pixels, 128, overlap_px=48, margin_px=8)
    whole = small_network(pixels)
    assert tiled.shape == whole.shape
    inner = np.s_[_REACH:-_REACH, _REACH:-_REACH]
    np.testing.assert_allclose(tiled[inner], whole[inner], atol=2e-4)


def test_a_margin_narrower_than_the_network_looks_leaves_a_seam_that_blending_makes_small() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    whole = small_network(pixels)
    rough = np.abs(strips(pixels, 128, overlap_px=48, margin_px=0) - whole)[_REACH:-_REACH, _REACH:-_REACH]
    assert 1e-3 < rough.max() < 0.25 * np.abs(whole).max()


@pytest.mark.parametrize(("length", "tile"), [(6000, 512), (512, 512), (513, 512), (100, 512), (1023, 512)])
def test_weights_add_up_to_one_everywhere_and_tiles_start_at_multiples(length: int, tile: int) -> None:
    axis = axis_of(length, tile, overlap_px=128, margin_px=32, multiple_px=32)
    total = np.zeros(max(axis.starts) + tile)
    for start, weight in zip(axis.starts, axis.weights, strict=True):
        assert start % 32 == 0
        assert weight.min() >= 0
        total[start : start + tile] += weight
    assert len(total) >= length
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_weights_rise_smoothly_and_are_nothing_in_the_margin() -> None:
    first, second = axis_of(800, 512, overlap_px=224, margin_px=56).weights[:2]
    assert (second[:56] == 0).all()
    assert (np.diff(second[:224]) >= 0).all()
    assert np.abs(np.diff(second)).max() < 0.02
    assert first[0] == 1


def test_a_picture_of_24_megapixels_takes_the_memory_of_a_row_of_tiles() -> None:
    pixels = np.zeros((4000, 6000, 3), np.uint8)
    answer = np.zeros((512, 512, 2), np.float32)
    tracemalloc.start()
    rows = 0
    for _, scores in blended(pixels, lambda tile: answer, tile_px=512, channels=2):
        rows += len(scores)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 4000
    # The scores of the whole picture would be 192 MB.
    assert peak < 70e6


def test_too_little_overlap_for_the_margins_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot overlap by 10 px"):
        axis_of(1000, 512, overlap_px=10, margin_px=8)

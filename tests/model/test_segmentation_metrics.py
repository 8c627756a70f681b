"""Dice, IoU, boundary F1 and Hausdorff distance against cases worked out by hand and by slower means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, directed_hausdorff

from thirtyfold.datasets.rasterize import VOID
from thirtyfold.model.metrics.segmentation import boundary, dice_of, image_figures, mean_dice, region_figures, summary


def square(left: int, top: int, side: int, *, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_two_squares_that_share_half() -> None:
    figures = region_figures(square(10, 10, 10), square(15, 10, 10), tolerance_px=1)
    assert figures.dice == pytest.approx(0.5)
    assert figures.iou == pytest.approx(1 / 3)
    assert not figures.agreed_empty


def test_a_region_moved_by_three_pixels_is_three_pixels_away() -> None:
    truth, moved = square(10, 10, 12), square(13, 10, 12)
    figures = region_figures(truth, moved, tolerance_px=2)
    assert figures.hausdorff95_px == 3
    assert 0 < (figures.boundary_f1 or 0) < 1
    assert region_figures(truth, moved, tolerance_px=3).boundary_f1 == 1


def test_the_distance_is_that_of_all_pairs_of_boundary_pixels() -> None:
    random = np.random.default_rng(3)
    truth, found = (square(5, 5, 20) & (random.random((40, 40)) > 0.1) for _ in range(2))
    one, other = np.argwhere(boundary(truth)), np.argwhere(boundary(found))
    nearest = cdist(one, other)
    wanted = max(np.percentile(nearest.min(axis=0), 95), np.percentile(nearest.min(axis=1), 95))
    assert region_figures(truth, found).hausdorff95_px == pytest.approx(wanted)
    assert wanted <= max(directed_hausdorff(one, other)[0], directed_hausdorff(other, one)[0])


def test_boundary_f1_is_the_mean_of_precision_and_recall_of_boundary_pixels() -> None:
    truth, found = square(10, 10, 10), square(10, 10, 14)
    one, other = np.argwhere(boundary(truth)), np.argwhere(boundary(found))
    nearest = cdist(one, other)
    precision, recall = (nearest.min(axis=0) <= 1).mean(), (nearest.min(axis=1) <= 1).mean()
    wanted = 2 * precision * recall / (precision + recall)
    assert region_figures(truth, found, tolerance_px=1).boundary_f1 == pytest.approx(wanted)


def test_both_empty_counts_as_one_and_apart_and_one_empty_as_nothing() -> None:
    nothing = np.zeros((40, 40), bool)
    both = region_figures(nothing, nothing)
    assert (both.dice, both.iou, both.boundary_f1, both.hausdorff95_px, both.agreed_empty) == (1, 1, None, None, True)
    missed = region_figures(square(5, 5, 5), nothing)
    assert (missed.dice, missed.boundary_f1, missed.hausdorff95_px) == (0, 0, None)
    invented = region_figures(nothing, square(5, 5, 5))
    assert (invented.dice, invented.boundary_f1, invented.hausdorff95_px) == (0, 0, None)


def test_a_class_that_nobody_has_in_a_picture_does_not_flatter_its_mean() -> None:
    truth, found = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    truth[square(10, 10, 10)] = 1
    found[square(15, 10, 10)] = 1
    figures = image_figures(truth, found, ["a", "b", "c"])
    assert mean_dice(figures) == pytest.approx(0.5)
    assert dice_of(truth, found, 3) == pytest.approx(0.5)
    assert dice_of(found * 0, found * 0, 3) == 1


def test_void_counts_for_nothing() -> None:
    truth, found = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    truth[square(10, 10, 10)] = 1
    truth[square(25, 25, 10)] = VOID
    found[square(10, 10, 10)] = 1
    found[square(25, 25, 10)] = 1
    assert image_figures(truth, found, ["a"])["a"].dice == 1
    assert dice_of(truth, found, 1) == 1


def test_the_summary_counts_missed_invented_and_rightly_empty_pictures() -> None:
    nothing, full = np.zeros((40, 40), np.uint8), square(10, 10, 10).astype(np.uint8)
    pairs = [(full, full), (full, nothing), (nothing, full), (nothing, nothing)]
    found = summary([image_figures(*pair, ["a"]) for pair in pairs], ["a"])
    assert found["mean_dice"] == pytest.approx(0.5)
    assert found["agreed_empty"] == 1
    of_class = found["classes"]["a"]
    assert (of_class["missed"], of_class["invented"], of_class["agreed_empty"], of_class["photos"]) == (1, 1, 1, 2)
    assert of_class["dice"] == pytest.approx(1 / 3, abs=1e-6)
    assert of_class["dice_pixels"] == pytest.approx(0.5)
    assert "hausdorff95_mm" not in found
    assert "hausdorff95_mm" not in of_class


def test_a_distance_in_mm_goes_by_the_spacing_of_rows_and_of_columns() -> None:
    random = np.random.default_rng(4)
    truth, found = (square(5, 5, 20) & (random.random((40, 40)) > 0.2) for _ in range(2))
    one, other = (np.argwhere(boundary(mask)) * (2.0, 0.5) for mask in (truth, found))
    nearest = cdist(one, other)
    wanted = max(np.percentile(nearest.min(axis=0), 95), np.percentile(nearest.min(axis=1), 95))
    assert region_figures(truth, found, mm_per_pixel=(2.0, 0.5)).hausdorff95_mm == pytest.approx(wanted)
    moved = region_figures(square(10, 10, 12), square(13, 10, 12), mm_per_pixel=(7.0, 0.25))
    assert (moved.hausdorff95_px, moved.hausdorff95_mm) == (3, 0.75)
    assert region_figures(truth, truth & False, mm_per_pixel=(1.0, 1.0)).hausdorff95_mm is None


def test_the_mean_in_mm_is_over_the_pictures_whose_pixels_have_a_known_size() -> None:
    truth, found = square(10, 10, 12).astype(np.uint8), square(14, 10, 12).astype(np.uint8)
    pictures = [image_figures(truth, found, ["a", "b"], mm_per_pixel=mm) for mm in ((0.5, 0.5), (1.0, 1.5), None)]
    figures = summary(pictures, ["a", "b"])
    assert figures["hausdorff95_px"] == 4
    assert figures["hausdorff95_mm"] == figures["classes"]["a"]["hausdorff95_mm"] == (2 + 6) / 2
    assert figures["classes"]["b"]["hausdorff95_mm"] is None

"""Label maps to outlines: exact without simplification, and near with it; touching objects taken apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thirtyfold.datasets.formats.regions import polygon_area
from thirtyfold.datasets.machine_made import AREA_PX
from thirtyfold.datasets.rasterize import label_map
from thirtyfold.drawing import color_of, draw_annotations
from thirtyfold.predict.decoders import DECODERS, Placement
from thirtyfold.predict.instances import separate
from thirtyfold.predict.outlines import outlines_of, region
from thirtyfold.predict.segments import Segmentation, annotations_of, segmentation_of

SIZE_WH = (200, 150)


def blobs() -> np.ndarray:
    """A label map of two classes: a disc with a hole, a tilted ellipse beside it, a speck."""
    labels = np.zeros((SIZE_WH[1], SIZE_WH[0]), np.uint8)
    cv2.circle(labels, (60, 70), 40, 1, cv2.FILLED)
    cv2.circle(labels, (60, 70), 12, 0, cv2.FILLED)
    cv2.ellipse(labels, (140, 70), (35, 15), 30, 0, 360, 2, cv2.FILLED)
    labels[140, 190] = 2
    return labels


def test_outlines_fill_to_the_very_map_that_they_were_made_of() -> None:
    labels = blobs()
    shapes = outlines_of(labels, ["ring", "leaf"], tolerance_px=0)
    assert [shape.label for shape in shapes] == ["ring", "leaf", "leaf"]
    assert np.array_equal(label_map(shapes, {"ring": 1, "leaf": 2}, SIZE_WH), labels)


@pytest.mark.parametrize("tolerance_px", [0.5, 1.0, 2.0])
def test_a_simplified_outline_stays_within_its_tolerance_and_has_far_fewer_corners(tolerance_px: float) -> None:
    labels = blobs()
    shapes = outlines_of(labels, ["ring", "leaf"], tolerance_px=tolerance_px)
    again = label_map(shapes, {"ring": 1, "leaf": 2}, SIZE_WH)
    # Pixels that changed lie no farther from the border than the tolerance and half a pixel's diagonal.
    for number in (1, 2):
        distance = cv2.distanceTransform((labels == number).astype(np.uint8), cv2.DIST_L2, 5)
        outside = cv2.distanceTransform((labels != number).astype(np.uint8), cv2.DIST_L2, 5)
        changed = (again == number) != (labels == number)
        assert np.maximum(distance, outside)[changed].max(initial=0) <= tolerance_px + 1.5
    exact = outlines_of(labels, ["ring", "leaf"], tolerance_px=0)
    assert len(shapes[0].points) < 0.6 * len(exact[0].points)
    disc = next(shape for shape in shapes if shape.label == "ring")
    assert polygon_area(disc.points) == pytest.approx((labels == 1).sum(), rel=0.01 + 0.01 * tolerance_px)


def test_the_area_is_the_number_of_pixels_whatever_the_outline() -> None:
    labels = blobs()
    ring, *leaves = outlines_of(labels, ["ring", "leaf"], tolerance_px=2.0)
    assert ring.extra[AREA_PX] == (labels == 1).sum()
    assert sum(leaf.extra[AREA_PX] for leaf in leaves) == (labels == 2).sum()


def test_scores_are_means_of_their_pixels_and_weak_and_small_pieces_are_left_out() -> None:
    labels = blobs()
    confidence = np.where(labels == 1, 0.9, 0.6).astype(np.float32)
    shapes = outlines_of(labels, ["ring", "leaf"], confidence=confidence)
    assert [round(shape.score or 0, 3) for shape in shapes] == [0.9, 0.6, 0.6]
    assert len(outlines_of(labels, ["ring", "leaf"], confidence=confidence, threshold=0.7)) == 1
    assert len(outlines_of(labels, ["ring", "leaf"], smallest_px=2)) == 2


def test_a_hole_is_seen_through_and_the_way_to_it_is_not_drawn() -> None:
    ring = region("ring", blobs() == 1)
    pixels = np.full((150, 200, 3), 100, np.uint8)
    filled = draw_annotations(pixels, [ring], names=False, opacity=0.5)
    assert tuple(filled[70, 60]) == (100, 100, 100)
    mixed = np.array(color_of("ring")) * 0.5 + 50
    assert np.abs(filled[70, 85].astype(int) - mixed).max() <= 1
    lines = draw_annotations(pixels, [ring], names=False)
    # Between the two borders nothing is drawn, above, below, left or right of the hole.
    inside = cv2.erode((blobs() == 1).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert (lines[inside] == 100).all()
    assert (pixels == 100).all()


def test_objects_that_touch_are_taken_apart_and_one_with_bumps_is_not() -> None:
    mask = np.zeros((150, 200), np.uint8)
    cv2.circle(mask, (50, 70), 30, 1, cv2.FILLED)
    cv2.circle(mask, (100, 70), 30, 1, cv2.FILLED)
    cv2.circle(mask, (75, 115), 22, 1, cv2.FILLED)
    objects = separate(mask > 0)
    assert objects.max() == 3
    assert objects[70, 30] != objects[70, 120] != objects[125, 75]
    assert np.array_equal(objects > 0, mask > 0)
    bumpy = np.zeros((150, 200), np.uint8)
    cv2.ellipse(bumpy, (100, 70), (80, 30), 0, 0, 360, 1, cv2.FILLED)
    cv2.circle(bumpy, (60, 45), 8, 1, cv2.FILLED)
    assert separate(bumpy > 0).max() == 1
    assert separate(np.zeros((4, 4), bool)).max() == 0
    assert separate(np.ones((3, 3), bool)).max() == 1


def test_instances_are_shapes_of_their_own_that_cover_the_same_pixels() -> None:
    mask = np.zeros((150, 200), np.uint8)
    cv2.circle(mask, (50, 70), 30, 1, cv2.FILLED)
    cv2.circle(mask, (100, 70), 30, 1, cv2.FILLED)
    found = Segmentation(mask, np.full(mask.shape, 0.8, np.float32))
    assert len(annotations_of(found, ["cell"], 0.0, {"tolerance_px": 0})) == 1
    apart = annotations_of(found, ["cell"], 0.0, {"tolerance_px": 0, "instances": True})
    assert len(apart) == 2
    assert np.array_equal(label_map(apart, {"cell": 1}, SIZE_WH), mask)


@pytest.mark.parametrize("image_wh", [(200, 150), (75, 300), (64, 64)])
def test_a_networks_map_comes_to_lie_where_the_picture_has_it(image_wh: tuple[int, int]) -> None:
    from thirtyfold.images import letterbox

    width, height = image_wh
    truth = np.zeros((height, width), np.uint8)
    cv2.ellipse(truth, (width // 2, height // 3), (width // 4, height // 6), 0, 0, 360, 255, cv2.FILLED)
    square, scale, offset_xy = letterbox(cv2.merge([truth, truth, truth]), 128)
    probability = cv2.resize(square[..., 0], (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    mask = np.stack([1 - probability, probability], axis=-1)
    placement = Placement(size=128, scale=scale, offset_xy=offset_xy, image_wh=image_wh)
    found = segmentation_of(mask, placement)
    assert found.labels.shape == (height, width)
    assert ((found.labels > 0) != (truth > 0)).sum() <= 0.06 * (truth > 0).sum()
    shapes = DECODERS["mask"].decode({"mask": mask[None]}, ["a"], 0.0, {}, placement)
    assert len(shapes) == 1
    assert (shapes[0].score or 0) > 0.9
    assert all(0 <= x <= width and 0 <= y <= height for x, y in shapes[0].points)


def test_of_several_classes_the_most_probable_wins_and_not_a_number_is_nothing() -> None:
    mask = np.zeros((8, 8, 4), np.float32)
    mask[..., 0] = 0.3
    mask[:4, :, 2] = 0.6
    mask[4:, :, 3] = 0.5
    placement = Placement(size=16, scale=1.0, offset_xy=(0.0, 0.0), image_wh=(16, 16))
    labels = segmentation_of(mask, placement).labels
    assert set(np.unique(labels)) == {2, 3}
    assert DECODERS["mask"].decode({"mask": np.full((1, 8, 8, 2), np.nan, np.float32)}, ["a"], 0.0, {}, placement) == ()

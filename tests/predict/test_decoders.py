from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thirtyfold.images import letterbox
from thirtyfold.model.options import HEADS
from thirtyfold.predict.decoders import DECODERS, Array, Placement, decode_dense, decode_global, suppress_overlaps
from thirtyfold.sample import Annotation

SQUARE = Placement(size=100, scale=1.0, offset_xy=(0.0, 0.0), image_wh=(100, 100))
MANY = {"boxes": "many", "nms_iou": 0.5, "max_boxes": 100}
ONE = {"boxes": "one"}


def dense(
    cells: dict[tuple[int, int, int], tuple[float, tuple[float, float, float, float]]], classes: int = 1
) -> dict[str, Array]:
    """Outputs of 10 × 10 cells: (row, column, class) → (score, box of that cell)."""
    scores = np.zeros((1, 10, 10, classes), np.float32)
    boxes = np.zeros((1, 10, 10, 4), np.float32)
    for (row, column, index), (score, box) in cells.items():
        scores[0, row, column, index] = score
        boxes[0, row, column] = box
    return {"scores": scores, "boxes": boxes}


def test_every_head_that_can_be_trained_has_a_decoder() -> None:
    # Of the other tasks tests/model/test_contract.py says so.
    assert set(HEADS["detect"]) <= set(DECODERS)


def test_one_is_the_best_cell_of_all_in_pixels() -> None:
    outputs = dense({(2, 3, 0): (0.7, (0.1, 0.2, 0.3, 0.4)), (7, 7, 0): (0.9, (0.5, 0.6, 0.75, 0.8))})
    (found,) = decode_dense(outputs, ["face"], 0.5, ONE, SQUARE)
    assert found.label == "face"
    assert found.box_xyxy == pytest.approx((50, 60, 75, 80))
    assert found.score == pytest.approx(0.9)


def test_below_the_threshold_nothing_is_found() -> None:
    outputs = dense({(2, 3, 0): (0.49, (0.1, 0.2, 0.3, 0.4))})
    assert decode_dense(outputs, ["face"], 0.5, ONE, SQUARE) == ()
    assert decode_dense(outputs, ["face"], 0.5, MANY, SQUARE) == ()


def test_a_score_equal_to_the_threshold_counts() -> None:
    outputs = dense({(2, 3, 0): (0.5, (0.1, 0.2, 0.3, 0.4))})
    assert len(decode_dense(outputs, ["face"], 0.5, MANY, SQUARE)) == 1


def test_many_gives_every_peak_best_first_with_its_own_class() -> None:
    outputs = dense(
        {(2, 2, 1): (0.6, (0.1, 0.1, 0.3, 0.3)), (7, 7, 0): (0.8, (0.6, 0.6, 0.9, 0.9))},
        classes=2,
    )
    found = decode_dense(outputs, ["face", "mask"], 0.5, MANY, SQUARE)
    assert [(item.label, round(item.score or 0, 1)) for item in found] == [("face", 0.8), ("mask", 0.6)]


def test_a_cell_beside_a_higher_one_is_no_peak_though_its_box_lies_elsewhere() -> None:
    outputs = dense({(4, 4, 0): (0.9, (0.0, 0.0, 0.2, 0.2)), (4, 5, 0): (0.8, (0.7, 0.7, 0.9, 0.9))})
    assert len(decode_dense(outputs, ["face"], 0.5, MANY, SQUARE)) == 1


def test_peaks_at_the_rim_of_the_map_are_found() -> None:
    outputs = dense({(0, 0, 0): (0.9, (0.0, 0.0, 0.1, 0.1)), (9, 9, 0): (0.8, (0.9, 0.9, 1.0, 1.0))})
    assert len(decode_dense(outputs, ["face"], 0.5, MANY, SQUARE)) == 2


def test_two_peaks_with_the_same_box_are_one_object_but_not_across_classes() -> None:
    same = (0.2, 0.2, 0.6, 0.6)
    outputs = dense({(2, 2, 0): (0.9, same), (2, 6, 0): (0.8, same), (6, 6, 1): (0.7, same)}, classes=2)
    found = decode_dense(outputs, ["face", "mask"], 0.5, MANY, SQUARE)
    assert [item.label for item in found] == ["face", "mask"]


def test_two_equal_neighbours_are_one_object() -> None:
    box = (0.2, 0.2, 0.6, 0.6)
    outputs = dense({(2, 2, 0): (0.9, box), (2, 3, 0): (0.9, box)})
    assert len(decode_dense(outputs, ["face"], 0.5, MANY, SQUARE)) == 1


def test_no_more_than_max_boxes_come_out_the_best_of_them() -> None:
    peaks = {
        (row, column, 0): (0.5 + 0.01 * (row + column), (column / 10, row / 10, column / 10 + 0.1, row / 10 + 0.1))
        for row, column in itertools.product(range(0, 10, 2), repeat=2)
    }
    found = decode_dense(dense(peaks), ["face"], 0.5, {**MANY, "max_boxes": 3}, SQUARE)
    assert [round(item.score or 0, 2) for item in found] == [0.66, 0.64, 0.64]


def test_the_letterbox_is_undone_to_the_pixel() -> None:
    image_wh, box = (640, 480), (100.0, 50.0, 300.0, 400.0)
    _, scale, offset_xy = letterbox(np.zeros((480, 640, 3), np.uint8), 224)
    left, top = offset_xy
    square = np.array([box[0] * scale + left, box[1] * scale + top, box[2] * scale + left, box[3] * scale + top]) / 224
    placement = Placement(size=224, scale=scale, offset_xy=offset_xy, image_wh=image_wh)
    outputs = dense({(5, 5, 0): (0.9, tuple(square))})  # type: ignore[arg-type]
    (found,) = decode_dense(outputs, ["face"], 0.5, MANY, placement)
    assert found.box_xyxy == pytest.approx(box, abs=1e-3)


def test_a_box_that_sticks_out_is_clipped_and_one_in_the_grey_margin_is_gone() -> None:
    placement = Placement(size=100, scale=0.5, offset_xy=(0.0, 25.0), image_wh=(200, 100))
    outputs = dense({(5, 5, 0): (0.9, (-0.2, 0.1, 1.3, 0.5)), (0, 0, 0): (0.8, (0.1, 0.0, 0.2, 0.2))})
    (found,) = decode_dense(outputs, ["face"], 0.5, MANY, placement)
    assert found.box_xyxy == pytest.approx((0, 0, 200, 50))


@pytest.mark.parametrize("options", [ONE, MANY])
def test_what_is_not_a_number_is_not_found(options: dict[str, object]) -> None:
    outputs = dense({(2, 2, 0): (float("nan"), (0.1, 0.1, 0.2, 0.2)), (6, 6, 0): (0.9, (float("nan"),) * 4)})
    assert decode_dense(outputs, ["face"], 0.5, options, SQUARE) == ()


def test_global_gives_the_best_class_with_the_one_box() -> None:
    outputs = {
        "scores": np.array([[0.2, 0.8]], np.float32),
        "boxes": np.array([[0.1, 0.2, 0.5, 0.6]], np.float32),
    }
    (found,) = decode_global(outputs, ["face", "mask"], 0.5, {}, SQUARE)
    assert (found.label, found.score) == ("mask", pytest.approx(0.8))
    assert found.box_xyxy == pytest.approx((10, 20, 50, 60))
    assert decode_global(outputs, ["face", "mask"], 0.9, {}, SQUARE) == ()


@given(
    arrays(np.float32, (12, 4), elements=st.floats(0, 1, width=32)),
    arrays(np.float32, (12,), elements=st.floats(0.015625, 1, width=32), unique=True),
)
@settings(max_examples=150)
def test_suppression_agrees_with_opencv(corners: Array, scores: Array) -> None:
    boxes = (
        np.concatenate([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], axis=1)
        * 100
    )
    boxes[:, 2:] += 1
    rectangles = [tuple(map(float, (left, top, right - left, bottom - top))) for left, top, right, bottom in boxes]
    # OpenCV 4.14 takes rectangles of doubles; its own rounding may tip an IoU of exactly one half.
    expected = cv2.dnn.NMSBoxes(rectangles, [float(score) for score in scores], 0.0, 0.4999)
    mine = suppress_overlaps(boxes.astype(np.float32), scores, iou=0.4999)
    assert mine == [int(index) for index in expected]


@given(st.floats(0.05, 0.95), arrays(np.float32, (10, 10, 2), elements=st.floats(0, 1, width=16)), st.integers(0, 99))
@settings(max_examples=100)
def test_a_higher_threshold_gives_the_same_as_picking_from_a_lower_one(
    threshold: float, scores: Array, seed: int
) -> None:
    random = np.random.default_rng(seed)
    centres, sizes = random.random((10, 10, 2)), random.random((10, 10, 2)) * 0.5
    outputs = {
        "scores": scores[None].astype(np.float32),
        "boxes": np.concatenate([centres - sizes, centres + sizes], axis=-1)[None].astype(np.float32),
    }

    def found(at: float) -> tuple[Annotation, ...]:
        return decode_dense(outputs, ["a", "b"], at, MANY, SQUARE)

    assert found(threshold) == tuple(item for item in found(0.05) if (item.score or 0) >= threshold)

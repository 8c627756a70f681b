import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from thirtyfold.model.losses import (
    ciou_loss,
    focal_presence_loss,
    giou_loss,
    heatmap_bce_loss,
    heatmap_loss,
    localization_loss,
    presence_loss,
    relative_localization_loss,
)
from thirtyfold.predict.matching import iou

OVERLAP_LOSSES = [(giou_loss, 2.0), (ciou_loss, 3.0)]
share = st.floats(0, 1, width=32)


@st.composite
def boxes(draw: st.DrawFn, *, smallest: float = 0.0) -> tuple[float, float, float, float]:
    left, right = sorted((draw(share), draw(share)))
    top, bottom = sorted((draw(share), draw(share)))
    return left, top, max(right, left + smallest), max(bottom, top + smallest)


def loss_of(loss: object, truth: tuple[float, ...], predicted: tuple[float, ...]) -> float:
    return float(loss(np.array([[*truth, 1.0]], np.float32), np.array([predicted], np.float32)))  # type: ignore[operator]


def test_the_localization_loss_is_the_squared_corner_plus_the_squared_size() -> None:
    truth = np.array([[0.2, 0.3, 0.6, 0.8, 1.0]], np.float32)
    predicted = np.array([[0.3, 0.3, 0.6, 0.9]], np.float32)
    # corner off by (0.1, 0); width 0.4 against 0.3, height 0.5 against 0.6
    assert float(localization_loss(truth, predicted)) == pytest.approx(0.01 + 0.01 + 0.01, rel=1e-5)


def test_photos_without_an_object_neither_add_to_the_localization_loss_nor_thin_it_out() -> None:
    truth = np.array([[0.2, 0.3, 0.6, 0.8, 1.0], [0, 0, 0, 0, 0]], np.float32)
    predicted = np.array([[0.3, 0.3, 0.6, 0.9], [0.5, 0.5, 0.9, 0.9]], np.float32)
    alone = float(localization_loss(truth[:1], predicted[:1]))
    assert float(localization_loss(truth, predicted)) == pytest.approx(alone)
    assert float(localization_loss(truth[1:], predicted[1:])) == 0.0


def test_the_localization_loss_of_a_map_weighs_its_cells() -> None:
    truth = np.zeros((1, 2, 2, 5), np.float32)
    truth[0, 0, 0] = (0.1, 0.1, 0.4, 0.4, 0.75)
    truth[0, 1, 1] = (0.1, 0.1, 0.4, 0.4, 0.25)
    predicted = np.zeros((1, 2, 2, 4), np.float32)
    predicted[0, 0, 0] = (0.1, 0.1, 0.4, 0.4)
    predicted[0, 1, 1] = (0.3, 0.1, 0.6, 0.4)  # moved by 0.2: corner 0.04, size 0
    assert float(localization_loss(truth, predicted)) == pytest.approx(0.25 * 0.04, rel=1e-5)


def test_the_heatmap_loss_forgives_cells_near_a_centre_more_than_far_ones() -> None:
    truth = np.zeros((1, 1, 3, 1), np.float32)
    truth[0, 0, :, 0] = (1.0, 0.8, 0.0)
    right = np.array([0.99, 0.01, 0.01], np.float32).reshape(truth.shape)
    near = np.array([0.99, 0.6, 0.01], np.float32).reshape(truth.shape)
    far = np.array([0.99, 0.01, 0.6], np.float32).reshape(truth.shape)
    assert float(heatmap_loss(truth, right)) < float(heatmap_loss(truth, near)) < float(heatmap_loss(truth, far))
    # (1 - p)^2 log(p) of the centre alone, by hand
    missed = np.array([0.25, 0.0, 0.0], np.float32).reshape(truth.shape)
    assert float(heatmap_loss(truth, missed)) == pytest.approx(0.75**2 * np.log(4), rel=1e-3)


def test_the_presence_loss_is_binary_cross_entropy() -> None:
    truth, predicted = np.array([[1.0], [0.0]], np.float32), np.array([[0.8], [0.4]], np.float32)
    assert float(presence_loss(truth, predicted)) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2, rel=1e-5)


@pytest.mark.parametrize(("loss", "highest"), OVERLAP_LOSSES)
@settings(max_examples=60)
@given(truth=boxes(smallest=0.004), predicted=boxes())
def test_the_losses_of_overlap_stay_in_their_range(
    loss: object, highest: float, truth: tuple[float, ...], predicted: tuple[float, ...]
) -> None:
    assert -1e-5 <= loss_of(loss, truth, predicted) <= highest + 1e-5


@pytest.mark.parametrize(("loss", "highest"), OVERLAP_LOSSES)
@settings(max_examples=30)
@given(truth=boxes(smallest=0.01))
def test_the_losses_of_overlap_are_zero_for_the_true_box(
    loss: object, highest: float, truth: tuple[float, ...]
) -> None:
    assert loss_of(loss, truth, truth) == pytest.approx(0.0, abs=2e-4)


@settings(max_examples=60)
@given(truth=boxes(smallest=0.01), predicted=boxes(smallest=0.01))
def test_of_boxes_one_inside_of_the_other_giou_is_iou(
    truth: tuple[float, float, float, float], predicted: tuple[float, float, float, float]
) -> None:
    inner = (
        max(truth[0], predicted[0]),
        max(truth[1], predicted[1]),
        max(min(truth[2], predicted[2]), max(truth[0], predicted[0]) + 0.01),
        max(min(truth[3], predicted[3]), max(truth[1], predicted[1]) + 0.01),
    )
    outer = (min(inner[0], truth[0]), min(inner[1], truth[1]), max(inner[2], truth[2]), max(inner[3], truth[3]))
    assert loss_of(giou_loss, outer, inner) == pytest.approx(1.0 - iou(outer, inner), abs=1e-3)


@pytest.mark.parametrize("loss", [giou_loss, ciou_loss])
def test_of_two_boxes_that_miss_the_nearer_one_is_the_better(loss: object) -> None:
    truth = (0.1, 0.1, 0.3, 0.3)
    near, far = (0.35, 0.1, 0.55, 0.3), (0.75, 0.1, 0.95, 0.3)
    assert loss_of(loss, truth, near) < loss_of(loss, truth, far)


def test_of_two_boxes_of_one_iou_and_centre_ciou_prefers_the_right_proportions() -> None:
    truth = (0.4, 0.3, 0.6, 0.7)
    same, other = (0.425, 0.35, 0.575, 0.65), (0.4, 0.3875, 0.6, 0.6125)  # half of its area each
    assert iou(truth, same) == pytest.approx(iou(truth, other), abs=1e-3)
    assert loss_of(ciou_loss, truth, same) < loss_of(ciou_loss, truth, other)
    assert loss_of(giou_loss, truth, same) == pytest.approx(loss_of(giou_loss, truth, other), abs=1e-3)


@pytest.mark.parametrize("loss", [giou_loss, ciou_loss, relative_localization_loss])
@pytest.mark.parametrize(
    "predicted",
    [(0.8, 0.8, 0.9, 0.9), (0.2, 0.2, 0.2, 0.2), (0.0, 0.0, 0.0, 0.0), (0.6, 0.6, 0.4, 0.4), (0.4, 0.4, 0.4, 0.7)],
    ids=["disjoint", "a point", "nothing", "inside out", "a line"],
)
def test_the_gradients_of_box_losses_are_numbers_and_lead_somewhere(loss: object, predicted: tuple[float, ...]) -> None:
    truth = tf.constant([[0.3, 0.3, 0.5, 0.6, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    boxes_xyxy = tf.Variable([predicted, predicted])
    with tf.GradientTape() as tape:
        value = loss(truth, boxes_xyxy)  # type: ignore[operator]
    slopes = np.asarray(tape.gradient(value, boxes_xyxy))
    assert np.isfinite(slopes).all()
    assert slopes[0].any()
    assert not slopes[1].any(), "a photo without an object teaches the box head nothing"


def test_the_relative_localization_loss_does_not_change_with_the_size_of_the_face() -> None:
    large, small = (0.2, 0.2, 0.6, 0.6), (0.2, 0.2, 0.3, 0.3)
    moved = [tuple(value + 0.1 * (box[2] - box[0]) for value in box) for box in (large, small)]
    losses = [loss_of(relative_localization_loss, *pair) for pair in zip((large, small), moved, strict=True)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] == pytest.approx(0.02, rel=1e-3)  # a tenth of the side, across and down


def test_plain_cross_entropy_of_a_map_counts_every_cell_over_the_centres() -> None:
    truth = np.array([1.0, 0.0, 0.0], np.float32).reshape(1, 1, 3, 1)
    predicted = np.array([0.5, 0.5, 0.1], np.float32).reshape(truth.shape)
    assert float(heatmap_bce_loss(truth, predicted)) == pytest.approx(2 * np.log(2) - np.log(0.9), rel=1e-4)


def test_the_focal_loss_hardly_counts_what_is_right_already() -> None:
    truth = np.array([[1.0], [1.0]], np.float32)
    for predicted in (0.9, 0.4):
        scores = np.full((2, 1), predicted, np.float32)
        expected = (1 - predicted) ** 2 * float(presence_loss(truth, scores))
        assert float(focal_presence_loss(truth, scores)) == pytest.approx(expected, rel=1e-4)

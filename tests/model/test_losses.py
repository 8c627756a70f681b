import numpy as np
import pytest

from thirtyfold.model.losses import heatmap_loss, localization_loss, presence_loss


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

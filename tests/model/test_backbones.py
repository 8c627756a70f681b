from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from thirtyfold.model.backbones import BACKBONES, Preprocessing, feature_maps
from thirtyfold.model.options import BACKBONES as NAMES
from thirtyfold.model.options import TrainOptions

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
THEIRS = {
    "vgg16": keras.applications.vgg16,
    "resnet50": keras.applications.resnet50,
    "inceptionv3": keras.applications.inception_v3,
    "mobilenetv2": keras.applications.mobilenet_v2,
}
_BUILT: dict[tuple[str, int], Any] = {}


def built(name: str, size: int) -> Any:
    """A backbone with random weights; building one takes seconds, so each is built once."""
    if (name, size) not in _BUILT:
        keras.utils.set_random_seed(3)
        _BUILT[name, size] = BACKBONES[name].build(size, 0.35)
    return _BUILT[name, size]


def test_the_options_know_every_backbone_of_the_table() -> None:
    assert set(NAMES) == set(BACKBONES)


@pytest.mark.parametrize("name", THEIRS)
def test_preprocessing_is_what_the_weights_were_trained_with(name: str) -> None:
    ours = np.asarray(Preprocessing(BACKBONES[name].preprocessing)(PIXELS))
    assert np.allclose(ours, THEIRS[name].preprocess_input(PIXELS.astype(np.float32)), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"), [*((name, 160) for name in BACKBONES), ("inceptionv3", 32), ("mobilenetv2", 32), ("tiny", 32)]
)
def test_the_taps_have_strides_4_8_16_and_32_at_every_size(name: str, size: int) -> None:
    entry = BACKBONES[name]
    backbone = built(name, size)
    assert entry.fine_tap is not None
    for stride, tap in zip((4, 8, 16, 32), (entry.fine_tap, *entry.taps), strict=True):
        assert backbone.get_layer(tap).output.shape[1:3] == (size // stride, size // stride), tap


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_a_cell_sees_most_of_what_lies_in_it(name: str) -> None:
    # A spot in the middle of a cell has to show most in that cell: a network without padding, or with
    # padding on one side only, answers beside it, and every box would be looked for in the wrong place.
    size = 160
    entry = BACKBONES[name]
    maps = feature_maps(built(name, size), (entry.fine_tap, *entry.taps[:2]))
    quiet = np.zeros((1, size, size, 3), np.float32)
    before = maps.predict_on_batch(quiet)
    for level, stride in enumerate((4, 8, 16)):
        row, column = size // stride // 2, size // stride // 2 - 1
        y, x = int((row + 0.5) * stride), int((column + 0.5) * stride)
        spot = quiet.copy()
        spot[0, y - stride // 2 : y + stride // 2, x - stride // 2 : x + stride // 2] = 1.0
        after = maps.predict_on_batch(spot)
        answer = (np.asarray(after[level], np.float64) - before[level])[0] ** 2
        weight = answer.sum(axis=-1)
        rows, columns = np.indices(weight.shape)
        centre = (weight * rows).sum() / weight.sum(), (weight * columns).sum() / weight.sum()
        assert centre == pytest.approx((row, column), abs=0.65), (stride, centre)


@pytest.mark.slow
def test_inception_with_padding_has_the_weights_of_the_published_one_in_the_same_order() -> None:
    theirs = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(96, 96, 3))
    ours = built("inceptionv3", 160)
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
    assert [type(layer) for layer in ours.layers] == [type(layer) for layer in theirs.layers]
    ours.set_weights(theirs.get_weights())
    # Away from the borders both say the same. At stride 4 a cell of theirs looks 6 pixels further in than one of ours.
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 160, 160, 3)).astype(np.float32)
    activations = [layer.name for layer in theirs.layers if isinstance(layer, layers.Activation)]
    published = np.asarray(feature_maps(theirs, (activations[4],)).predict_on_batch(picture[:, 2:98, 2:98]))
    padded = np.asarray(feature_maps(ours, ("stem",)).predict_on_batch(picture))
    assert np.allclose(published[:, 4:15, 4:15], padded[:, 6:17, 6:17], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["tiny", "mobilenetv2"])
def test_batch_normalization_settles_within_tens_of_steps(name: str) -> None:
    norms = [layer for layer in built(name, 32).layers if isinstance(layer, layers.BatchNormalization)]
    assert norms
    assert all(layer.momentum == 0.9 for layer in norms)


def test_scratch_is_the_small_network_without_weights() -> None:
    options = TrainOptions(backbone="scratch")
    assert (options.backbone, options.weights) == ("tiny", "none")

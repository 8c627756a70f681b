import keras
import numpy as np
import pytest

from thirtyfold.model.backbones import BACKBONES, Preprocessing, feature_maps

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("mode", "theirs"),
    [("caffe", keras.applications.vgg16.preprocess_input), ("tf", keras.applications.mobilenet_v2.preprocess_input)],
)
def test_preprocessing_is_what_the_weights_were_trained_with(mode: str, theirs: object) -> None:
    ours = np.asarray(Preprocessing(mode)(PIXELS))
    assert np.allclose(ours, theirs(PIXELS.astype(np.float32)), atol=1e-4)  # type: ignore[operator]


@pytest.mark.parametrize("name", BACKBONES)
def test_the_taps_of_every_backbone_have_strides_8_16_and_32(name: str) -> None:
    entry = BACKBONES[name]
    maps = feature_maps(entry.build(64, 0.35), entry.taps)
    assert [output.shape[1] for output in maps.outputs] == [8, 4, 2]

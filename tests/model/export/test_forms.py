"""Every form of every network says the same; the larger networks at 64 px, without weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from thirtyfold.model import detect
from thirtyfold.model.export import litert
from thirtyfold.model.export.made import MAKERS, Source, make_keras
from thirtyfold.model.options import BACKBONES, TrainOptions
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.forms import LITERT, LITERT_INT8, ONNX

SIZE = 64
NETWORKS = [*((name, "dense") for name in BACKBONES), ("tiny", "global")]


def built(backbone: str, heads: str) -> tuple[Any, Artifact]:
    """A network of random weights and random statistics of its batch normalizations, so that nothing is 0 or 1."""
    keras.utils.set_random_seed(1)
    options = TrainOptions(backbone=backbone, heads=heads, weights="none", size=SIZE, alpha=0.35)
    network = detect.build(options, ("a", "b"))
    random = np.random.default_rng(1)
    for layer in network.model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(random.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(random.uniform(0.5, 1.5, layer.moving_variance.shape))
    name, decoder_options = detect.decoder(options, ("a", "b"), many=False)
    artifact = Artifact(
        task="detect", classes=("face", "hand"), size=SIZE, decoder=name, decoder_options=decoder_options, forms={}
    )
    return network.model, artifact


def squares(count: int) -> list[Any]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (SIZE, SIZE, 3), np.uint8) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "heads"), NETWORKS)
def test_float_forms_agree_with_keras_within_a_pixel_at_640(backbone: str, heads: str) -> None:
    model, artifact = built(backbone, heads)
    keras_form = make_keras(model, SIZE)
    with litert.saved_model(model, SIZE) as saved:
        source = Source(model=model, saved=saved, artifact=artifact, train=(), int8="dynamic")
        forms = {file: MAKERS[file](source) for file in (LITERT, ONNX)}
    for square in squares(3):
        expected = keras_form.run(square)
        for file, form in forms.items():
            found = form.run(square)
            assert set(found) == {"scores", "boxes"}
            assert np.abs(found["boxes"] - expected["boxes"]).max() * 640 < 1, file
            assert np.abs(found["scores"] - expected["scores"]).max() < 0.01, file


@pytest.mark.slow
def test_full_int8_takes_bytes_gives_floats_and_keeps_what_follows_the_heads_exact() -> None:
    model, artifact = built("mobilenetv2", "dense")
    keras_form = make_keras(model, SIZE)
    photos = squares(12)
    with litert.saved_model(model, SIZE) as saved:
        source = Source(model=model, saved=saved, artifact=artifact, train=(), int8="dynamic")
        data = litert.to_full_int8(saved, photos)
        dynamic = MAKERS[LITERT_INT8](source)
    assert dynamic.numbers == "int8 weights"
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=data).get_signature_runner("serving_default")
    assert runner.get_input_details()["image"]["dtype"] is np.uint8
    assert {details["dtype"] for details in runner.get_output_details().values()} == {np.float32}
    assert len(data) < 0.5 * 4 * model.count_params()
    boxes = np.concatenate([runner(image=photo[None])["boxes"] for photo in photos])
    # In int8 there would be 256 places at most.
    assert len(np.unique(boxes)) > 256
    expected = np.concatenate([keras_form.run(photo)["boxes"] for photo in photos])
    assert np.abs(boxes - expected).mean() * SIZE < 2

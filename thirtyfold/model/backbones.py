"""Backbones: what turns a picture into feature maps, each with its own preprocessing.

A table; the contract test walks it. Preprocessing is part of the model, so that a
bare ``/255`` can never be fed to ImageNet weights and the exported model takes pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

# Means of ImageNet's blue, green and red, as the original VGG was trained (Simonyan and Zisserman, 2015).
_IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


@keras.saving.register_keras_serializable(package="thirtyfold")
class Preprocessing(layers.Layer):  # type: ignore[misc]
    """uint8 RGB (batch, height, width, 3) to what a backbone was trained on.

    ``caffe``: blue first, ImageNet's mean taken off. ``tf``: -1 to 1.
    """

    def __init__(self, mode: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("caffe", "tf"):
            raise ValueError(f"unknown preprocessing {mode!r}")
        self.mode = mode

    def call(self, image: Any) -> Any:
        pixels = ops.cast(image, "float32")
        if self.mode == "tf":
            return pixels / 127.5 - 1.0
        return ops.flip(pixels, axis=-1) - ops.convert_to_tensor(_IMAGENET_MEAN_BGR, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """``build(size, alpha)`` gives a headless model without weights; ``taps`` are the layers whose
    outputs have strides 8, 16 and 32. ``preprocessing`` is a mode of :class:`Preprocessing`.
    ``rate`` is the highest learning rate at which the whole of it trains from nothing: VGG16 has no
    batch normalization and dies at more.
    """

    build: Callable[[int, float], Any]
    taps: tuple[str, str, str]
    preprocessing: str
    rate: float


def _vgg16(size: int, alpha: float) -> Any:
    return keras.applications.VGG16(include_top=False, weights=None, input_shape=(size, size, 3))


def _mobilenetv2(size: int, alpha: float) -> Any:
    return keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(size, size, 3), alpha=alpha)


def _tiny(size: int, alpha: float) -> Any:
    """Five strided blocks, 0.4 million weights: learns from nothing within a minute or two."""
    inputs = keras.Input((size, size, 3))
    x = inputs
    for stage, filters in enumerate((16, 32, 64, 96, 128), start=1):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=f"stage{stage}_down")(x)
        x = batch_norm(f"stage{stage}_down_bn")(x)
        x = layers.ReLU(name=f"stage{stage}_down_relu")(x)
        if stage > 1:
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"stage{stage}_conv")(x)
            x = batch_norm(f"stage{stage}_bn")(x)
            x = layers.ReLU(name=f"stage{stage}")(x)
    return keras.Model(inputs, x, name="tiny")


BACKBONES: dict[str, Backbone] = {
    "vgg16": Backbone(
        build=_vgg16, taps=("block4_conv3", "block5_conv3", "block5_pool"), preprocessing="caffe", rate=1e-4
    ),
    "mobilenetv2": Backbone(
        build=_mobilenetv2,
        taps=("block_6_expand_relu", "block_13_expand_relu", "out_relu"),
        preprocessing="tf",
        rate=1e-3,
    ),
    "tiny": Backbone(build=_tiny, taps=("stage3", "stage4", "stage5"), preprocessing="tf", rate=2e-3),
}


def batch_norm(name: str) -> Any:
    """Batch normalization whose running mean is settled after tens of steps.

    Keras's 0.99 needs many hundreds, which is more than a hundred photos ever get: until
    then the trained network and the running one are two different ones.
    """
    return layers.BatchNormalization(momentum=0.9, name=name)


def feature_maps(backbone: Any, taps: tuple[str, ...]) -> Any:
    """A model from the backbone's input to the outputs of ``taps``."""
    return keras.Model(backbone.input, [backbone.get_layer(name).output for name in taps], name=backbone.name)

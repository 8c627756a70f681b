"""Backbones: what turns a picture into feature maps, each with its own preprocessing.

A table; the contract test walks it. Preprocessing is part of the model, so that a
bare ``/255`` can never be fed to ImageNet weights and the exported model takes pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
from keras import layers, ops

from thirtyfold.model.applications import APPLICATIONS

# Means of ImageNet's blue, green and red, as the original VGG was trained (Simonyan and Zisserman, 2015).
_IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
# Of red, green and blue, 0 to 1, as PyTorch's models, and Keras's DenseNet, were trained.
_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Their means, 0 to 255.
_IMAGENET_MEAN, _IMAGENET_DEVIATION = 114.5, 57.6


@keras.saving.register_keras_serializable(package="thirtyfold")
class Preprocessing(layers.Layer):  # type: ignore[misc]
    """uint8 RGB (batch, height, width, 3) to what a backbone was trained on.

    ``caffe``: blue first, ImageNet's mean taken off. ``tf``: -1 to 1. ``torch``: 0 to 1, ImageNet's mean taken off,
    divided by its deviation. ``none``: as they are, for a backbone that sees to it itself. With ``whiten`` each photo
    first gets the mean and the deviation of ImageNet's photos, over all of its pixels and colours: whatever comes
    next is fed what it knows.
    """

    def __init__(self, mode: str, *, whiten: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("caffe", "tf", "torch", "none"):
            raise ValueError(f"unknown preprocessing {mode!r}")
        self.mode, self.whiten = mode, whiten

    def call(self, image: Any) -> Any:
        pixels = ops.cast(image, "float32")
        if self.whiten:
            mean = ops.mean(pixels, axis=(1, 2, 3), keepdims=True)
            deviation = ops.sqrt(ops.mean(ops.square(pixels - mean), axis=(1, 2, 3), keepdims=True))
            # A photo of one grey has none; noise of less than a grey level is not to be blown up.
            pixels = (pixels - mean) / ops.maximum(deviation, 1.0) * _IMAGENET_DEVIATION + _IMAGENET_MEAN
        if self.mode == "tf":
            return pixels / 127.5 - 1.0
        if self.mode == "torch":
            return (pixels / 255.0 - ops.convert_to_tensor(_TORCH_MEAN, dtype="float32")) / ops.convert_to_tensor(
                _TORCH_DEVIATION, dtype="float32"
            )
        if self.mode == "none":
            return pixels
        return ops.flip(pixels, axis=-1) - ops.convert_to_tensor(_IMAGENET_MEAN_BGR, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode, "whiten": self.whiten}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """``build(size, alpha)`` gives a headless model without weights. ``preprocessing`` is a mode of
    :class:`Preprocessing`.

    ``taps``, of those that can look at places, are the layers whose outputs have strides 8, 16 and 32: a side of
    ``size / stride`` cells, and what a cell sees most of lies in that cell. ``fine_tap`` is a tap at stride 4, for
    small objects, ``half_tap`` one at stride 2, for exact borders. Where a tap follows cheaply from a layer of far
    fewer channels, ``cuts`` names that layer: it is what is stored. The block after ``top_after`` is what fine-tuning
    trains.

    ``rate`` is the highest learning rate at which the whole of it trains from nothing: VGG16 has no batch normalization
    and diverges at more. ``int8`` is the form of whole numbers that suits it: depthwise convolutions gain only from
    ``full`` (activations, too), the others most from ``dynamic``.
    """

    build: Callable[[int, float], Any]
    preprocessing: Literal["caffe", "tf", "torch", "none"]
    rate: float
    taps: tuple[str, ...] = ()
    top_after: str = ""
    fine_tap: str = ""
    half_tap: str = ""
    int8: Literal["dynamic", "full"] = "dynamic"
    cuts: Mapping[str, str] = field(default_factory=dict)

    def taps_from(self, stride: int) -> tuple[str, ...]:
        """The taps at ``stride`` (4, 8 or 16) and above, the finest first."""
        return (self.fine_tap, *self.taps)[{4: 0, 8: 1, 16: 2}[stride] :]

    def stored_for(self, taps: Sequence[str]) -> tuple[str, ...]:
        """The layers whose outputs are stored so that ``taps`` follow from them."""
        return tuple(dict.fromkeys(self.cuts.get(tap, tap) for tap in taps))


def _vgg16(size: int, alpha: float) -> Any:
    return keras.applications.VGG16(include_top=False, weights=None, input_shape=(size, size, 3))


def _resnet50(size: int, alpha: float) -> Any:
    return with_quick_norms(
        keras.applications.ResNet50(include_top=False, weights=None, input_shape=(size, size, 3), name="resnet50")
    )


def _inceptionv3(size: int, alpha: float) -> Any:
    """InceptionV3 whose maps lie over the picture: every unpadded layer is padded.

    Unpadded, as it was published, a map of 224 px has 25 cells a side instead of 28 and a cell looks at a
    place more than a cell away. The same was done for detection by "align_feature_maps" of TF-Slim's
    Inception-ResNet (Huang et al., "Speed/accuracy trade-offs", 2017). Weights and their order stay the same.
    """
    published = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(None, None, 3))
    # Its layers have no names but running numbers; the fifth activation is the last one of stride 4.
    stem = [layer for layer in published.layers if isinstance(layer, layers.Activation)][4]

    def padded(layer: Any) -> Any:
        config = layer.get_config()
        if config.get("padding") == "valid":
            config["padding"] = "same"
        if layer is stem:
            config["name"] = "stem"
        return type(layer).from_config(config)

    image = keras.Input((size, size, 3))
    return with_quick_norms(keras.models.clone_model(published, input_tensors=image, clone_function=padded))


def _mobilenetv2(size: int, alpha: float) -> Any:
    return with_quick_norms(
        keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(size, size, 3), alpha=alpha)
    )


def _cnn(size: int, alpha: float) -> Any:
    """Two blocks of a convolution 3×3 and a pool 2×2, flattened, dense 256: the network of many first tutorials.

    Its dense layer grows with the square of ``size``: 17 million weights at 128 px, 51 million at 224.
    """
    inputs = keras.Input((size, size, 3))
    x = inputs
    for block, filters in enumerate((32, 64), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    x = layers.Dense(256, activation="relu", name="dense256")(layers.Flatten(name="flatten")(x))
    # A map of one place, which pooling leaves as it is.
    return keras.Model(inputs, layers.Reshape((1, 1, 256), name="as_map")(x), name="cnn")


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
        build=_vgg16,
        taps=("block4_conv3", "block5_conv3", "block5_pool"),
        preprocessing="caffe",
        rate=1e-4,
        top_after="block4_conv3",
        fine_tap="block3_conv3",
        half_tap="block2_conv2",
    ),
    "resnet50": Backbone(
        build=_resnet50,
        taps=("conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
        preprocessing="caffe",
        rate=1e-3,
        top_after="conv4_block6_out",
        fine_tap="conv2_block3_out",
        half_tap="conv1_relu",
    ),
    "inceptionv3": Backbone(
        build=_inceptionv3,
        taps=("mixed2", "mixed7", "mixed10"),
        preprocessing="tf",
        rate=1e-3,
        top_after="mixed7",
        fine_tap="stem",
    ),
    "mobilenetv2": Backbone(
        build=_mobilenetv2,
        taps=("block_6_expand_relu", "block_13_expand_relu", "out_relu"),
        preprocessing="tf",
        rate=1e-3,
        top_after="block_12_add",
        int8="full",
        fine_tap="block_3_expand_relu",
        half_tap="expanded_conv_project_BN",
        # The taps are the wide, cheap ends of 1×1 convolutions: six times as many channels as what they come from.
        cuts={
            "block_3_expand_relu": "block_2_add",
            "block_6_expand_relu": "block_5_add",
            "block_13_expand_relu": "block_12_add",
            "out_relu": "block_12_add",
        },
    ),
    "tiny": Backbone(
        build=_tiny,
        taps=("stage3", "stage4", "stage5"),
        preprocessing="tf",
        rate=2e-3,
        top_after="stage4",
        fine_tap="stage2",
        half_tap="stage1_down_relu",
    ),
}


def backbone_of(name: str) -> Backbone:
    """The backbone of a name that :class:`TrainOptions` let through: of the table, or of ``keras.applications``."""
    if name in BACKBONES:
        return BACKBONES[name]
    if name == "cnn":
        return Backbone(build=_cnn, preprocessing="tf", rate=1e-3)
    entry = APPLICATIONS[name]
    return Backbone(
        build=lambda size, alpha: with_quick_norms(entry.build(size, alpha)),
        preprocessing=entry.mode,
        rate=1e-3,
        int8="full" if name.startswith(("mobilenet", "efficientnet", "nasnet", "xception")) else "dynamic",
    )


def last_block_after(backbone: Any) -> str:
    """The layer before the last block of a backbone that nobody has named one of.

    All that comes later goes through it alone, and has a quarter of the weights at least.
    """
    numbers = {layer.name: number for number, layer in enumerate(backbone.layers)}
    reach, found = 0, ""
    wanted = 0.75 * backbone.count_params()
    so_far = 0
    for number, layer in enumerate(backbone.layers):
        so_far += layer.count_params()
        if number and reach <= number and so_far <= wanted and len(layer.output.shape) == 4:
            found = layer.name
        for node in layer._outbound_nodes:
            reach = max(reach, numbers.get(node.operation.name, 0))
    return found or backbone.layers[1].name


# Keras's 0.99 (0.999 in MobileNetV2) needs hundreds of steps and more, which a hundred photos never give:
# until then the trained network and the running one are two different ones.
_MOMENTUM = 0.9


def batch_norm(name: str) -> Any:
    """Batch normalization whose running mean is settled after tens of steps."""
    return layers.BatchNormalization(momentum=_MOMENTUM, name=name)


def conv_block(x: Any, filters: int, kernel: int, name: str) -> Any:
    """A convolution, batch normalization and ReLU."""
    x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=name)(x)
    x = batch_norm(f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def with_quick_norms(backbone: Any) -> Any:
    """The same backbone, its batch normalizations as :func:`batch_norm`. Loaded weights are none the worse."""
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    return backbone


def feature_maps(backbone: Any, taps: Sequence[str]) -> Any:
    """A model from the backbone's input to the outputs of ``taps``."""
    return keras.Model(backbone.input, [backbone.get_layer(name).output for name in taps], name=backbone.name)


def on_stored(backbone: Any, stored: Sequence[str], taps: Sequence[str], heads: Any) -> Any:
    """A model from the outputs of the layers ``stored`` to what ``heads`` say of the ``taps``."""
    if tuple(stored) == tuple(taps):
        return heads
    maps = [backbone.get_layer(name).output for name in stored]
    inputs = {name: keras.Input(tensor.shape[1:], name=name) for name, tensor in zip(stored, maps, strict=True)}
    # A tap that is stored itself passes by: Keras finds no way from an input to the same tensor as an output.
    missing = [name for name in taps if name not in inputs]
    between = keras.Model(maps, [backbone.get_layer(name).output for name in missing], name="between")
    at = {**inputs, **dict(zip(missing, as_list(between(list(inputs.values()))), strict=True))}
    return keras.Model(list(inputs.values()), heads([at[name] for name in taps]), name="on_stored")


def layers_after(backbone: Any, name: str, taps: Sequence[str]) -> tuple[Any, ...]:
    """The layers between the layer ``name`` and the last of the ``taps``."""
    start, end = backbone.get_layer(name).output, backbone.get_layer(taps[-1]).output
    return tuple(layer for layer in keras.Model(start, end).layers if not isinstance(layer, layers.InputLayer))


def as_list(outputs: Any) -> list[Any]:
    """The outputs of a model that has one, or several."""
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

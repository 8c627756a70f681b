"""A U-Net whose encoder is a backbone: what is there from the coarse maps, exactly where from the fine ones.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation" (2015). The skips are
the backbone's maps at strides 4 to 32, and the one at stride 2 where the whole backbone learns or the map is so small
that storing it for every copy costs little. The probabilities come at half of the input's resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers

from thirtyfold.model.backbones import Backbone, conv_block

OUTPUT_STRIDE = 2
# Channels of the decoder at strides 16, 8, 4 and 2.
WIDTHS = {16: 96, 8: 64, 4: 32, 2: 16}
# A map of no more channels at stride 2 is stored for a frozen backbone: a tenth of a megabyte a photo at 224 px.
_FEW_CHANNELS = 24


def skips_of(entry: Backbone, backbone: Any, *, stored: bool) -> tuple[str, ...]:
    """The layers of ``backbone`` that the decoder joins, finest first. ``stored``: their outputs are kept on disk."""
    taps = entry.taps_from(4)
    if not entry.half_tap:
        return taps
    channels = int(backbone.get_layer(entry.half_tap).output.shape[-1])
    return taps if stored and channels > _FEW_CHANNELS else (entry.half_tap, *taps)


def decoder(maps: Sequence[Any], class_count: int, *, drop: float) -> Any:
    """Feature maps to probabilities (batch, size/2, size/2, classes + 1).

    ``maps`` are finest first, each half as wide as the one before; ``drop`` is the share of their channels that a step
    of training does without.
    """
    *skips, x = [layers.SpatialDropout2D(drop, name=f"drop{level}")(features) for level, features in enumerate(maps)]
    stride = 32
    while stride > OUTPUT_STRIDE:
        stride //= 2
        width = WIDTHS[stride]
        x = conv_block(x, width, 1, f"narrow{stride}")
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{stride}")(x)
        if skips:
            skip = conv_block(skips.pop(), width, 1, f"skip{stride}")
            x = layers.Concatenate(name=f"join{stride}")([skip, x])
        x = conv_block(x, width, 3, f"conv{stride}a")
        x = conv_block(x, width, 3, f"conv{stride}b")
    return layers.Conv2D(class_count + 1, 1, activation="softmax", name="mask")(x)

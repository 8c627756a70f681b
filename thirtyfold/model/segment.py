"""The task *segment*: which class each pixel has, by a U-Net on the backbone.

Truth is drawn: polygons, masks, boxes and circles become a label map at the resolution of the output, in the letterbox
square that the network sees. What is background in a photo teaches as well, so a photo without a shape counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.rasterize import VOID, letterboxed_label_map, numbers_of
from thirtyfold.errors import UsageError
from thirtyfold.model import unet
from thirtyfold.model.backbones import BACKBONES
from thirtyfold.model.map_network import network_on_maps
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.segment_losses import segment_loss
from thirtyfold.model.tasks import Network
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DROP = 0.2
# How far from 1 a class may weigh, however rare it is.
_LIGHTEST, _HEAVIEST = 0.2, 10.0
# Photos that the weights are counted on; more say the same.
_COUNTED_PHOTOS = 400


def resolve_options(options: TrainOptions, samples: Sequence[Sample], classes: Sequence[str]) -> TrainOptions:
    """The options with ``class_weights`` as numbers: by how rare the classes' pixels are where ``auto`` was said."""
    if options.class_weights != "auto":
        return options
    chosen = samples[:: max(1, len(samples) // _COUNTED_PHOTOS)]
    weights = class_weights(chosen, classes, options.size)
    return replace(options, class_weights=",".join(f"{weight:.4g}" for weight in weights))


def class_weights(samples: Sequence[Sample], classes: Sequence[str], size: int) -> tuple[float, ...]:
    """What background and each class weigh in the cross-entropy: the square root of how much rarer each is than the
    median, 0.2 to 10. (The root of "median frequency balancing" of Eigen and Fergus, 2015, as Dice sees to the rest.)
    """
    counts = np.zeros(len(classes) + 1, np.float64)
    numbers = numbers_of(classes)
    for sample in samples:
        labels = letterboxed_label_map(sample, numbers, size, size // unet.OUTPUT_STRIDE)
        counts += np.bincount(labels[labels != VOID], minlength=len(counts))[: len(counts)]
    shares = np.maximum(counts, 1.0) / max(counts.sum(), 1.0)
    return tuple(np.clip(np.sqrt(np.median(shares) / shares), _LIGHTEST, _HEAVIEST).tolist())


def build(options: TrainOptions, classes: Sequence[str]) -> Network:
    """The network: "image" uint8 (batch, size, size, 3) to {"mask": (batch, size/2, size/2, classes + 1)}."""
    entry = BACKBONES[options.backbone]
    backbone = entry.build(options.size, options.alpha)
    drop = _DROP if options.frozen_backbone else 0.0

    def heads_on(maps: Sequence[Any]) -> dict[str, Any]:
        return {"mask": unet.decoder(maps, len(classes), drop=drop)}

    taps = unet.skips_of(entry, backbone, stored=options.on_stored_features)
    return network_on_maps(entry, backbone, taps, heads_on, size=options.size, name="segment")


def losses(options: TrainOptions, classes: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """Dice and cross-entropy in one (``segment_losses.py``)."""
    return {"mask": segment_loss(weights_in(options.class_weights, len(classes)))}, {"mask": 1.0}


def weights_in(text: str, class_count: int) -> tuple[float, ...]:
    """``none``, or the numbers in ``--class-weights 1,5``: background's first. Raises :class:`UsageError`."""
    if text in ("none", "auto"):
        return (1.0,) * (class_count + 1)
    weights = tuple(float(number) for number in text.split(","))
    if len(weights) != class_count + 1:
        raise UsageError(
            f"--class-weights {text}: {class_count + 1} numbers were expected, background and {class_count} classes"
        )
    return weights


def encode_sample(sample: Sample, options: TrainOptions, classes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """{"mask": (size/2, size/2)}: class numbers, 0 for background, 255 for void."""
    side = options.size // unet.OUTPUT_STRIDE
    return {"mask": letterboxed_label_map(sample, numbers_of(classes), options.size, side).astype(np.float32)}


def decoder(options: TrainOptions, classes: Sequence[str], *, many: bool) -> tuple[str, dict[str, Any]]:
    return "mask", {}

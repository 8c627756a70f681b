"""The task *attributes*: several answers about a whole photo, a head each, on one backbone.

A head chooses one of its classes (gender) or gives a number (age). Photos of which one head knows nothing still teach
the others: each target carries a weight, 0 where it is missing, and a loss is averaged over what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

from thirtyfold.datasets.whole_photo import head_and_value
from thirtyfold.model.classify import POOLED, hidden, pooled_network, pooled_width
from thirtyfold.model.devices import over_all_devices
from thirtyfold.model.labelling.attributes import truth_of
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.tasks import Network
from thirtyfold.predict.attribute_heads import Head, heads_of
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Numbers that are all the same have no spread to be measured in; such a head is refused, unless it is not learned.
_SMALLEST_SPREAD = 1e-6
# Up to a spread the error counts squared, beyond it in proportion (Huber, 1964): a wrong label does not rule.
_HUBER_DELTA = 1.0


def resolve_options(options: TrainOptions, samples: Sequence[Sample], classes: Sequence[str]) -> TrainOptions:
    """The options with the mean and the spread of the train photos' numbers, and with what kind each head is.

    Of fewer photos, to be judged on, the same column could look like classes.
    """
    heads = heads_of(classes)
    scales = []
    for name in sorted({name for sample in samples for name in sample.values}):
        values = [sample.values[name] for sample in samples if name in sample.values]
        scales.append((name, float(np.mean(values)), max(float(np.std(values)), _SMALLEST_SPREAD)))
    numbers = {name for name, _, _ in scales} | {head.name for head in heads if not head.classes}
    chosen = {pair[0] for sample in samples for tag in sample.tags if (pair := head_and_value(tag))}
    chosen |= {head.name for head in heads if head.classes}
    return replace(
        options,
        number_scales=tuple(scales),
        number_heads=tuple(sorted(numbers)),
        class_heads=tuple(sorted(chosen)),
    )


def build(options: TrainOptions, classes: Sequence[str]) -> Network:
    """The network: "image" uint8 (batch, size, size, 3) to {"head0_gender": …}, in the order of :func:`heads_of`.

    A head that chooses gives probabilities, (batch, classes), one of numbers the number itself, (batch, 1).
    """
    pooled = keras.Input((pooled_width(options),), name=POOLED)
    vector = hidden(pooled, options.heads)
    outputs = {}
    for head in heads_of(classes):
        if head.classes:
            outputs[head.output] = layers.Dense(len(head.classes), activation="softmax", name=head.output)(vector)
        else:
            mean, spread = _scale(options, head)
            steps = layers.Dense(1, name=f"{head.output}_scaled")(vector)
            outputs[head.output] = layers.Rescaling(spread, offset=mean, name=head.output)(steps)
    return pooled_network(options, keras.Model(pooled, outputs, name="heads"))


def losses(options: TrainOptions, classes: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """Cross-entropy for classes, Huber's loss in spreads of the train photos for numbers; all weigh the same.

    A head's loss is the mean over the photos of the batch, on all devices, of which it is known.
    """
    heads = heads_of(classes)
    chosen = {
        head.output: known_cross_entropy if head.classes else _known_huber(_scale(options, head)[1]) for head in heads
    }
    return chosen, {head.output: 1.0 for head in heads}


def known_cross_entropy(y_true: Any, y_pred: Any) -> Any:
    """``y_true`` (batch, classes + 1): the truth, one-hot, and its weight; ``y_pred`` (batch, classes)."""
    entropy = keras.losses.categorical_crossentropy(y_true[:, :-1], y_pred)
    return _mean_of_known(entropy, y_true[:, -1])


def _known_huber(spread: float) -> Callable[[Any, Any], Any]:
    def known_huber(y_true: Any, y_pred: Any) -> Any:
        """``y_true`` (batch, 2): the number and its weight; ``y_pred`` (batch, 1)."""
        off = ops.abs(y_pred[:, 0] - y_true[:, 0]) / spread
        huber = ops.where(off <= _HUBER_DELTA, 0.5 * off**2, _HUBER_DELTA * (off - 0.5 * _HUBER_DELTA))
        return _mean_of_known(huber, y_true[:, 1])

    return known_huber


def _mean_of_known(values: Any, weights: Any) -> Any:
    return ops.sum(values * weights) / ops.maximum(over_all_devices(ops.sum(weights)), 1.0)


def encode_sample(sample: Sample, options: TrainOptions, classes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """A target a head with its weight behind it, all 0 where nothing is known; see the losses."""
    targets = {}
    for head in heads_of(classes):
        truth = truth_of(sample, head)
        target = np.zeros((len(head.classes) or 1) + 1, np.float32)
        if isinstance(truth, str) and truth in head.classes:
            target[head.classes.index(truth)] = target[-1] = 1.0
        elif isinstance(truth, float | int):
            target[:] = truth, 1.0
        targets[head.output] = target
    return targets


def decoder(options: TrainOptions, classes: Sequence[str], *, many: bool) -> tuple[str, dict[str, Any]]:
    """The mean and the spread of each number among the train photos go along: what errors are measured by."""
    return "attributes", {"scales": {name: [mean, spread] for name, mean, spread in options.number_scales}}


def _scale(options: TrainOptions, head: Head) -> tuple[float, float]:
    known = {name: (mean, spread) for name, mean, spread in options.number_scales}
    return known.get(head.name, (0.0, 1.0))

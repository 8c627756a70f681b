"""The loss of a segmenter, in ``keras.ops``: Dice and cross-entropy together.

Truth is (batch, rows, columns) of class numbers as float, 0 for background, 255 for void, which counts for nothing;
predictions are probabilities (batch, rows, columns, classes + 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from thirtyfold.datasets.rasterize import VOID
from thirtyfold.model.devices import over_all_devices

_EPSILON = 1e-6
# Pixels: a class that neither truth nor prediction has in a batch loses nothing, and the ratio stays finite.
_SMOOTH = 1.0


def segment_loss(class_weights: Sequence[float]) -> Callable[[Any, Any], Any]:
    """Dice loss plus cross-entropy; ``class_weights`` are those of the latter, background's first."""

    def loss(y_true: Any, y_pred: Any) -> Any:
        return dice_loss(y_true, y_pred) + cross_entropy(y_true, y_pred, class_weights)

    return loss


def dice_loss(y_true: Any, y_pred: Any) -> Any:
    """1 - the mean of the classes' soft Dice over a batch, no background (Milletari et al., V-Net, 2016, eq. 4)."""
    truth, counted = _one_hot(y_true, y_pred)
    predicted = y_pred * counted
    axes = (0, 1, 2)
    shared = ops.sum(truth * predicted, axis=axes)[1:]
    both = ops.sum(ops.square(truth) + ops.square(predicted), axis=axes)[1:]
    dice = (2.0 * shared + _SMOOTH / over_all_devices(ops.ones_like(both))) / over_all_devices(both + _SMOOTH)
    return 1.0 / over_all_devices(ops.ones(())) - ops.mean(dice)


def cross_entropy(y_true: Any, y_pred: Any, class_weights: Sequence[float]) -> Any:
    """The weighted mean over the pixels that are not void."""
    truth, _ = _one_hot(y_true, y_pred)
    weights = truth * ops.convert_to_tensor(list(class_weights), dtype=y_pred.dtype)
    total = ops.sum(weights * ops.log(ops.clip(y_pred, _EPSILON, 1.0)))
    return -total / ops.maximum(over_all_devices(ops.sum(weights)), 1.0)


def _one_hot(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Truth (batch, rows, columns, classes + 1), all 0 where it is void, and what is not void (…, 1)."""
    numbers = ops.cast(y_true, "int32")
    counted = ops.cast(ops.expand_dims(numbers, -1) != VOID, y_pred.dtype)
    truth = ops.one_hot(ops.minimum(numbers, y_pred.shape[-1] - 1), y_pred.shape[-1], dtype=y_pred.dtype)
    return truth * counted, counted

"""The losses of the two heads, in ``keras.ops``: bound to no backend."""

from __future__ import annotations

from typing import Any

from keras import ops

_EPSILON = 1e-6


def localization_loss(y_true: Any, y_pred: Any) -> Any:
    """Squared error of the corner plus squared error of width and height.

    ``y_true`` is (batch, ..., 5): left, top, right, bottom in 0 to 1 of the input
    square, and a weight. Weights are 0 where there is nothing to learn; the encoder
    sees to it that those of one image add up to 1 (times a scale). ``y_pred`` is
    (batch, ..., 4). The sum is divided by the number of images that hold an object,
    so negatives teach the class head only and do not thin out the box head.
    """
    weight = y_true[..., 4]
    corner = ops.sum(ops.square(y_true[..., 0:2] - y_pred[..., 0:2]), axis=-1)
    true_size = y_true[..., 2:4] - y_true[..., 0:2]
    predicted_size = y_pred[..., 2:4] - y_pred[..., 0:2]
    size = ops.sum(ops.square(true_size - predicted_size), axis=-1)
    flat = ops.reshape(weight, (ops.shape(weight)[0], -1))
    holds_object = ops.cast(ops.max(flat, axis=1) > 0, y_pred.dtype)
    return ops.sum((corner + size) * weight) / ops.maximum(ops.sum(holds_object), 1.0)


def heatmap_loss(y_true: Any, y_pred: Any) -> Any:
    """Focal loss on a map of object centres (Zhou et al., Objects as Points, 2019, eq. 1).

    ``y_true`` and ``y_pred`` are (batch, rows, columns, classes), 0 to 1; ``y_true`` is 1
    at the cell of a centre and falls off around it as a Gaussian.
    """
    predicted = ops.clip(y_pred, _EPSILON, 1.0 - _EPSILON)
    centre = ops.cast(y_true > 1.0 - _EPSILON, predicted.dtype)
    hit = centre * ops.square(1.0 - predicted) * ops.log(predicted)
    miss = (1.0 - centre) * ops.power(1.0 - y_true, 4.0) * ops.square(predicted) * ops.log(1.0 - predicted)
    return -ops.sum(hit + miss) / ops.maximum(ops.sum(centre), 1.0)


def presence_loss(y_true: Any, y_pred: Any) -> Any:
    """Binary cross-entropy of "is there one", mean over (batch, classes)."""
    predicted = ops.clip(y_pred, _EPSILON, 1.0 - _EPSILON)
    return -ops.mean(y_true * ops.log(predicted) + (1.0 - y_true) * ops.log(1.0 - predicted))

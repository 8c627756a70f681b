"""The losses of the two heads, in ``keras.ops``: bound to no backend.

Every box loss takes ``y_true`` (batch, ..., 5): left, top, right, bottom in 0 to 1 of the input square, and a
weight; and ``y_pred`` (batch, ..., 4). Weights are 0 where there is nothing to learn; the encoder sees to it
that those of one image add up to 1. The sum is divided by the number of images that hold an object, so
negatives teach the class head only and do not thin out the box head.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from thirtyfold.model.devices import over_all_devices

_EPSILON = 1e-6
_FLAT = 1e-4  # keeps the slope of a box without height finite


def localization_loss(y_true: Any, y_pred: Any) -> Any:
    """Squared error of the corner plus squared error of width and height."""
    return _over_images(_squared_errors(y_true, y_pred), y_true)


def relative_localization_loss(y_true: Any, y_pred: Any) -> Any:
    """:func:`localization_loss` in shares of each object's own area: a small face counts as much as a large one."""
    width, height = _sides(y_true)
    return _over_images(_squared_errors(y_true, y_pred) / ops.maximum(width * height, _EPSILON), y_true)


def giou_loss(y_true: Any, y_pred: Any) -> Any:
    """1 - GIoU, 0 to 2: of two disjoint boxes, too, the nearer one is the better (Rezatofighi et al., 2019)."""
    overlap, union, across, down = _overlap(y_true, y_pred)
    hull = across * down
    giou = overlap / (union + _EPSILON**2) - (hull - union) / (hull + _EPSILON**2)
    return _over_images(1.0 - giou + _inside_out(y_pred), y_true)


def ciou_loss(y_true: Any, y_pred: Any) -> Any:
    """1 - CIoU, 0 to 3: IoU, distance of the centres and ratio of the sides (Zheng et al., 2020)."""
    overlap, union, across, down = _overlap(y_true, y_pred)
    iou = overlap / (union + _EPSILON**2)
    apart = (y_true[..., 0:2] + y_true[..., 2:4] - y_pred[..., 0:2] - y_pred[..., 2:4]) / 2.0
    distance = ops.sum(ops.square(apart), axis=-1) / (ops.square(across) + ops.square(down) + _EPSILON**2)
    true_width, true_height = _sides(y_true)
    width, height = _sides(y_pred)
    angles = ops.arctan(true_width / (true_height + _FLAT)) - ops.arctan(width / (height + _FLAT))
    ratio = (4.0 / math.pi**2) * ops.square(angles)
    # How much the ratio counts is a weight, not something to be learned (eq. 11 there).
    share = ops.stop_gradient(ratio / (1.0 - iou + ratio + _EPSILON))
    return _over_images(1.0 - iou + distance + share * ratio + _inside_out(y_pred), y_true)


def heatmap_loss(y_true: Any, y_pred: Any) -> Any:
    """Focal loss on a map of object centres (Zhou et al., Objects as Points, 2019, eq. 1).

    ``y_true`` and ``y_pred`` are (batch, rows, columns, classes), 0 to 1; ``y_true`` is 1
    at the cell of a centre and falls off around it as a Gaussian.
    """
    predicted = ops.clip(y_pred, _EPSILON, 1.0 - _EPSILON)
    centre = ops.cast(y_true > 1.0 - _EPSILON, predicted.dtype)
    hit = centre * ops.square(1.0 - predicted) * ops.log(predicted)
    miss = (1.0 - centre) * ops.power(1.0 - y_true, 4.0) * ops.square(predicted) * ops.log(1.0 - predicted)
    return -ops.sum(hit + miss) / ops.maximum(over_all_devices(ops.sum(centre)), 1.0)


def heatmap_bce_loss(y_true: Any, y_pred: Any) -> Any:
    """Plain binary cross-entropy on the map of :func:`heatmap_loss`, over the number of centres."""
    centres = ops.sum(ops.cast(y_true > 1.0 - _EPSILON, y_pred.dtype))
    return _cross_entropy(y_true, y_pred) / ops.maximum(over_all_devices(centres), 1.0)


def presence_loss(y_true: Any, y_pred: Any) -> Any:
    """Binary cross-entropy of "is there one", mean over (batch, classes)."""
    return _cross_entropy(y_true, y_pred) / over_all_devices(ops.cast(ops.size(y_pred), y_pred.dtype))


def focal_presence_loss(y_true: Any, y_pred: Any) -> Any:
    """:func:`presence_loss` in which what is right already hardly counts (Lin et al., 2017, gamma 2)."""
    predicted = ops.clip(y_pred, _EPSILON, 1.0 - _EPSILON)
    right = y_true * predicted + (1.0 - y_true) * (1.0 - predicted)
    total = -ops.sum(ops.square(1.0 - right) * ops.log(right))
    return total / over_all_devices(ops.cast(ops.size(predicted), predicted.dtype))


def _cross_entropy(y_true: Any, y_pred: Any) -> Any:
    predicted = ops.clip(y_pred, _EPSILON, 1.0 - _EPSILON)
    return -ops.sum(y_true * ops.log(predicted) + (1.0 - y_true) * ops.log(1.0 - predicted))


def _squared_errors(y_true: Any, y_pred: Any) -> Any:
    corner = ops.sum(ops.square(y_true[..., 0:2] - y_pred[..., 0:2]), axis=-1)
    true_size = y_true[..., 2:4] - y_true[..., 0:2]
    predicted_size = y_pred[..., 2:4] - y_pred[..., 0:2]
    return corner + ops.sum(ops.square(true_size - predicted_size), axis=-1)


def _over_images(losses: Any, y_true: Any) -> Any:
    """The weighted sum of ``losses`` (batch, ...) over the number of images that hold an object."""
    weight = y_true[..., 4]
    flat = ops.reshape(weight, (ops.shape(weight)[0], -1))
    holds_object = ops.cast(ops.max(flat, axis=1) > 0, losses.dtype)
    return ops.sum(losses * weight) / ops.maximum(over_all_devices(ops.sum(holds_object)), 1.0)


def _sides(boxes_xyxy: Any) -> tuple[Any, Any]:
    """Width and height; 0 of a box that is inside out."""
    size = ops.maximum(boxes_xyxy[..., 2:4] - boxes_xyxy[..., 0:2], 0.0)
    return size[..., 0], size[..., 1]


def _inside_out(boxes_xyxy: Any) -> Any:
    """How far right lies left of left, and bottom above top: 0 of every real box. Overlap alone would not care."""
    return ops.sum(ops.maximum(boxes_xyxy[..., 0:2] - boxes_xyxy[..., 2:4], 0.0), axis=-1)


def _overlap(y_true: Any, y_pred: Any) -> tuple[Any, Any, Any, Any]:
    """Intersection, union, and width and height of the smallest box around both."""
    inner = ops.minimum(y_true[..., 2:4], y_pred[..., 2:4]) - ops.maximum(y_true[..., 0:2], y_pred[..., 0:2])
    inner = ops.maximum(inner, 0.0)
    outer = ops.maximum(y_true[..., 2:4], y_pred[..., 2:4]) - ops.minimum(y_true[..., 0:2], y_pred[..., 0:2])
    true_width, true_height = _sides(y_true)
    width, height = _sides(y_pred)
    overlap = inner[..., 0] * inner[..., 1]
    return overlap, true_width * true_height + width * height - overlap, outer[..., 0], outer[..., 1]

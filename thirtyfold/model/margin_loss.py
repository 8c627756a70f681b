"""The additive angular margin of ArcFace (Deng, Guo, Xue and Zafeiriou, 2019), in ``keras.ops``.

Every class has a direction. A face has to point to its own so much more than to others that it still would if its
angle were larger by the margin; what is learned is a vector whose *direction* says who it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from thirtyfold.model.devices import over_all_devices

# The paper's margin, in radians. Its scale of 64 is for 85,000 people; with a handful the softmax would be as good
# as certain at once and teach nothing more.
MARGIN = 0.5
SCALE = 16.0
_EDGE = 1e-6


@keras.saving.register_keras_serializable(package="thirtyfold")
class UnitLength(layers.Layer):  # type: ignore[misc]
    """Vectors (batch, D) scaled to length 1."""

    def call(self, vectors: Any) -> Any:
        vectors = ops.cast(vectors, "float32")
        return vectors / ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True) + 1e-12)


@keras.saving.register_keras_serializable(package="thirtyfold")
class ClassCosines(layers.Layer):  # type: ignore[misc]
    """Unit vectors (batch, D) to their cosines with a learned direction a class, (batch, classes)."""

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, shape: Any) -> None:
        self.directions = self.add_weight(
            shape=(shape[-1], self.classes), initializer="glorot_uniform", name="directions"
        )

    def call(self, units: Any) -> Any:
        directions = ops.cast(self.directions, "float32")
        lengths = ops.sqrt(ops.sum(ops.square(directions), axis=0, keepdims=True) + 1e-12)
        return ops.matmul(ops.cast(units, "float32"), directions / lengths)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


def angular_margin_loss(margin: float = MARGIN) -> Callable[[Any, Any], Any]:
    """Cross-entropy over cosines (batch, classes) of which the true one's angle was made larger by ``margin``.

    The targets are 1 for the class and 0 for the others; a row of zeros (a person who is not learned) costs nothing.
    """

    def arcface(y_true: Any, cosines: Any) -> Any:
        cosines = ops.clip(ops.cast(cosines, "float32"), -1.0 + _EDGE, 1.0 - _EDGE)
        y_true = ops.cast(y_true, cosines.dtype)
        sines = ops.sqrt(1.0 - ops.square(cosines))
        harder = cosines * math.cos(margin) - sines * math.sin(margin)
        # Beyond 180 degrees the cosine would rise again: from there on a straight line goes on falling (the authors'
        # own code does the same).
        harder = ops.where(cosines > math.cos(math.pi - margin), harder, cosines - margin * math.sin(margin))
        logits = SCALE * (y_true * harder + (1.0 - y_true) * cosines)
        losses = -ops.sum(y_true * ops.log_softmax(logits, axis=-1), axis=-1)
        known = over_all_devices(ops.sum(y_true))
        return ops.sum(losses) / ops.maximum(known, 1.0)

    return arcface

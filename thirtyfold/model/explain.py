"""Where a classifier looked: Grad-CAM.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017. The
channels of the last map are weighed by how much the score of a class, before the softmax, rises with them, in the mean
over the map; what is above 0 of their sum speaks for the class. It says where, not why, and a coarse map says it
coarsely: of 224 px MobileNetV2's last map has 7 × 7 cells.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.drawing import draw_text
from thirtyfold.errors import ModelError, NotInstalledError, UsageError
from thirtyfold.predict.artifact import Artifact, read_card, read_form
from thirtyfold.predict.forms import KERAS
from thirtyfold.predict.prepare import prepared_square

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels
    from thirtyfold.sample import Annotation

_OPACITY = 0.45


class Explainer:
    """Draws what speaks for a class over a picture. Made by :func:`open_explainer`."""

    def __init__(self, artifact: Artifact, model: Any, name: str) -> None:
        self._artifact = artifact
        self._to_map, self._to_logits = _split(model, name)

    def heat(self, pixels: Pixels, label: str) -> NDArray[np.float32]:
        """(height, width) float32 for RGB uint8 ``pixels``: 0 to 1, 1 where most speaks for ``label``; all 0 if nothing
        does.
        """
        import cv2
        import tensorflow as tf

        height, width = pixels.shape[:2]
        square, scale, offset_xy = prepared_square(pixels, self._artifact.size, self._artifact.prepare)
        index = self._artifact.classes.index(label)
        maps = self._to_map(tf.constant(square[None]))
        with tf.GradientTape() as tape:
            tape.watch(maps)
            score = self._to_logits(maps)[:, index]
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
        cam = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))[0].numpy()
        highest = float(cam.max())
        whole = cv2.resize(cam / highest if highest > 0 else cam, square.shape[:2], interpolation=cv2.INTER_LINEAR)
        left, top = int(offset_xy[0]), int(offset_xy[1])
        inside = whole[top : top + max(1, round(height * scale)), left : left + max(1, round(width * scale))]
        return np.asarray(cv2.resize(inside, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def __call__(self, pixels: Pixels, annotation: Annotation) -> Pixels:
        """RGB ``pixels`` with the heat of the annotation's class over them, and its name and probability."""
        import cv2

        heat = self.heat(pixels, annotation.label)
        colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
        blended = cv2.addWeighted(colours, _OPACITY, pixels, 1 - _OPACITY, 0)
        canvas: Pixels = np.ascontiguousarray(blended).astype(np.uint8)
        said = f"{annotation.label} {annotation.score or 0.0:.0%}"
        if not heat.any():
            said += " (no place speaks for it)"
        draw_text(canvas, said, (2, 20), scale=max(0.4, max(canvas.shape[:2]) / 1200))
        return canvas


def open_explainer(run_dir: Path) -> Explainer:
    """The explainer of a finished classifier; its ``model.keras`` is looked through before Keras sees it.

    Raises :class:`UsageError` for a run of another task, :class:`ModelError` where ``model.keras`` is missing or not
    what was trained, :class:`NotInstalledError` without TensorFlow.
    """
    artifact = read_card(run_dir)
    if artifact.decoder != "classes":
        raise UsageError(
            f"--explain: shows what speaks for a class of the whole photo, and {run_dir} is a model of "
            f"{artifact.task}; leave it out"
        )
    data = read_form(run_dir, artifact, KERAS)
    from thirtyfold.model.train import import_tensorflow

    try:
        import_tensorflow()
    except ImportError as error:
        raise NotInstalledError(f"--explain: needs TensorFlow, which cannot be imported ({error})") from error
    from thirtyfold.model.export.keras_file import load_keras

    name = str(run_dir / KERAS)
    return Explainer(artifact, load_keras(data, name), name)


def _split(model: Any, name: str) -> tuple[Any, Any]:
    """From the picture to the last map, (1, rows, columns, channels), and from it to the scores before the softmax."""
    import keras

    try:
        pool, heads, preprocessing = (model.get_layer(part) for part in ("pooled", "heads", "preprocessing"))
        made = pool.input._keras_history
        backbone, tensor = made.operation, made.operation.outputs[made.tensor_index]
        at = _last_map(backbone)
        before = keras.Model(backbone.input, at)
        after = keras.Model(at, tensor) if at is not tensor else None
        last = heads.get_layer("probabilities")
        hidden = keras.Model(heads.input, last.input)
    except (ValueError, AttributeError, IndexError) as error:
        raise ModelError(f"{name}: is not built as our classifiers are ({error}); train again") from error

    def to_map(square: Any) -> Any:
        return before(preprocessing(square), training=False)

    def to_logits(maps: Any) -> Any:
        top = maps if after is None else after(maps, training=False)
        vector = hidden(pool(top), training=False)
        return keras.ops.matmul(vector, last.kernel) + last.bias

    return to_map, to_logits


def _last_map(backbone: Any) -> Any:
    """The last output of a layer that still has places: more than one row and column."""
    for layer in reversed(backbone.layers):
        shape = layer.output.shape
        if len(shape) == 4 and min(shape[1:3]) > 1:
            return layer.output
    return backbone.layers[-1].output

"""The task *detect*: class and box of objects, by two heads on one backbone.

Two designs. ``global``: the map is pooled to one vector, which says whether there is
an object and where; pooling throws the place away, so the whole backbone has to be
trained. ``dense``: every cell of a map at stride 8 says both, which also works on a
frozen backbone and finds one object or many. The class map follows *Objects as Points*
(Zhou et al., 2019), the four distances *FCOS* (Tian et al., 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

from thirtyfold.model.backbones import BACKBONES, Preprocessing, batch_norm, feature_maps
from thirtyfold.model.inputs import letterboxed_box
from thirtyfold.model.losses import heatmap_loss, localization_loss, presence_loss
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.tasks import Network
from thirtyfold.sample import BoxXyxy, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRIDE = 8
_WIDTH = 64  # channels of the joined map
# Share of a frozen backbone's channels that a step does without. With a handful of people in the photos the heads
# learn those people by heart otherwise: a held-out person's IoU falls from epoch 4 on (docs/training.md).
_DROP = 0.3
_TYPICAL_DISTANCE = 0.08  # of the square: half of a face at arm's length, where the box head starts
# The Gaussian's spread and the core that teaches the box head, as shares of the object's sides.
_SPREAD = 0.15
_CORE = 0.3


@keras.saving.register_keras_serializable(package="thirtyfold")
class BoxesFromDistances(layers.Layer):  # type: ignore[misc]
    """Logits of the distances to left, top, right, bottom, (batch, G, G, 4), to boxes.

    The boxes are left, top, right, bottom in 0 to 1 of the square, (batch, G, G, 4).
    """

    def call(self, logits: Any) -> Any:
        rows, columns = logits.shape[1], logits.shape[2]
        y = (np.arange(rows, dtype=np.float32) + 0.5) / rows
        x = (np.arange(columns, dtype=np.float32) + 0.5) / columns
        centres = ops.convert_to_tensor(np.stack(np.meshgrid(x, y), axis=-1)[None])  # (1, G, G, 2): x, y
        distances = ops.exp(ops.clip(logits, -6.0, 3.0)) * _TYPICAL_DISTANCE
        return ops.concatenate([centres - distances[..., :2], centres + distances[..., 2:]], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One object of a letterboxed photo: class index, and box in 0 to 1 of the square."""

    class_index: int
    box_xyxy: BoxXyxy


def build(options: TrainOptions, class_count: int) -> Network:
    """The network: "image" uint8 (batch, size, size, 3) to {"scores", "boxes"}, 0 to 1.

    Dense heads: (batch, G, G, classes) and (batch, G, G, 4). Global heads:
    (batch, classes) and (batch, 4). Boxes are left, top, right, bottom.
    """
    entry = BACKBONES[options.backbone]
    backbone = entry.build(options.size, options.alpha)
    image = keras.Input((options.size, options.size, 3), dtype="uint8", name="image")
    x = Preprocessing(entry.preprocessing, name="preprocessing")(image)
    dense = options.heads == "dense"
    features = feature_maps(backbone, entry.taps)(x) if dense else [backbone(x)]
    trunk = keras.Model(image, features, name="trunk")
    inputs = [keras.Input(feature.shape[1:], name=f"features{level}") for level, feature in enumerate(features)]
    if dense:
        scores, boxes = _dense_heads(inputs, class_count, drop=_DROP if options.frozen_backbone else 0.0)
    else:
        scores, boxes = _global_heads(inputs[0], class_count)
    heads = keras.Model(inputs, {"scores": scores, "boxes": boxes}, name="heads")
    model = keras.Model(image, heads(features), name=f"detect_{options.heads}")
    return Network(model=model, backbone=backbone, trunk=trunk, heads=heads)


def _global_heads(features: Any, class_count: int) -> tuple[Any, Any]:
    # Max-pooled features of pretrained backbones are large; with Keras's usual weights the sigmoids start
    # saturated, where the squared error has no slope, and stay there.
    small = keras.initializers.RandomNormal(stddev=1e-3)
    pooled = layers.GlobalMaxPooling2D(name="class_pool")(features)
    hidden = layers.Dense(2048, activation="relu", name="class_dense")(pooled)
    scores = layers.Dense(class_count, activation="sigmoid", kernel_initializer=small, name="scores")(hidden)
    pooled = layers.GlobalMaxPooling2D(name="box_pool")(features)
    hidden = layers.Dense(2048, activation="relu", name="box_dense")(pooled)
    boxes = layers.Dense(4, activation="sigmoid", kernel_initializer=small, name="boxes")(hidden)
    return scores, boxes


def _dense_heads(maps: Sequence[Any], class_count: int, *, drop: float) -> tuple[Any, Any]:
    joined = None
    # From the coarsest to the finest: what is there, then exactly where.
    for level, features in reversed(list(enumerate(maps))):
        thinned = layers.SpatialDropout2D(drop, name=f"drop{level}")(features)
        lateral = _block(thinned, _WIDTH, 1, f"lateral{level}")
        if joined is not None:
            joined = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}")(joined)
            lateral = layers.Add(name=f"join{level}")([lateral, joined])
        joined = lateral if level == len(maps) - 1 else _block(lateral, _WIDTH, 3, f"smooth{level}")
    shared = _block(joined, _WIDTH, 3, "shared")
    # The bias makes a fresh head say "1 %": otherwise the empty cells drown the first steps (Lin et al., 2017).
    quiet = keras.initializers.Constant(-float(np.log(99.0)))
    scores = layers.Conv2D(class_count, 1, activation="sigmoid", bias_initializer=quiet, name="scores")(
        _block(shared, _WIDTH, 3, "class_conv")
    )
    distances = layers.Conv2D(4, 1, name="distances")(_block(shared, _WIDTH, 3, "box_conv"))
    return scores, BoxesFromDistances(name="boxes")(distances)


def _block(x: Any, filters: int, kernel: int, name: str) -> Any:
    x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=name)(x)
    x = batch_norm(f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def losses(options: TrainOptions) -> tuple[dict[str, Any], dict[str, float]]:
    """The loss of each head, and what it weighs."""
    if options.heads == "global":
        return {"scores": presence_loss, "boxes": localization_loss}, {"scores": 0.5, "boxes": 1.0}
    # The dense box loss is in shares of the object's own size (see `encode_dense`).
    return {"scores": heatmap_loss, "boxes": localization_loss}, {"scores": 1.0, "boxes": 2.0}


def encode_sample(sample: Sample, options: TrainOptions, classes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """What the heads should say for one photo: {"scores", "boxes"}; see :func:`build`, :mod:`losses`."""
    targets = [
        Target(
            class_index=classes.index(annotation.label),
            box_xyxy=letterboxed_box(annotation.box_xyxy, sample, options.size),
        )
        for annotation in sample.annotations or ()
    ]
    # A box wholly outside of its photo is clipped to nothing; there is nothing to see of it.
    return encode([target for target in targets if _area(target.box_xyxy) > 0], options, len(classes))


def encode(targets: Sequence[Target], options: TrainOptions, class_count: int) -> dict[str, NDArray[np.float32]]:
    """:func:`encode_sample` for objects already in 0 to 1 of the square."""
    if options.heads == "global":
        return encode_global(targets, class_count)
    return encode_dense(targets, options.size // STRIDE, class_count)


def encode_global(targets: Sequence[Target], class_count: int) -> dict[str, NDArray[np.float32]]:
    """Scores (classes,), and the box and its weight (5,) of the largest object."""
    scores = np.zeros(class_count, np.float32)
    boxes = np.zeros(5, np.float32)
    for target in targets:
        scores[target.class_index] = 1.0
    if targets:
        largest = max(targets, key=lambda target: _area(target.box_xyxy))
        boxes[:] = (*largest.box_xyxy, 1.0)
    return {"scores": scores, "boxes": boxes}


def encode_dense(targets: Sequence[Target], grid: int, class_count: int) -> dict[str, NDArray[np.float32]]:
    """A Gaussian at each centre, (G, G, classes), and boxes with their weights, (G, G, 5).

    Where two objects claim a cell the smaller one has it. The weights divide by the
    object's area, so that a small face counts as much as a large one.
    """
    scores = np.zeros((grid, grid, class_count), np.float32)
    boxes = np.zeros((grid, grid, 5), np.float32)
    cell = (np.arange(grid, dtype=np.float32) + 0.5) / grid
    for target in sorted(targets, key=lambda target: -_area(target.box_xyxy)):
        left, top, right, bottom = target.box_xyxy
        width, height = max(right - left, 1e-4), max(bottom - top, 1e-4)
        cx, cy = (left + right) / 2, (top + bottom) / 2
        # Never narrower than a third of a cell, or a small face would leave no trace.
        spread_x, spread_y = max(_SPREAD * width, 0.33 / grid), max(_SPREAD * height, 0.33 / grid)
        bell = np.exp(-((cell[None, :] - cx) ** 2) / (2 * spread_x**2) - (cell[:, None] - cy) ** 2 / (2 * spread_y**2))
        column, row = min(int(cx * grid), grid - 1), min(int(cy * grid), grid - 1)
        bell[row, column] = 1.0
        np.maximum(scores[:, :, target.class_index], bell, out=scores[:, :, target.class_index])
        core = bell >= _CORE
        weight = bell[core] / bell[core].sum() / (width * height)
        boxes[core] = np.column_stack([np.tile(np.asarray(target.box_xyxy, np.float32), (len(weight), 1)), weight])
    if len(targets) > 1:
        boxes[..., 4] /= len(targets)
    return {"scores": scores, "boxes": boxes}


def decoder(options: TrainOptions, *, many: bool) -> tuple[str, dict[str, Any]]:
    """The name and options of the function of ``predict.decoders`` that reads the outputs."""
    if options.heads == "global":
        return "global", {}
    return "dense", {"boxes": "many" if many else "one", "nms_iou": 0.5, "max_boxes": 100}


def _area(box_xyxy: BoxXyxy) -> float:
    left, top, right, bottom = box_xyxy
    return (right - left) * (bottom - top)

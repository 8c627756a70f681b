"""The task *detect*: class and box of objects, by two heads on one backbone.

Two designs. ``global``: the map is pooled to one vector, which says whether there is
an object and where; pooling throws the place away, so the whole backbone has to be
trained. ``dense``: every cell of a map at stride 8 says both, which also works on a
frozen backbone and finds one object or many. The class map follows *Objects as Points*
(Zhou et al., 2019), the four distances *FCOS* (Tian et al., 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

from thirtyfold.model.backbones import BACKBONES, conv_block
from thirtyfold.model.inputs import letterboxed_box
from thirtyfold.model.losses import (
    ciou_loss,
    focal_presence_loss,
    giou_loss,
    heatmap_bce_loss,
    heatmap_loss,
    localization_loss,
    presence_loss,
    relative_localization_loss,
)
from thirtyfold.model.map_network import network_on_maps
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.tasks import Network
from thirtyfold.sample import BoxXyxy, Sample, box_area

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDTH = 64  # channels of the joined map
# Share of a frozen backbone's channels that a step does without. With a handful of people in the photos the heads
# learn those people by heart otherwise: a held-out person's IoU falls from epoch 4 on (docs/training.md).
_DROP = 0.3
_TYPICAL_DISTANCE = 0.08  # of the square: half of a face at arm's length, where the box head starts
# The Gaussian's spread and the core that teaches the box head, as shares of the object's sides.
_SPREAD = 0.15
_CORE = 0.3
# Objects less than this many cells wide are better seen by a finer map, and an object of the smallest tenth decides.
_CELLS_ACROSS = 2.0
_FINEST, _USUAL = 4, 8


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


def resolve_options(options: TrainOptions, samples: Sequence[Sample], classes: Sequence[str]) -> TrainOptions:
    """The options with ``stride`` chosen: the map's cells are half as wide as the small objects are, or narrower."""
    if options.heads == "global":
        return replace(options, stride=str(_USUAL))
    if options.stride != "auto":
        return options
    sides = [
        min(right - left, bottom - top) * options.size
        for sample in samples
        for left, top, right, bottom in (
            letterboxed_box(shape.box_xyxy, sample, options.size) for shape in sample.annotations or ()
        )
    ]
    small = float(np.quantile(sides, 0.1)) if sides else float("inf")
    return replace(options, stride=str(_FINEST if small < _CELLS_ACROSS * _USUAL else _USUAL))


def build(options: TrainOptions, classes: Sequence[str]) -> Network:
    """The network: "image" uint8 (batch, size, size, 3) to {"scores", "boxes"}, 0 to 1.

    Dense heads: (batch, G, G, classes) and (batch, G, G, 4). Global heads:
    (batch, classes) and (batch, 4). Boxes are left, top, right, bottom.
    """
    entry = BACKBONES[options.backbone]
    backbone = entry.build(options.size, options.alpha)
    dense, stride = options.heads == "dense", _stride(options)

    def heads_on(maps: Sequence[Any]) -> dict[str, Any]:
        if not dense:
            scores, boxes = _global_heads(maps[0], len(classes))
        else:
            drop = _DROP if options.frozen_backbone else 0.0
            scores, boxes = _dense_heads(maps, len(classes), stride=stride, drop=drop)
        return {"scores": scores, "boxes": boxes}

    taps = entry.taps_from(stride) if dense else (backbone.layers[-1].name,)
    return network_on_maps(entry, backbone, taps, heads_on, size=options.size, name=f"detect_{options.heads}")


def _stride(options: TrainOptions) -> int:
    return _USUAL if options.stride == "auto" else int(options.stride)


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


def _dense_heads(maps: Sequence[Any], class_count: int, *, stride: int, drop: float) -> tuple[Any, Any]:
    joined = None
    # From the coarsest to the finest: what is there, then exactly where.
    for level, features in reversed(list(enumerate(maps))):
        # At stride 4 a map has four times the cells: half the channels keep it payable.
        width = _WIDTH // 2 if stride == _FINEST and level == 0 else _WIDTH
        thinned = layers.SpatialDropout2D(drop, name=f"drop{level}")(features)
        lateral = conv_block(thinned, width, 1, f"lateral{level}")
        if joined is not None:
            if joined.shape[-1] != width:
                joined = conv_block(joined, width, 1, f"narrow{level}")
            joined = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}")(joined)
            lateral = layers.Add(name=f"join{level}")([lateral, joined])
        joined = lateral if level == len(maps) - 1 else conv_block(lateral, width, 3, f"smooth{level}")
    shared = conv_block(joined, width, 3, "shared")
    # The bias makes a fresh head say "1 %": otherwise the empty cells drown the first steps (Lin et al., 2017).
    quiet = keras.initializers.Constant(-float(np.log(99.0)))
    scores = layers.Conv2D(class_count, 1, activation="sigmoid", bias_initializer=quiet, name="scores")(
        conv_block(shared, width, 3, "class_conv")
    )
    distances = layers.Conv2D(4, 1, name="distances")(conv_block(shared, width, 3, "box_conv"))
    return scores, BoxesFromDistances(name="boxes")(distances)


def losses(options: TrainOptions, classes: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """The loss of each head, and what it weighs."""
    global_heads = options.heads == "global"
    weights = {"scores": 0.5 if global_heads else 1.0, "boxes": 1.0}
    class_losses = {
        "focal": focal_presence_loss if global_heads else heatmap_loss,
        "bce": presence_loss if global_heads else heatmap_bce_loss,
    }
    box_losses = {
        "localization": localization_loss if global_heads else relative_localization_loss,
        "giou": giou_loss,
        "ciou": ciou_loss,
    }
    # The seed notebook's own for its design. On a map nearly every cell is empty, and only the focal loss stands that.
    usual = "bce" if global_heads else "focal"
    class_loss = usual if options.class_loss == "auto" else options.class_loss
    if options.box_loss == "localization" and not global_heads:
        weights["boxes"] = 2.0
    return {"scores": class_losses[class_loss], "boxes": box_losses[options.box_loss]}, weights


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
    return encode([target for target in targets if box_area(target.box_xyxy) > 0], options, len(classes))


def encode(targets: Sequence[Target], options: TrainOptions, class_count: int) -> dict[str, NDArray[np.float32]]:
    """:func:`encode_sample` for objects already in 0 to 1 of the square."""
    if options.heads == "global":
        return encode_global(targets, class_count)
    return encode_dense(targets, options.size // _stride(options), class_count)


def encode_global(targets: Sequence[Target], class_count: int) -> dict[str, NDArray[np.float32]]:
    """Scores (classes,), and the box and its weight (5,) of the largest object."""
    scores = np.zeros(class_count, np.float32)
    boxes = np.zeros(5, np.float32)
    for target in targets:
        scores[target.class_index] = 1.0
    if targets:
        largest = max(targets, key=lambda target: box_area(target.box_xyxy))
        boxes[:] = (*largest.box_xyxy, 1.0)
    return {"scores": scores, "boxes": boxes}


def encode_dense(targets: Sequence[Target], grid: int, class_count: int) -> dict[str, NDArray[np.float32]]:
    """A Gaussian at each centre, (G, G, classes), and boxes with their weights, (G, G, 5).

    Where two objects claim a cell it belongs to the one whose Gaussian is higher there; the cell of its own
    centre an object loses only to a smaller one. The weights of one object add up to 1 over the number of objects,
    so that a small face counts as much as a large one.
    """
    scores = np.zeros((grid, grid, class_count), np.float32)
    boxes = np.zeros((grid, grid, 5), np.float32)
    highest = np.zeros((grid, grid), np.float32)
    owner = np.full((grid, grid), -1, np.int64)
    cell = (np.arange(grid, dtype=np.float32) + 0.5) / grid
    ordered = sorted(targets, key=lambda target: -box_area(target.box_xyxy))
    for number, target in enumerate(ordered):
        left, top, right, bottom = target.box_xyxy
        cx, cy = (left + right) / 2, (top + bottom) / 2
        # Never narrower than a third of a cell, or a small face would leave no trace.
        spread_x, spread_y = (max(_SPREAD * side, 0.33 / grid) for side in (right - left, bottom - top))
        columns, rows = _window(cx, spread_x, grid), _window(cy, spread_y, grid)
        bell = np.exp(
            -((cell[None, columns] - cx) ** 2) / (2 * spread_x**2) - (cell[rows, None] - cy) ** 2 / (2 * spread_y**2)
        )
        bell[min(int(cy * grid), grid - 1) - rows.start, min(int(cx * grid), grid - 1) - columns.start] = 1.0
        place = (rows, columns)
        scores[(*place, target.class_index)] = np.maximum(scores[(*place, target.class_index)], bell)
        mine = (bell >= _CORE) & (bell >= highest[place])
        owner[place][mine] = number
        highest[place][mine] = bell[mine]
    for number, target in enumerate(ordered):
        core = owner == number
        boxes[core, :4] = target.box_xyxy
        boxes[core, 4] = highest[core] / max(float(highest[core].sum()), 1e-6) / len(ordered)
    return {"scores": scores, "boxes": boxes}


def _window(centre: float, spread: float, grid: int) -> slice:
    """The cells within four spreads of a centre, the centre's own cell in any case."""
    own = min(int(centre * grid), grid - 1)
    reach = int(4 * spread * grid) + 1
    return slice(max(own - reach, 0), min(own + reach + 1, grid))


def decoder(options: TrainOptions, classes: Sequence[str], *, many: bool) -> tuple[str, dict[str, Any]]:
    """The name and options of the function of ``predict.decoders`` that reads the outputs."""
    if options.heads == "global":
        return "global", {}
    return "dense", {"boxes": "many" if many else "one", "nms_iou": 0.5, "max_boxes": 100}

"""What a model's outputs mean: one pure function a kind of head, named in ``model.json``.

Outputs are float32 arrays by name: ``scores`` 0 to 1 and ``boxes`` xyxy 0 to 1 of the
model's input square, or ``probabilities`` of the classes of a whole picture. What comes out are
annotations in pixels of the upright original; what is said of a whole picture is one that covers it.
To add one: a function, and a line in :data:`DECODERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thirtyfold.predict.attribute_heads import attribute_shapes, decode_attributes
from thirtyfold.predict.segments import decode_mask
from thirtyfold.sample import Annotation

Array = NDArray[np.float32]
Outputs = Mapping[str, Array]
NMS_IOU = 0.5
MAX_BOXES = 100
# How many of the most probable classes an annotation of a whole picture carries along.
TOP = 5
RANKED = "ranked"
EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a picture lies in the model's square: what :func:`thirtyfold.images.letterbox` returns.

    ``square_xy = image_xy * scale + offset_xy``; ``image_wh`` are the pixels of the upright original.
    """

    size: int
    scale: float
    offset_xy: tuple[float, float]
    image_wh: tuple[int, int]

    def to_image(self, boxes_xyxy: Array) -> Array:
        """Boxes (N, 4), 0 to 1 of the square, as boxes in pixels of the image, clipped to it."""
        shift = np.array([*self.offset_xy, *self.offset_xy], np.float64)
        width, height = self.image_wh
        pixels = (boxes_xyxy.astype(np.float64) * self.size - shift) / self.scale
        return np.clip(pixels, 0, [width, height, width, height]).astype(np.float32)


Decode = Callable[[Outputs, Sequence[str], float, Mapping[str, Any], Placement], tuple[Annotation, ...]]
# From the classes and the decoder's options to the shape of each output behind the batch; ``None``: any length.
Shapes = Callable[[Sequence[str], Mapping[str, Any]], Mapping[str, tuple[int | None, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """``decode(outputs, classes, threshold, options, placement)`` gives annotations, best score first.

    ``shapes(classes, options)`` are those of the outputs, by name, that it asks for.
    """

    decode: Decode
    shapes: Shapes

    def fits(
        self, outputs: Mapping[str, Sequence[int | None]], classes: Sequence[str], options: Mapping[str, Any]
    ) -> bool:
        """Whether outputs of these shapes, the batch's axis left out, are what it reads."""
        return all(
            name in outputs
            and len(outputs[name]) == len(shape)
            and all(wanted in (None, there) for wanted, there in zip(shape, outputs[name], strict=True))
            for name, shape in self.shapes(classes, options).items()
        )


def decode_dense(
    outputs: Outputs, classes: Sequence[str], threshold: float, options: Mapping[str, Any], placement: Placement
) -> tuple[Annotation, ...]:
    """``scores`` (1, G, G, C) and ``boxes`` (1, G, G, 4): a score a cell and class, a box a cell.

    ``options["boxes"]`` is ``one``: the best cell of all, if it reaches the threshold; or
    ``many``: the peaks of every class (no neighbour is higher; Zhou, Wang and Krähenbühl,
    "Objects as Points", 2019), then non-maximum suppression by ``nms_iou``, at most ``max_boxes``.
    """
    scores = np.nan_to_num(outputs["scores"][0], nan=0.0)
    boxes_xyxy = outputs["boxes"][0]
    if options.get("boxes", "many") == "one":
        row, column, index = np.unravel_index(int(np.argmax(scores)), scores.shape)
        rows, columns, indexes = np.array([row]), np.array([column]), np.array([index])
    else:
        rows, columns, indexes = np.nonzero((scores >= threshold) & (scores == _highest_around(scores)))
    found = scores[rows, columns, indexes]
    return _annotations(found, boxes_xyxy[rows, columns], indexes, classes, threshold, options, placement)


def decode_global(
    outputs: Outputs, classes: Sequence[str], threshold: float, options: Mapping[str, Any], placement: Placement
) -> tuple[Annotation, ...]:
    """``scores`` (1, C) and ``boxes`` (1, 4): one object a picture, its box shared by the classes."""
    scores = np.nan_to_num(outputs["scores"][0], nan=0.0)
    best = np.array([int(np.argmax(scores))])
    return _annotations(scores[best], outputs["boxes"], best, classes, threshold, options, placement)


def decode_classes(
    outputs: Outputs, classes: Sequence[str], threshold: float, options: Mapping[str, Any], placement: Placement
) -> tuple[Annotation, ...]:
    """``probabilities`` (1, C): the most probable class as one annotation over the whole picture.

    ``extra["ranked"]`` holds the ``top`` most probable ones, five unless the options say more,
    ``[[label, probability], …]``.
    """
    probabilities = np.nan_to_num(outputs["probabilities"][0], nan=0.0)
    ranked = ranked_classes(probabilities, classes)
    label, score = ranked[0]
    if score < threshold:
        return ()
    width, height = placement.image_wh
    found = Annotation.from_box(label, (0.0, 0.0, float(width), float(height)), score=score)
    return (replace(found, extra={RANKED: [[name, value] for name, value in ranked[: _top(options)]]}),)


def decode_embedding(
    outputs: Outputs, classes: Sequence[str], threshold: float, options: Mapping[str, Any], placement: Placement
) -> tuple[Annotation, ...]:
    """``embedding`` (1, D): nothing. It says who somebody is only beside others (``predict/recognizer.py``)."""
    return ()


def _top(options: Mapping[str, Any]) -> int:
    top = options.get("top", TOP)
    return top if isinstance(top, int) and top > 0 else TOP


def ranked_classes(probabilities: Array, classes: Sequence[str]) -> list[tuple[str, float]]:
    """(class, probability) pairs of ``probabilities`` (C,), the most probable first."""
    return [(classes[index], float(probabilities[index])) for index in np.argsort(-probabilities, kind="stable")]


DECODERS: Mapping[str, Decoder] = {
    "dense": Decoder(
        decode=decode_dense,
        shapes=lambda classes, options: {"scores": (None, None, len(classes)), "boxes": (None, None, 4)},
    ),
    "global": Decoder(decode=decode_global, shapes=lambda classes, options: {"scores": (len(classes),), "boxes": (4,)}),
    "mask": Decoder(decode=decode_mask, shapes=lambda classes, options: {"mask": (None, None, len(classes) + 1)}),
    EMBEDDING: Decoder(decode=decode_embedding, shapes=lambda classes, options: {EMBEDDING: (None,)}),
    "attributes": Decoder(decode=decode_attributes, shapes=attribute_shapes),
    "classes": Decoder(decode=decode_classes, shapes=lambda classes, options: {"probabilities": (len(classes),)}),
}


def check_options(options: Mapping[str, Any]) -> None:
    """Raise :class:`ValueError` where an option that decoders take for a number is none."""
    for name in ("nms_iou", "max_boxes", "tolerance_px"):
        value = options.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
            raise ValueError(f"{name} is {value!r}, and a number from 0 on was expected")


def suppress_overlaps(boxes_xyxy: Array, scores: Array, *, iou: float, limit: int = MAX_BOXES) -> list[int]:
    """Indexes of the boxes (N, 4) that stay, best score first; each overlaps a better one by ``iou`` at most.

    Greedy non-maximum suppression. Equal scores keep their order, so that the result is always the same.
    """
    left, top, right, bottom = (boxes_xyxy[:, i].astype(np.float64) for i in range(4))
    areas = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting) and len(kept) < limit:
        best, waiting = int(waiting[0]), waiting[1:]
        kept.append(best)
        across = np.minimum(right[best], right[waiting]) - np.maximum(left[best], left[waiting])
        down = np.minimum(bottom[best], bottom[waiting]) - np.maximum(top[best], top[waiting])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        union = areas[best] + areas[waiting] - shared
        waiting = waiting[shared <= iou * union]
    return kept


def _annotations(
    scores: Array,
    boxes_xyxy: Array,
    class_indexes: NDArray[np.intp],
    classes: Sequence[str],
    threshold: float,
    options: Mapping[str, Any],
    placement: Placement,
) -> tuple[Annotation, ...]:
    """Candidates (N,), (N, 4), (N,) to annotations: threshold, pixels, suppression within each class."""
    boxes_xyxy = placement.to_image(boxes_xyxy)
    # A box that lies in the grey margin, is inside out or not a number is no place to point at.
    solid = (boxes_xyxy[:, 2] - boxes_xyxy[:, 0] > 0) & (boxes_xyxy[:, 3] - boxes_xyxy[:, 1] > 0)
    # In double precision, as everybody compares who reads the score later.
    wanted = np.nonzero((scores.astype(np.float64) >= threshold) & solid)[0]
    limit = int(options.get("max_boxes", MAX_BOXES))
    found: list[Annotation] = []
    for index in np.unique(class_indexes[wanted]):
        mine = wanted[class_indexes[wanted] == index]
        iou = float(options.get("nms_iou", NMS_IOU))
        for kept in suppress_overlaps(boxes_xyxy[mine], scores[mine], iou=iou, limit=limit):
            left, top, right, bottom = (float(value) for value in boxes_xyxy[mine[kept]])
            found.append(
                Annotation.from_box(classes[index], (left, top, right, bottom), score=float(scores[mine[kept]]))
            )
    found.sort(key=lambda annotation: -(annotation.score or 0.0))
    return tuple(found[:limit])


def _highest_around(scores: Array) -> Array:
    """For each cell of (rows, columns, classes) the highest score of its 3×3 neighbourhood."""
    rows, columns = scores.shape[:2]
    padded = np.pad(scores, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    highest = scores
    for row in range(3):
        for column in range(3):
            highest = np.maximum(highest, padded[row : row + rows, column : column + columns])
    return highest

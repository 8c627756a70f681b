"""What a segmenter's output means: a class for each pixel of the original picture, and the outlines around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.predict.outlines import TOLERANCE_PX, outlines_of, region
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from thirtyfold.predict.decoders import Array, Placement

# A piece smaller than this many cells of the network's output was not really seen.
_SMALLEST_CELLS = 1.0


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A class number for each pixel, uint8 (height, width), 0 for background, and how probable it is, 0 to 1."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]

    @staticmethod
    def of(probabilities: Array) -> Segmentation:
        """The most probable class of each pixel; ``probabilities`` are (height, width, classes + 1)."""
        if probabilities.shape[-1] == 2:
            return Segmentation._of_two(probabilities[..., 1])
        labels = probabilities.argmax(axis=-1).astype(np.uint8)
        return Segmentation(labels, np.take_along_axis(probabilities, labels[..., None].astype(np.int64), -1)[..., 0])

    @staticmethod
    def _of_two(foreground: Array) -> Segmentation:
        labels = (foreground > 0.5).astype(np.uint8)
        return Segmentation(labels, np.where(labels > 0, foreground, 1 - foreground))

    @staticmethod
    def joined(strips: Iterable[Segmentation], size_wh: tuple[int, int]) -> Segmentation:
        """Strips of one picture (width, height), from top to bottom."""
        width, height = size_wh
        labels, confidence = np.zeros((height, width), np.uint8), np.zeros((height, width), np.float32)
        top = 0
        for strip in strips:
            below = top + len(strip.labels)
            labels[top:below], confidence[top:below] = strip.labels, strip.confidence
            top = below
        return Segmentation(labels, confidence)


def segmentation_of(mask: Array, placement: Placement) -> Segmentation:
    """A network's output (rows, columns, classes + 1), probabilities of a letterbox square, in the picture's pixels.

    Between the centres of the cells it is linear, so that outlines are finer than cells.
    """
    import cv2

    share = mask.shape[0] / placement.size
    width, height = placement.image_wh
    # As the letterbox did: whole pixels a side, so that the scale differs by a hair across and down.
    scales = [max(1, round(side * placement.scale)) / side * share for side in (width, height)]
    offsets = [
        scale / 2 + offset * share - 0.5 for scale, offset in zip(scales, placement.offset_xy, strict=True)
    ]  # fmt: skip
    matrix = np.array([[scales[0], 0, offsets[0]], [0, scales[1], offsets[1]]], np.float64)

    def in_picture(channel: int) -> Array:
        plane = cv2.warpAffine(
            np.ascontiguousarray(mask[..., channel]),
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(plane, np.float32)

    if mask.shape[-1] == 2:
        return Segmentation._of_two(in_picture(1))
    # Class by class: all planes of a large picture at once would not fit.
    labels, confidence = np.zeros((height, width), np.uint8), in_picture(0)
    for channel in range(1, mask.shape[-1]):
        plane = in_picture(channel)
        better = plane > confidence
        labels[better] = channel
        np.maximum(confidence, plane, out=confidence)
    return Segmentation(labels, confidence)


def annotations_of(
    found: Segmentation,
    classes: Sequence[str],
    threshold: float,
    options: Mapping[str, Any],
    *,
    pixels_per_cell: float = 1.0,
) -> tuple[Annotation, ...]:
    """The outlines of a segmentation, best score first; a piece's score is the mean probability of its pixels.

    ``options``: ``instances`` takes objects of one class apart that touch; ``tolerance_px`` is how far an outline may
    leave its pixels. Pieces smaller than a cell of the network's output are left out.
    """
    smallest = max(1, int(_SMALLEST_CELLS * pixels_per_cell**2))
    tolerance = float(options.get("tolerance_px", TOLERANCE_PX))
    if not options.get("instances"):
        return outlines_of(
            found.labels,
            classes,
            confidence=found.confidence,
            threshold=threshold,
            tolerance_px=tolerance,
            smallest_px=smallest,
        )
    from scipy import ndimage

    from thirtyfold.predict.instances import separate

    shapes: list[Annotation] = []
    for number, label in enumerate(classes, start=1):
        objects = separate(found.labels == number)
        for index, window in enumerate(ndimage.find_objects(objects), start=1):
            mask = objects[window] == index
            score = float(found.confidence[window][mask].mean())
            if int(mask.sum()) >= smallest and score >= threshold:
                corner = (window[1].start, window[0].start)
                shapes.append(region(label, mask, corner, score=score, tolerance_px=tolerance))
    return tuple(sorted(shapes, key=lambda shape: -(shape.score or 0.0)))


def decode_mask(
    outputs: Mapping[str, Array],
    classes: Sequence[str],
    threshold: float,
    options: Mapping[str, Any],
    placement: Placement,
) -> tuple[Annotation, ...]:
    """``mask`` (1, rows, columns, classes + 1), probabilities with the background first, as outlines.

    See :func:`annotations_of`.
    """
    mask = np.nan_to_num(outputs["mask"][0], nan=0.0)
    found = segmentation_of(mask, placement)
    cell_px = placement.size / mask.shape[0] / placement.scale
    return annotations_of(found, classes, threshold, options, pixels_per_cell=cell_px)

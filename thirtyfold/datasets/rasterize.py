"""Shapes to a label map: which class each pixel has, at any scale.

A pixel belongs to a shape if its centre lies inside, by the even-odd rule; of shapes that overlap, the one that
stands later in the file lies on top, as labelme shows and exports them. (``convert --to masks`` paints the larger
ones first, since other formats know no order.) A shape so small that no centre lies in it gets the one pixel
that it lies in, so that nothing a person has drawn is lost by scaling down. Areas to be ignored, as COCO's crowds
and shapes called ``__ignore__``, are :data:`VOID`: neither a class nor background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from thirtyfold.datasets.formats import index_png, regions
from thirtyfold.datasets.formats.label_set import is_void
from thirtyfold.images import letterbox_placement
from thirtyfold.sample import Annotation, Point, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    LabelMap = NDArray[np.uint8]

BACKGROUND = 0
VOID = index_png.VOID
Transform = tuple[float, tuple[float, float]]
"""``map_xy = image_xy * scale + offset_xy``."""
AS_IT_IS: Transform = (1.0, (0.0, 0.0))


def label_map(
    annotations: Sequence[Annotation],
    numbers: Mapping[str, int],
    size_wh: tuple[int, int],
    *,
    transform: Transform = AS_IT_IS,
) -> LabelMap:
    """The class number of each pixel, uint8 (height, width): 0 for background, 255 for void.

    ``numbers`` gives each label its number, 1 to 254; shapes of other labels, and points and lines, which enclose
    nothing, are left out. ``transform`` leads from the annotations' pixels to those of the map.
    """
    canvas = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    for annotation in annotations:
        number = VOID if is_void(annotation) else numbers.get(annotation.label)
        if number is not None and regions.encloses(annotation):
            _paint(canvas, annotation, number, transform)
    return canvas


def letterboxed_label_map(sample: Sample, numbers: Mapping[str, int], square_px: int, map_px: int) -> LabelMap:
    """The labels of a photo in a letterbox square of ``square_px``, as a map of ``map_px`` pixels a side.

    The grey margin is background: what a network says beside the picture reaches into it where it is scaled up.
    """
    scale, (left, top) = letterbox_placement(sample.width, sample.height, square_px)
    share = map_px / square_px
    labels = label_map(
        sample.annotations or (), numbers, (map_px, map_px), transform=(scale * share, (left * share, top * share))
    )
    seen = np.zeros(labels.shape, np.bool_)
    columns = slice(round(left * share), round((left + max(1, round(sample.width * scale))) * share))
    rows = slice(round(top * share), round((top + max(1, round(sample.height * scale))) * share))
    seen[rows, columns] = True
    labels[~seen] = BACKGROUND
    return labels


def numbers_of(classes: Sequence[str]) -> dict[str, int]:
    """The number of each class in a label map: its place among ``classes``, from 1 on."""
    return {label: number for number, label in enumerate(classes, start=1)}


def _paint(canvas: LabelMap, annotation: Annotation, number: int, transform: Transform) -> None:
    ring = ring_of(annotation)
    if not ring:
        return
    scale, (x, y) = transform
    points = np.asarray(ring, np.float64) * scale + (x, y)
    height, width = canvas.shape
    # Painted in the window around it: most shapes are small beside their photo.
    left, top = (max(0, int(np.floor(value))) for value in points.min(axis=0))
    right, bottom = (
        min(limit, int(np.ceil(value))) for limit, value in zip((width, height), points.max(axis=0), strict=True)
    )
    if left < right and top < bottom:
        local = [(px - left, py - top) for px, py in points.tolist()]
        inside = regions.fill(local, (right - left, bottom - top))
        if inside.any():
            canvas[top:bottom, left:right][inside] = number
            return
    # Too thin or too small to hold a centre: the pixel of the place on its edge that is nearest to its middle.
    edges = (points + np.roll(points, -1, axis=0)) / 2
    seen = edges[((edges >= 0) & (edges < (width, height))).all(axis=1)]
    if len(seen):
        column, row = seen[np.argmin(((seen - points.mean(axis=0)) ** 2).sum(axis=1))].astype(int)
        canvas[row, column] = number


def ring_of(annotation: Annotation) -> tuple[Point, ...]:
    """What encloses the pixels of a shape, of a mask with holes in one ring; ``()`` for a mask that can't be read."""
    return _ring_of_mask(annotation) if annotation.kind == "mask" else regions.outline(annotation)


# The same masks come back in every epoch of a training.
@lru_cache(maxsize=256)
def _ring_of_mask(annotation: Annotation) -> tuple[Point, ...]:
    if not regions.mask_is_readable(annotation):
        return ()
    left, top, right, bottom = regions.extent(annotation)
    corner = (float(np.floor(left)), float(np.floor(top)))
    size_wh = (int(right) - int(left), int(bottom) - int(top))
    points = tuple((px - corner[0], py - corner[1]) for px, py in annotation.points)
    local = Annotation(label=annotation.label, kind="mask", points=points, extra=annotation.extra)
    outer, inner = regions.rings_of(regions.mask_of(local, size_wh))
    if not outer:
        return ()
    return tuple((px + corner[0], py + corner[1]) for px, py in regions.one_ring(outer, inner))

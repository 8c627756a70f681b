"""Pascal VOC's outlines: two PNGs a photo, of classes and of objects.

The n-th object of the XML is number n in ``SegmentationObject``; ``SegmentationClass`` has the class of each pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from thirtyfold.datasets.formats import index_png, regions
from thirtyfold.datasets.formats.format_io import Target
from thirtyfold.datasets.formats.label_set import Entry, keys_of
from thirtyfold.errors import DataError, LabelError
from thirtyfold.sample import Annotation


def with_outlines(entry: Entry, root: Path) -> tuple[Entry, int]:
    """The entry with the regions of its ``SegmentationObject`` in place of boxes, and how many of them fit no box."""
    path = root / "SegmentationObject" / f"{entry.sample.image_path.stem}.png"
    if not path.is_file():
        return entry, 0
    numbers = index_png.read(path)
    if numbers.shape != (entry.sample.height, entry.sample.width):
        raise LabelError(
            path, f"is {numbers.shape[1]}x{numbers.shape[0]}, its photo {entry.sample.width}x{entry.sample.height}"
        )
    boxes = entry.sample.annotations or ()
    shapes: list[Annotation] = []
    group = 1
    wrong = 0
    there = set(np.unique(numbers).tolist()) - {0, index_png.VOID}
    for number, box in enumerate(boxes, start=1):
        region = numbers == number if number in there else None
        if region is None:
            shapes.append(box)
            continue
        around = regions.shapes_around(box.label, region, first_group=group)
        extents = np.array([regions.extent(shape) for shape in around])
        extent = (*extents[:, :2].min(axis=0), *extents[:, 2:].max(axis=0))
        if _share_inside(extent, box.box_xyxy) < 0.5:
            wrong += 1
            shapes.append(box)
            continue
        group += len(around) > 1
        extra = dict(box.extra)
        if max(abs(a - b) for a, b in zip(extent, box.box_xyxy, strict=True)) > 1:
            extra["voc"] = {**keys_of(extra, "voc"), "bndbox": list(box.box_xyxy)}
        shapes += [replace(shape, extra={**shape.extra, **extra}) for shape in around]
    wrong += len(there - set(range(1, len(boxes) + 1)))
    return replace(entry, sample=replace(entry.sample, annotations=tuple(shapes))), wrong


def write_outlines(
    entry: Entry, objects: list[tuple[Annotation, ...]], number_of: Mapping[str, int], target: Target
) -> bool:
    """The two PNGs of a photo, if any of its objects has an outline and a pixel in the picture."""
    size_wh = (entry.sample.width, entry.sample.height)
    # Boxes get a number and no pixel: an outline is more than anybody knows of them.
    outlined = [pieces if pieces[0].kind != "rectangle" else () for pieces in objects]
    if not any(outlined):
        return False
    if len(objects) > index_png.MAX_NUMBER:
        raise DataError(f"{entry.name}: {len(objects)} objects do not fit into an index mask of {index_png.MAX_NUMBER}")
    canvas, by_itself = regions.paint(outlined, size_wh)
    visible = np.bincount(canvas.ravel(), minlength=len(objects) + 1)[1:]
    for pieces, whole, left in zip(outlined, by_itself, visible.tolist(), strict=True):
        if pieces:
            target.losses.add("covered", entry.name, left == 0)
            target.losses.add("overlap", entry.name, 0 < left < whole)
            target.losses.add("circle", entry.name, sum(piece.kind == "circle" for piece in pieces))
            target.losses.add("pixel_grid", entry.name, sum(not regions.on_pixel_grid(piece) for piece in pieces))
    if not canvas.any():
        return False
    classes = np.array([0, *(number_of[pieces[0].label] for pieces in objects)], np.uint8)
    target.write_bytes(f"SegmentationClass/{entry.stem}.png", index_png.encode(classes[canvas]))
    target.write_bytes(f"SegmentationObject/{entry.stem}.png", index_png.encode(canvas.astype(np.uint8)))
    return True


def _share_inside(region: tuple[float, ...], box: tuple[float, ...]) -> float:
    """How much of a region's extent lies in a box: of a thin outline few pixels may be left, but those in its box."""
    width = min(region[2], box[2]) - max(region[0], box[0])
    height = min(region[3], box[3]) - max(region[1], box[1])
    return max(0.0, width) * max(0.0, height) / ((region[2] - region[0]) * (region[3] - region[1]))

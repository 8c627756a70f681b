"""One object of a COCO file as shapes, and back: boxes, polygons of several rings, run-length masks, crowds.

Format: https://cocodataset.org/#format-data. Keys that only COCO knows (``iscrowd``, ``area``) travel in a shape's
``extra["coco"]``; what COCO has no key for stands under ``"thirtyfold"`` in the object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from thirtyfold.datasets.formats import regions, rle
from thirtyfold.datasets.formats.label_set import keys_of
from thirtyfold.datasets.reading import is_coordinate, is_finite
from thirtyfold.sample import Annotation, BoxXyxy, Point

OURS = "thirtyfold"
# Made anew for each file that is written.
_KEYS = frozenset({"image_id", "category_id", "segmentation", "score", OURS})


def to_shapes(raw: Mapping[str, Any], label: str, size_wh: tuple[int, int], *, group: int) -> list[Annotation]:
    """A COCO object as a box, as polygons that share ``group`` if there are several, or as a mask.

    Raises :class:`ValueError` if it is broken.
    """
    segmentation = raw.get("segmentation")
    coco = {key: value for key, value in raw.items() if key not in _KEYS}
    if isinstance(segmentation, Mapping):
        mask = rle.decode(segmentation, size_wh)
        if not mask.any():
            raise ValueError("its mask has no pixel")
        shapes = [regions.mask_annotation(label, mask)]
    elif isinstance(segmentation, list) and segmentation:
        shapes = [Annotation(label=label, kind="polygon", points=_ring(ring)) for ring in segmentation]
    else:
        shapes = [Annotation.from_box(label, _corners(coco.pop("bbox", None)))]
    if "bbox" in coco and _fits(coco["bbox"], regions.extent_of(shapes), slack=0.51):
        del coco["bbox"]  # it says no more than the outline does
    known_group, score = group_of(raw), raw.get("score")
    return [
        replace(
            shape,
            group=group if known_group is None and len(shapes) > 1 else known_group,
            score=float(score) if is_finite(score) else None,
            extra={**shape.extra, **keys_of(keys_of(raw, OURS), "extra"), **({"coco": coco} if coco else {})},
        )
        for shape in shapes
    ]


def group_of(raw: Mapping[str, Any]) -> int | None:
    """The group number of a COCO object that we have written."""
    group = keys_of(raw, OURS).get("group")
    return group if isinstance(group, int) else None


def from_shapes(pieces: Sequence[Annotation], size_wh: tuple[int, int]) -> dict[str, Any] | None:
    """The keys of a COCO object but for its numbers; ``None`` for a mask that has no pixel in the picture."""
    first = pieces[0]
    coco = keys_of(first.extra, "coco")
    segmentation, area, box = _outline(pieces, size_wh)
    if box is None:
        return None
    # What the other tool computed is kept while it still fits the outline, which a person may have moved since.
    if _fits(coco.get("bbox"), box, slack=max(8.0, 0.1 * max(box[2] - box[0], box[3] - box[1]))):
        box = _corners(coco["bbox"])
    kept_area = coco.get("area")
    if is_finite(kept_area) and abs(kept_area - area) <= max(4.0, 0.05 * area):
        area = kept_area
    row: dict[str, Any] = {
        "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
        "area": area,
        "segmentation": segmentation,
        "iscrowd": 0,
    }
    row |= {key: value for key, value in coco.items() if key not in (*_KEYS, "id", "bbox", "area")}
    if first.score is not None:
        row["score"] = first.score
    rest = {key: value for key, value in first.extra.items() if key not in ("coco", "mask")}
    ours = ({"group": first.group} if first.group is not None else {}) | ({"extra": rest} if rest else {})
    return row | ({OURS: ours} if ours else {})


def _outline(
    pieces: Sequence[Annotation], size_wh: tuple[int, int]
) -> tuple[list[list[float]] | dict[str, Any], float, BoxXyxy | None]:
    """(segmentation, area, box) of one object; the box is ``None`` if a mask has no pixel in the picture."""
    if pieces[0].kind == "mask":
        mask = regions.mask_of(pieces[0], size_wh)
        if not mask.any():
            return [], 0.0, None
        return rle.encode(mask), float(mask.sum()), regions.extent(regions.mask_annotation("", mask))
    box = regions.extent_of(pieces)
    if pieces[0].kind == "rectangle":
        return [], (box[2] - box[0]) * (box[3] - box[1]), box
    rings = [regions.outline(piece) for piece in pieces]
    return (
        [[float(value) for point in ring for value in point] for ring in rings],
        sum(regions.polygon_area(ring) for ring in rings),
        box,
    )


def _ring(raw: Any) -> tuple[Point, ...]:
    if not isinstance(raw, list) or len(raw) < 6 or len(raw) % 2:
        raise ValueError("a ring of its polygon has less than three corners, or half a corner")
    numbers = _coordinates(raw, len(raw), "segmentation")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _corners(box: Any) -> BoxXyxy:
    """A COCO box (left, top, width, height) as corners. Raises :class:`ValueError`."""
    left, top, width, height = _coordinates(box, 4, "bbox")
    return (left, top, left + width, top + height)


def _coordinates(raw: Any, count: int, key: str) -> list[float]:
    if not isinstance(raw, list) or len(raw) != count:
        raise ValueError(f"its {key} is not a list of {count} numbers")
    if not all(map(is_coordinate, raw)):
        raise ValueError(f"its {key} holds something that is no number, or farther away than any photo reaches")
    return [float(value) for value in raw]


def _fits(coco_box: Any, box_xyxy: BoxXyxy, *, slack: float) -> bool:
    """Whether a COCO box, which may be broken, has the edges of another one but for ``slack`` pixels."""
    try:
        corners = _corners(coco_box)
    except ValueError:
        return False
    return all(abs(a - b) <= slack for a, b in zip(corners, box_xyxy, strict=True))

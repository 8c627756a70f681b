"""What is wrong with the shapes of one photo, by their geometry alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thirtyfold.sample import Annotation, BoxXyxy

Finding = tuple[str, int, str]  # code, index of the shape, message

# Half a pixel: tools that count from pixel centres put an edge there, and nobody drew it outside.
OUTSIDE_TOLERANCE_PX = 0.5
# Thinner than one pixel holds no pixel.
SMALLEST_SIDE_PX = 1.0
# Of the photo's longer side: 2 px of a 224 px model input.
TINY_SHARE = 0.01
COVERING_SHARE = 0.98
# Two rectangles drawn by hand around one thing agree less than this; a double save agrees more.
SAME_SHAPE_IOU = 0.95
SAME_THING_IOU = 0.90
# Without an inside, so size and overlap say nothing of them.
_THIN_KINDS = frozenset({"point", "points", "line", "linestrip"})


def shape_findings(annotations: Sequence[Annotation], size_wh: tuple[int, int]) -> Iterator[Finding]:
    """Every finding about the shapes of a photo of ``size_wh`` = (width, height) pixels."""
    width, height = size_wh
    for index, annotation in enumerate(annotations):
        box = annotation.box_xyxy
        text = f"{annotation.kind} {annotation.label!r}"
        if not annotation.label.strip():
            yield "label-blank", index, f"a {annotation.kind} has no name"
        if has_no_size(annotation):
            yield "box-zero-size", index, f"{text} is {box[2] - box[0]:.3g} x {box[3] - box[1]:.3g} px"
        elif is_outside(annotation, size_wh):
            yield "box-outside", index, f"{text} lies at {_at(box)}, the photo is {width}x{height}"
        else:
            yield from _extent_findings(annotation, index, text, size_wh)
    yield from _overlap_findings(annotations)


def has_no_size(annotation: Annotation) -> bool:
    """Whether a shape that needs an inside has none: narrower than a pixel, or under three corners."""
    if annotation.kind in _THIN_KINDS:
        return False
    left, top, right, bottom = annotation.box_xyxy
    too_few = annotation.kind == "polygon" and len(set(annotation.points)) < 3
    return too_few or right - left < SMALLEST_SIDE_PX or bottom - top < SMALLEST_SIDE_PX


def is_outside(annotation: Annotation, size_wh: tuple[int, int]) -> bool:
    """Whether nothing of the shape lies in the photo."""
    left, top, right, bottom = annotation.box_xyxy
    width, height = size_wh
    if annotation.kind in _THIN_KINDS:
        return right < 0 or bottom < 0 or left > width or top > height
    return right <= 0 or bottom <= 0 or left >= width or top >= height


def are_the_same(one: Annotation, other: Annotation) -> bool:
    """Whether two shapes of one label are one shape saved twice."""
    if one.label != other.label or one.kind != other.kind:
        return False
    if one.kind in _THIN_KINDS:
        return one.points == other.points
    if one.kind != "rectangle" and len(one.points) != len(other.points):
        return False
    return iou(one.box_xyxy, other.box_xyxy) >= SAME_SHAPE_IOU


def iou(a: BoxXyxy, b: BoxXyxy) -> float:
    """Intersection over union of two boxes, 0 to 1; 0 where both are empty."""
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = across * down
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / union if union > 0 else 0.0


def _extent_findings(annotation: Annotation, index: int, text: str, size_wh: tuple[int, int]) -> Iterator[Finding]:
    left, top, right, bottom = box = annotation.box_xyxy
    width, height = size_wh
    out = max(-left, -top, right - width, bottom - height)
    if out > OUTSIDE_TOLERANCE_PX:
        yield "box-partly-outside", index, f"{text} sticks out by {out:.3g} px, at {_at(box)} in {width}x{height}"
    if annotation.kind in _THIN_KINDS:
        return
    seen = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
    across, down = seen[2] - seen[0], seen[3] - seen[1]
    if min(across, down) < TINY_SHARE * max(width, height):
        yield "box-tiny", index, f"{text} is {across:.1f} x {down:.1f} px of {width}x{height}"
    elif across * down >= COVERING_SHARE * width * height:
        yield "box-covers-photo", index, f"{text} covers {across * down / (width * height):.0%} of the photo"


def _overlap_findings(annotations: Sequence[Annotation]) -> Iterator[Finding]:
    # By left edge, so that of a crowd of a thousand only neighbours are compared.
    boxes = [annotation.box_xyxy for annotation in annotations]
    order = sorted(range(len(boxes)), key=lambda index: boxes[index][0])
    for place, first in enumerate(order):
        width = boxes[first][2] - boxes[first][0]
        for second in order[place + 1 :]:
            if boxes[second][0] - boxes[first][0] > (1 / SAME_THING_IOU - 1) * width:
                break
            earlier, later = sorted((first, second))
            one, other = annotations[earlier], annotations[later]
            if are_the_same(one, other):
                yield "box-duplicate", later, f"{other.kind} {other.label!r} is shapes[{earlier}] once more"
            elif (
                one.label != other.label
                and not {one.kind, other.kind} & _THIN_KINDS
                and iou(boxes[earlier], boxes[later]) >= SAME_THING_IOU
            ):
                yield "box-two-labels", later, f"{other.label!r} lies on {one.label!r} (shapes[{earlier}])"


def _at(box: BoxXyxy) -> str:
    return ", ".join(f"{value:.6g}" for value in box)

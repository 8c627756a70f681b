"""A label file's corrected copy. Pure: label file in, label file and what was changed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from thirtyfold.datasets.check.boxes import OUTSIDE_TOLERANCE_PX, are_the_same, has_no_size, is_outside
from thirtyfold.datasets.check.labels import LabelFacts
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.sample import Annotation, Point

# What only a person can decide: the photo is copied, and stands there unlabelled.
_BEYOND_US = {
    "label-empty": "is empty",
    "label-not-json": "is not JSON",
    "label-not-labelme": "is not labelme's",
    "label-broken": "has a wrong field",
    "shape-broken": "has a shape that cannot be read",
    "label-blank": "has a shape without a name",
    "label-of-another-photo": "names another photo",
}
_SAID = {
    "label-windows-path": "imagePath",
    "label-path-leaves-folder": "imagePath",
    "label-image-path": "imagePath",
    "label-other-folder": "imagePath",
    "label-embeds-photo": "the embedded photo left out",
    "label-four-corners": "rectangles by two corners",
    "label-size-missing": "imageWidth and imageHeight",
}
_SAME_ASPECT = 0.01


def mend_labels(
    facts: LabelFacts, *, image_name: str, size_wh: tuple[int, int], stored_wh: tuple[int, int], orientation: int
) -> tuple[LabelFile | None, list[str]]:
    """Labels that fit the corrected photo, and what was changed; or ``None`` and why not.

    ``size_wh`` is (width, height) of the upright photo, ``stored_wh`` of its file before
    EXIF ``orientation`` (1 to 8). Shapes are clipped to the photo, those of no size,
    outside of it or there twice are dropped. A file that loses all its shapes by that is
    refused: it would say that somebody looked and there was nothing.
    """
    beyond = next((why for code, why in _BEYOND_US.items() if code in facts.codes), None)
    label_file = facts.label_file
    if beyond is not None or label_file is None:
        return None, [f"the label file {beyond or 'cannot be read'}"]
    changes = list(dict.fromkeys(text for code, text in _SAID.items() if code in facts.codes))
    shapes = list(label_file.annotations)
    stated_wh = (label_file.width or size_wh[0], label_file.height or size_wh[1])
    if stated_wh != size_wh:
        move, how = _frame(stated_wh, size_wh, stored_wh, orientation)
        if move is None or any(shape.kind == "mask" for shape in shapes):
            return None, [f"the labels were drawn on {stated_wh[0]}x{stated_wh[1]}: nobody knows where they belong"]
        shapes = [replace(shape, points=tuple(move(point) for point in shape.points)) for shape in shapes]
        changes.append(how)
    kept: list[Annotation] = []
    for shape in shapes:
        why, clipped = _mend_shape(shape, size_wh, kept)
        if why:
            changes.append(f"{shape.label!r} {why}")
        if clipped is not None:
            kept.append(clipped)
    if shapes and not kept:
        return None, [f"nothing is left of its {len(shapes)} shapes"]
    mended = replace(
        label_file,
        annotations=tuple(kept),
        image_path=image_name,
        image_data=None,
        width=size_wh[0],
        height=size_wh[1],
    )
    return mended, changes


def _mend_shape(shape: Annotation, size_wh: tuple[int, int], kept: list[Annotation]) -> tuple[str, Annotation | None]:
    """What was done to a shape ("" for nothing), and the shape, ``None`` if it was dropped."""
    if has_no_size(shape):
        return "of no size dropped", None
    if is_outside(shape, size_wh):
        return "outside of the photo dropped", None
    clipped = _clipped(shape, size_wh)
    if has_no_size(clipped):
        return "with nothing inside of the photo dropped", None
    if any(are_the_same(other, clipped) for other in kept):
        return "there twice, one dropped", None
    out = max(abs(a - b) for a, b in zip(shape.box_xyxy, clipped.box_xyxy, strict=True))
    return (f"clipped by {out:.3g} px" if out > OUTSIDE_TOLERANCE_PX else ""), clipped


def _clipped(shape: Annotation, size_wh: tuple[int, int]) -> Annotation:
    width, height = size_wh
    if shape.kind in ("rectangle", "line", "linestrip", "points"):
        inside = tuple((min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in shape.points)
        return replace(shape, points=inside)
    if shape.kind == "polygon":
        return replace(shape, points=regions.cut_ring(shape.points, size_wh) or ((0.0, 0.0),))
    return shape  # a circle can't be clipped and stay one, a mask's pixels lie with it


def _frame(
    stated_wh: tuple[int, int], size_wh: tuple[int, int], stored_wh: tuple[int, int], orientation: int
) -> tuple[Callable[[Point], Point] | None, str]:
    """How points move from the picture they were drawn on to the upright photo; ``None`` if nobody knows."""
    width, height = stored_wh
    if stated_wh == stored_wh and orientation >= 5:
        turns: dict[int, Callable[[Point], Point]] = {
            5: lambda p: (p[1], p[0]),
            6: lambda p: (height - p[1], p[0]),
            7: lambda p: (height - p[1], width - p[0]),
            8: lambda p: (p[1], width - p[0]),
        }
        return turns[orientation], "shapes turned with the photo"
    if 0 in stated_wh:
        return None, ""
    across, down = size_wh[0] / stated_wh[0], size_wh[1] / stated_wh[1]
    if abs(across / down - 1) <= _SAME_ASPECT:
        return (
            lambda p: (p[0] * across, p[1] * down)
        ), f"shapes scaled by {across:.3g}, from {stated_wh[0]}x{stated_wh[1]}"
    return None, ""

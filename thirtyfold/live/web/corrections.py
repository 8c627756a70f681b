"""What a page says a photo's labels should be: JSON in, checked, a label file out. Pure.

A page never sends a whole label file. It names the shapes that stay by their place in the file it
was shown, with a new label or box where a person gave one; what it cannot show or draw (polygons,
groups, foreign keys) is taken from the file and stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, ValidationError

from thirtyfold.annotate.ticks import NOTHING_HERE, RIGHT_AS_IS, settled, spoken
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.unlabelled import is_unlabelled
from thirtyfold.errors import UsageError
from thirtyfold.live.web.bodies import FromPage, not_as_expected
from thirtyfold.sample import Annotation, BoxXyxy

MOST_SHAPES = 2000
MOST_CORRECTION_BYTES = 400_000
# What a person can still see and take hold of.
SMALLEST_SIDE = 1.0
# Truth may reach beyond the photo, a face at its border does; further than this it is a slip.
_MARGIN = 0.5

_Coordinate = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]


class CorrectedShape(FromPage):
    """``was`` is the shape's place in the file that was shown, ``None`` for a new box.

    ``box_xyxy`` in pixels of the upright photo; ``None`` where the shape was left where it is.
    """

    was: Annotated[int, Field(ge=0, lt=MOST_SHAPES)] | None = None
    label: Annotated[str, Field(min_length=1, max_length=500)]
    box_xyxy: tuple[_Coordinate, _Coordinate, _Coordinate, _Coordinate] | None = None


class Correction(FromPage):
    """``photo`` is its number in our own list, ``version`` that of the labels that were shown."""

    photo: Annotated[int, Field(ge=0)]
    version: Annotated[str, Field(max_length=80)]
    shapes: Annotated[list[CorrectedShape], Field(max_length=MOST_SHAPES)]


def read_correction(data: bytes) -> Correction:
    """A request's body. Raises :class:`UsageError` for anything else."""
    try:
        return Correction.model_validate_json(data)
    except ValidationError as error:
        raise not_as_expected("the correction", error) from error


def corrected(
    before: LabelFile, shapes: Sequence[CorrectedShape], *, labels: Collection[str], size_wh: tuple[int, int]
) -> tuple[Annotation, ...]:
    """The shapes of ``before`` as a person wants them, those that stay in their old order and as they are.

    Raises :class:`UsageError` for a place that is not in ``before`` or named twice, a label that is neither in
    ``labels`` nor in ``before``, and a box that cannot be.
    """
    old = before.annotations
    known = {*labels, *(shape.label for shape in old)}
    seen: set[int] = set()
    result: list[Annotation] = []
    for shape in shapes:
        if shape.label not in known:
            raise UsageError(f"the label {shape.label!r} is not on the list; start again with it in --labels")
        if shape.was is None:
            if shape.box_xyxy is None:
                raise UsageError("a new box has to have corners")
            result.append(Annotation.from_box(shape.label, _checked(shape.box_xyxy, size_wh)))
            continue
        if shape.was >= len(old) or shape.was in seen:
            raise UsageError(f"there is no shape {shape.was} in these labels, or it came twice; load the page again")
        seen.add(shape.was)
        result.append(_changed(old[shape.was], shape, size_wh))
    return tuple(result)


def settled_by_page(before: LabelFile, annotations: tuple[Annotation, ...], *, had_file: bool) -> LabelFile:
    """The label file after a person saved these shapes in the page: what ``annotate`` makes of the same in labelme.

    Saving is a person's word for the whole photo: a model's labels become truth, no shapes mean *verified
    empty*, and labels of people that were left or put right are not asked about again.
    """
    flags = {**before.flags, RIGHT_AS_IS: bool(annotations), NOTHING_HERE: not annotations}
    if is_machine_made(before):
        return settled(replace(before, annotations=annotations, flags=flags), before)
    flags[RIGHT_AS_IS] = had_file and not is_unlabelled(before)
    return spoken(replace(before, annotations=annotations, flags=flags))


def _changed(old: Annotation, new: CorrectedShape, size_wh: tuple[int, int]) -> Annotation:
    if new.box_xyxy is None:
        return replace(old, label=new.label)
    if old.kind != "rectangle":
        raise UsageError(f"a {old.kind} cannot be moved here; open the photo in labelme for that")
    left, top, right, bottom = _checked(new.box_xyxy, size_wh)
    return replace(old, label=new.label, points=((left, top), (right, bottom)))


def _checked(box_xyxy: BoxXyxy, size_wh: tuple[int, int]) -> BoxXyxy:
    """The box, to hundredths of a pixel. Raises :class:`UsageError` if it is too small or too far away."""
    left, top, right, bottom = (round(value, 2) for value in box_xyxy)
    width, height = size_wh
    if right - left < SMALLEST_SIDE or bottom - top < SMALLEST_SIDE:
        raise UsageError("a box has to be a pixel wide and high at least")
    if min(left / width, top / height) < -_MARGIN or max(right / width, bottom / height) > 1 + _MARGIN:
        raise UsageError(f"a box lies too far outside of the photo of {width}x{height} pixels")
    return left, top, right, bottom

"""labelme's masks on the move: as the outline of their pixels, so that they lose nothing on the way.

Warping a mask's pixels with every step would round its edge at every step, and a border
that mirrors the photo would mirror the mask into it. As an outline it moves like a polygon,
exactly, and becomes pixels once, at the end. A *region* is a mask on its way: the outlines of
its pieces and holes, all in one ring: from the first corner there, around, and back the
same way. By the even-odd rule the ways there and back enclose nothing, so one
ring holds any number of pieces and holes, through every cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from thirtyfold.augment.clipping import Ring
from thirtyfold.datasets.formats.regions import (
    encloses,
    fill,
    mask_annotation,
    mask_is_readable,
    mask_of,
    one_ring,
    rings_of,
)
from thirtyfold.sample import Annotation

REGION = "region"


# The copies of a photo are made one after the other, and its masks are the same for all of them.
@lru_cache(maxsize=64)
def is_mask(annotation: Annotation) -> bool:
    """Whether it is a mask whose pixels can be read."""
    return annotation.kind == "mask" and encloses(annotation) and mask_is_readable(annotation)


@lru_cache(maxsize=64)
def to_region(annotation: Annotation, frame_wh: tuple[int, int]) -> Annotation | None:
    """A mask as a region, cut at the frame (width, height); ``None`` if none of its pixels lies there.

    Raises :class:`ValueError` for a mask that can't be read (:func:`is_mask`).
    """
    outer, inner = rings_of(mask_of(annotation, frame_wh))
    return as_region(annotation, outer, inner) if outer else None


def as_region(annotation: Annotation, outer: Sequence[Ring], inner: Sequence[Ring]) -> Annotation:
    """The region of these outlines, around its pieces (one at least) and around its holes."""
    return replace(annotation, kind=REGION, points=one_ring(outer, inner))


def to_mask(region: Annotation, frame_wh: tuple[int, int]) -> Annotation | None:
    """A region as a mask again: the pixels of the frame whose centres lie in it; ``None`` if none does."""
    pixels = fill(region.points, frame_wh)
    if not pixels.any():
        return None
    mask = mask_annotation(region.label, pixels)
    return replace(region, kind="mask", points=mask.points, extra={**region.extra, **mask.extra})

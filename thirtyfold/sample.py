"""What flows through every room: an annotation, and a photo with its annotations.

Plain frozen Python values, no numpy: equality, hashing and JSON for free, and
nobody's array changed behind their back. Pixels travel beside a sample, never in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Point = tuple[float, float]
BoxXyxy = tuple[float, float, float, float]


def box_area(box_xyxy: BoxXyxy) -> float:
    """Width times height of a box."""
    left, top, right, bottom = box_xyxy
    return (right - left) * (bottom - top)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One shape, drawn by a person (truth) or found by a model (prediction).

    ``points`` are (x, y) in pixels of the upright image: x to the right, y down,
    (0, 0) the outer corner of the first pixel. They may lie outside of the image.
    ``kind`` is labelme's ``shape_type``; a ``rectangle`` has two opposite corners,
    in the order in which they were drawn. ``score`` is 0 to 1, ``None`` for truth.
    ``extra`` holds the keys of the label file that we don't know.
    """

    label: str
    points: tuple[Point, ...]
    kind: str = "rectangle"
    score: float | None = None
    group: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def box_xyxy(self) -> BoxXyxy:
        """The smallest upright box around the shape: (left, top, right, bottom), pixels.

        A circle (centre, point on the rim) is enclosed whole.
        """
        if self.kind == "circle" and len(self.points) == 2:
            (cx, cy), (rx, ry) = self.points
            radius = ((rx - cx) ** 2 + (ry - cy) ** 2) ** 0.5
            return (cx - radius, cy - radius, cx + radius, cy + radius)
        xs = [x for x, _ in self.points]
        ys = [y for _, y in self.points]
        return (min(xs), min(ys), max(xs), max(ys))

    @staticmethod
    def from_box(label: str, box_xyxy: BoxXyxy, *, score: float | None = None) -> Annotation:
        """A rectangle from its corners (left, top, right, bottom), pixels."""
        left, top, right, bottom = (float(v) for v in box_xyxy)
        return Annotation(label=label, points=((left, top), (right, bottom)), score=score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where a picture's encoded bytes lie in a shard: ``length`` bytes from ``offset`` of ``path``."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One photo and what is known about it.

    ``width`` and ``height`` are pixels after EXIF rotation. ``annotations`` is
    ``None`` for an *unlabelled* photo and ``()`` for a *verified empty* one: the two
    are never mixed up. ``tags`` are classes of the whole image (labelme's ticked
    flags), ``values`` its numbers (age). ``session`` is the visit to the camera it
    came from, ``parent`` the name of the photo it is a copy of. ``machine_made``: a model
    drew the annotations and nobody has looked at them, so they are no truth, ``()`` included.
    ``record`` says where the picture lies if it is no file of its own; ``image_path`` is then
    only its name, and ``datasets.pixels.read_pixels`` reads both.
    """

    image_path: Path
    width: int
    height: int
    annotations: tuple[Annotation, ...] | None = None
    tags: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict, hash=False)
    session: str | None = None
    parent: str | None = None
    split: str | None = None
    machine_made: bool = False
    record: Record | None = None

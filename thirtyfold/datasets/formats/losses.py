"""What a target format cannot carry: the one table of it, and the book in which every case is written down.

A writer may lose only what :data:`ALLOWED` says of its format; anything else is a bug and
raises. ``docs/formats.md`` shows the same table, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["dropped", "changed", "minor"]


@dataclass(frozen=True, slots=True)
class Reason:
    """``dropped`` is gone, ``changed`` is there in another form: both stop ``--strict``. ``minor`` does not."""

    text: str
    severity: Severity


REASONS: Mapping[str, Reason] = {
    "shapes": Reason("shapes: the format knows only classes of whole photos", "dropped"),
    "no_class": Reason("photos without a class of the whole photo, which have no folder to go to", "dropped"),
    "tags": Reason("classes of the whole photo", "dropped"),
    "open_shape": Reason("points and lines, which enclose nothing", "dropped"),
    "outside": Reason("shapes that lie wholly outside of their photo", "dropped"),
    "covered": Reason("shapes of which no pixel is left, too small or painted over", "dropped"),
    "ignored": Reason(
        "areas to be ignored (COCO crowds, ignored boxes), left out, as they would be learned; void in masks", "dropped"
    ),
    "holes": Reason("holes in masks", "dropped"),
    "group": Reason("group numbers, and with them which pieces are one object", "dropped"),
    "score": Reason("scores of predictions", "dropped"),
    "extra": Reason("other keys of a shape", "dropped"),
    "image_extra": Reason("other keys of a photo", "dropped"),
    "session": Reason("capture sessions", "dropped"),
    "machine_made": Reason("the mark that a model drew these labels and nobody has looked at them", "dropped"),
    "verified_empty": Reason("the word of a person that nothing is in the photo", "dropped"),
    "class_order": Reason("the order of the classes, or classes that no photo has", "dropped"),
    "clipped": Reason("shapes that reach over the edge of the photo, cut at the edge", "changed"),
    "circle": Reason("circles, now polygons of 64 corners", "changed"),
    "box_to_polygon": Reason("boxes, now polygons of four corners, as the format cannot mix the two", "changed"),
    "box_to_area": Reason("boxes, now filled areas", "changed"),
    "mask_to_polygon": Reason("masks, now polygons around them", "changed"),
    "overlap": Reason("shapes partly painted over by smaller ones", "changed"),
    "torn": Reason("objects of several pieces, or that whole pixels tear apart, now an object a piece", "changed"),
    "merged": Reason("shapes that touch one of the same class, now one area with it", "changed"),
    "renamed": Reason("names that another photo has too, or that cannot be a folder's", "changed"),
    "pixel_grid": Reason("corners between pixels, moved to whole pixels", "minor"),
    "ids": Reason("numbers and areas that the other format keeps for itself", "minor"),
}
_FLAT_TARGETS = frozenset({"renamed"})
_AREAS = frozenset({"open_shape", "outside", "covered", "clipped", "circle"})
_NO_JSON = frozenset({"tags", "group", "score", "extra", "image_extra", "session", "machine_made", "ids"})
ALLOWED: Mapping[str, frozenset[str]] = {
    "labelme": _FLAT_TARGETS,
    "coco": _FLAT_TARGETS | {"open_shape", "circle", "covered"},
    "yolo": _FLAT_TARGETS
    | (_AREAS - {"covered"})
    | _NO_JSON
    | {"ignored", "holes", "box_to_polygon", "mask_to_polygon", "torn"},
    "voc": _FLAT_TARGETS | _AREAS | _NO_JSON | {"overlap", "pixel_grid"},
    "masks": _FLAT_TARGETS | _AREAS | _NO_JSON | {"ignored", "box_to_area", "overlap", "merged", "torn", "pixel_grid"},
    "folders": _FLAT_TARGETS
    | {"shapes", "no_class", "tags", "image_extra", "session", "machine_made", "verified_empty", "class_order", "ids"},
}


@dataclass(slots=True)
class Losses:
    """The book of one conversion into ``target``: file → reason → how many."""

    target: str
    by_file: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, reason: str, file: str, count: int = 1) -> None:
        """``count`` things of ``file`` were lost or changed for ``reason``, a key of :data:`REASONS`."""
        if reason not in ALLOWED[self.target]:
            raise ValueError(f"{self.target} must not lose {reason} ({file}): the table of losses does not allow it")
        if count:
            reasons = self.by_file.setdefault(file, {})
            reasons[reason] = reasons.get(reason, 0) + count

    def totals(self) -> dict[str, tuple[int, int]]:
        """Reason → (things, files), in the order of :data:`REASONS`."""
        rows = {}
        for reason in REASONS:
            counts = [found[reason] for found in self.by_file.values() if reason in found]
            if counts:
                rows[reason] = (sum(counts), len(counts))
        return rows

    @property
    def strict(self) -> list[str]:
        """The reasons met that ``--strict`` does not accept."""
        return [reason for reason in self.totals() if REASONS[reason].severity != "minor"]

    def to_dict(self) -> dict[str, Any]:
        """For ``conversion.json``: totals first, then file by file."""
        return {
            "totals": {
                reason: {
                    "what": REASONS[reason].text,
                    "severity": REASONS[reason].severity,
                    "count": things,
                    "files": files,
                }
                for reason, (things, files) in self.totals().items()
            },
            "files": {file: self.by_file[file] for file in sorted(self.by_file)},
        }

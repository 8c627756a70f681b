"""What a person can choose of a conversion."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.errors import UsageError

# The names of formats.FORMATS, which imports what `--help` must not.
READABLE = ("labelme", "coco", "yolo", "voc", "masks", "folders", "imglab", "dicom")
WRITABLE = ("labelme", "coco", "yolo", "voc", "masks", "folders")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertOptions:
    """``to`` and ``from_`` are formats; ``from_`` is found out when ``None``.

    ``copy`` copies photos instead of linking them, ``strict`` refuses what cannot be carried
    whole, ``label`` is for shapes that have none (imglab, black-and-white masks).
    """

    to: str
    from_: str | None = None
    copy: bool = False
    strict: bool = False
    label: str = "object"

    def __post_init__(self) -> None:
        if self.to not in WRITABLE:
            hint = f"; {self.to} is only read" if self.to in READABLE else ""
            raise UsageError(f"--to {self.to}: one of {', '.join(WRITABLE)} was expected{hint}")
        if self.from_ is not None and self.from_ not in READABLE:
            raise UsageError(f"--from {self.from_}: one of {', '.join(READABLE)} was expected")
        if not self.label.strip():
            raise UsageError("--label: a name was expected, like --label face")

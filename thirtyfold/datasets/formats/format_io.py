"""What every format's reader is given, and what its writer writes into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.formats.image_files import ImageIndex, Placer
from thirtyfold.datasets.formats.label_set import Entry, LabelSet, says_something
from thirtyfold.datasets.formats.losses import Losses
from thirtyfold.errors import LabelError, UsageError
from thirtyfold.progress import Bar
from thirtyfold.sample import Annotation

# Where photos go that are in no part, when others are.
UNASSIGNED = "unassigned"
# What formats keep for themselves: numbers, and what can be computed.
_BOOKKEEPING: Mapping[str, frozenset[str]] = {
    "coco": frozenset({"id", "area", "bbox", "license", "flickr_url", "coco_url", "date_captured"}),
    "voc": frozenset({"folder", "filename", "path", "source", "owner", "segmented", "bndbox"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What to read: the dataset's folder, and the one label file if a person named one.

    ``default_label`` is for shapes that have no label (imglab allows that).
    """

    root: Path
    file: Path | None = None
    default_label: str = "object"


@dataclass(slots=True, kw_only=True)
class Target:
    """A new folder to write a label set into, and the book of what it cannot carry."""

    root: Path
    losses: Losses
    placer: Placer
    bar: Bar

    def place(self, entry: Entry, relative: str) -> None:
        """The entry's picture, byte for byte, as ``relative`` (a path with slashes)."""
        if entry.picture is not None:
            self.placer.write(entry.picture(), self.root / relative, how="made of scans")
        elif entry.embedded_in is not None:
            self.placer.write(embedded_picture(entry.embedded_in), self.root / relative)
        else:
            self.placer.place(entry.sample.image_path, self.root / relative)
        self.bar.advance()

    def write_text(self, relative: str, text: str) -> None:
        # Not flushed one by one: the whole folder appears under its name only when it is finished.
        files.write_text(self.root / relative, text, durable=False)

    def write_json(self, relative: str, value: Any) -> None:
        files.write_json(self.root / relative, value, durable=False)

    def write_bytes(self, relative: str, data: bytes) -> None:
        files.write_bytes(self.root / relative, data, durable=False)

    def lose_photo_keys(self, entry: Entry, *, keeps: str) -> None:
        """Note what is known of the whole photo and cannot be written; the keys of format ``keeps`` can."""
        sample = entry.sample
        self.losses.add("session", entry.name, sample.session is not None)
        self.losses.add("machine_made", entry.name, sample.machine_made)
        for owner, keys in entry.extra.items():
            if owner != keeps and isinstance(keys, Mapping):
                self._lose("image_extra", entry, owner, keys)

    def lose_shape_keys(self, entry: Entry, annotation: Annotation, *, keeps: str) -> None:
        """Note what is known of a shape beside label and points; the keys of format ``keeps`` can be written."""
        self.losses.add("score", entry.name, annotation.score is not None)
        self.losses.add("group", entry.name, annotation.group is not None)
        for owner, value in annotation.extra.items():
            if owner == keeps or (owner == "mask" and annotation.kind == "mask"):
                continue
            keys = value if owner in ("coco", "voc", "imglab") and isinstance(value, Mapping) else {owner: value}
            self._lose("extra", entry, owner, keys)

    def _lose(self, reason: str, entry: Entry, owner: str, keys: Mapping[str, Any]) -> None:
        told = {key for key, value in keys.items() if says_something(value)}
        if told - _BOOKKEEPING.get(owner, frozenset()):
            self.losses.add(reason, entry.name)
        elif told:
            self.losses.add("ids", entry.name)


def embedded_picture(label_path: Path) -> bytes:
    """The picture inside of a labelme file, as it was before labelme put it there. Raises :class:`LabelError`."""
    import base64

    try:
        data = base64.b64decode(labelme_json.read(label_path).image_data or "", validate=True)
    except ValueError as error:  # also for letters beyond ASCII
        raise LabelError(label_path, '"imageData" is not base64; save the file again from labelme') from error
    if not data:
        raise LabelError(label_path, "holds no picture")
    return data


def part_folder(label_set: LabelSet, entry: Entry) -> str:
    """``train/``, ``val/``, ``test/`` or ``unassigned/``; nothing where no photo is in a part."""
    return f"{entry.sample.split or UNASSIGNED}/" if label_set.has_parts else ""


def refuse_rivals(names_of: Mapping[Path, Iterable[str]], index: ImageIndex) -> None:
    """Raise :class:`UsageError` if two label files describe the same photo: which one counts is not ours to say.

    ``names_of`` are the names that each label file gives its photos.
    """
    seen: dict[Path, Path] = {}
    for path, names in names_of.items():
        for name in names:
            try:
                photo = index.find(name, path)
            except LabelError:
                continue  # whoever reads the file says so
            first = seen.setdefault(photo, path)
            if first != path:
                raise UsageError(
                    f"{first} and {path} both describe {name}: name the file you want instead of the folder"
                )

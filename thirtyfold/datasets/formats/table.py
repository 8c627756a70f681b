"""The table of label formats, and which of them a folder is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Protocol, cast

from thirtyfold.datasets.formats.format_io import Source, Target
from thirtyfold.datasets.formats.label_set import LabelSet
from thirtyfold.errors import UsageError
from thirtyfold.workspace import OUR_JSON_FILES

_HEAD_BYTES = 1 << 20
# Enough to know a folder by, however large it is.
_MOST_HEADS = 24
_LABEL_SUFFIXES = (".json", ".xml", ".yaml", ".yml", ".txt")
# They stand beside labels of every format.
_NO_LABELS = OUR_JSON_FILES | {"labels.txt", "labelmap.txt", "readme.txt", "license.txt"}


class Reads(Protocol):
    def detect(self, root: Path, heads: Mapping[Path, str]) -> str | None: ...

    def read(self, source: Source) -> LabelSet: ...


class Writes(Protocol):
    def write(self, label_set: LabelSet, target: Target) -> None: ...


@dataclass(frozen=True, slots=True)
class Format:
    """One line of the table; the module has ``detect`` and ``read``, and ``write`` where it is written, too."""

    module: str
    says: str
    written: bool = True

    @property
    def reader(self) -> Reads:
        return cast(Reads, import_module(self.module))

    @property
    def writer(self) -> Writes:
        return cast(Writes, import_module(self.module))


FORMATS: Mapping[str, Format] = {
    "labelme": Format("thirtyfold.datasets.formats.labelme_folder", "labelme JSON beside the photos or in labels/"),
    "coco": Format("thirtyfold.datasets.formats.coco_json", "COCO JSON: boxes, polygons, run-length masks"),
    "yolo": Format("thirtyfold.datasets.formats.yolo_txt", "YOLO text files with data.yaml: boxes or outlines"),
    "voc": Format("thirtyfold.datasets.formats.pascal_voc", "Pascal VOC XML, outlines as PNG"),
    "masks": Format("thirtyfold.datasets.formats.mask_png", "index PNGs, a class a number"),
    "folders": Format("thirtyfold.datasets.formats.class_folders", "a folder of photos a class"),
    "imglab": Format("thirtyfold.datasets.formats.imglab_xml", "dlib's imglab XML", written=False),
    "dicom": Format("thirtyfold.datasets.formats.dicom_series", "DICOM slices, a patient a session", written=False),
}


def locate(path: Path) -> Source:
    """A folder, or a label file in one: then only that file counts. Raises :class:`UsageError`."""
    if path.is_dir():
        return Source(root=path)
    if not path.is_file():
        raise UsageError(f"{path}: no such dataset; a folder was expected, or a label file")
    folder = path.parent
    # Where labels have a folder of their own, the photos lie one higher.
    inner = folder.name.lower() in ("annotations", "labels") and folder.parent != folder
    return Source(root=folder.parent if inner else folder, file=path)


def candidates(source: Source) -> dict[str, str]:
    """Format → what shows it, for every format that the files could be in."""
    heads = _heads(source)
    found: dict[str, str] = {}
    for name, row in FORMATS.items():
        if name in ("masks", "folders") and (found or source.file):
            continue  # they are known by what is not there
        reason = row.reader.detect(source.root, heads)
        if reason:
            found[name] = reason
    return found


def detect(source: Source) -> tuple[str, str]:
    """(format, what shows it). Raises :class:`UsageError` if there is none, or more than one."""
    found = candidates(source)
    if len(found) == 1:
        return next(iter(found.items()))
    where = source.file or source.root
    if not found:
        raise UsageError(f"{where}: no labels of a known format in it; name it with --from {'|'.join(FORMATS)}")
    shown = "; ".join(f"{name} ({reason})" for name, reason in found.items())
    raise UsageError(f"{where}: could be {shown}; choose with --from {'|'.join(found)}")


def _heads(source: Source) -> dict[Path, str]:
    """The beginnings of some label files: of every ending, of the folder and two levels below."""
    if source.file:
        return {source.file: _head(source.file)}
    heads: dict[Path, str] = {}
    for suffix in _LABEL_SUFFIXES:
        paths = (
            path
            for pattern in ("*", "*/*", "*/*/*")
            for path in source.root.glob(pattern + suffix)
            if not any(piece.startswith(".") for piece in path.relative_to(source.root).parts)
            and path.name.lower() not in _NO_LABELS
            and path.relative_to(source.root).parts[0] not in ("augmented", "ImageSets")
            and path.is_file()
        )
        for path in sorted(islice(paths, _MOST_HEADS)):
            heads[path] = _head(path)
    return heads


def _head(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            stream.seek(max(_HEAD_BYTES, path.stat().st_size - (1 << 16)))
            return (head + stream.read()).decode("utf-8", "replace")
    except OSError:
        return ""

"""What a YOLO dataset says of the whole: the names of its classes, and which photos are in which part.

``data.yaml`` names the classes and the folders of train, val and test
(https://docs.ultralytics.com/datasets/detect/). Older tools write ``classes.txt`` (LabelImg) or ``obj.names``
(darknet) instead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from thirtyfold.datasets.formats.format_io import Source
from thirtyfold.datasets.formats.image_files import ImageIndex, path_pieces
from thirtyfold.datasets.formats.label_set import part_named
from thirtyfold.datasets.reading import read_label_bytes
from thirtyfold.errors import LabelError

CONFIG = "data.yaml"
_CONFIGS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_CLASS_LISTS = ("classes.txt", "obj.names", "labels/classes.txt", "predefined_classes.txt", "data/obj.names")
# A data.yaml has some hundred lines; YAML is read slowly.
_MOST_CONFIG_BYTES = 10_000_000
MOST_CLASSES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """``names`` of the classes by number, ``folders`` (or lists of photos) by part."""

    names: Mapping[int, str] = field(default_factory=dict)
    folders: Mapping[str, list[str]] = field(default_factory=dict)


def read_config(source: Source) -> Config:
    """The lists of a YOLO folder, or of the one file that a person named. Raises :class:`LabelError`."""
    paths = [source.file] if source.file else [source.root / name for name in _CONFIGS]
    for path in paths:
        if path.is_file():
            return _parse_config(path)
    for path in (*(source.root / name for name in _CLASS_LISTS), *sorted(source.root.glob("*/classes.txt"))):
        if path.is_file():
            return Config(names=dict(enumerate(line for line in _lines(path) if line.strip())))
    return Config()


def _lines(path: Path) -> list[str]:
    """The lines of a list of names, as Windows and others write them."""
    return [line.rstrip("\r") for line in read_label_bytes(path).decode("utf-8-sig", "replace").split("\n")]


def _parse_config(path: Path) -> Config:
    import yaml

    try:
        text = read_label_bytes(path, most_bytes=_MOST_CONFIG_BYTES).decode("utf-8-sig")
        # "A billion laughs" in YAML: ten lines of names that stand for each other unfold to gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise LabelError(path, "uses YAML's aliases (*name), which no labelling tool writes; write the values out")
        raw = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:  # ValueError: also a date like 2024-99-99
        raise LabelError(path, f"is not YAML ({next(iter(str(error).splitlines()), 'broken')})") from error
    names = raw.get("names") if isinstance(raw, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(isinstance(key, int) and 0 <= key < MOST_CLASSES for key in names):
        raise LabelError(path, '"names" must be a list of classes, or numbers with their names')
    if nested := [number for number, name in names.items() if isinstance(name, (list, dict))]:
        raise LabelError(path, f'"names": class {nested[0]} has a list in place of a name')
    if "kpt_shape" in raw:
        raise LabelError(
            path, "is of a pose dataset (kpt_shape); key points are not converted, only boxes and outlines"
        )
    folders = {
        part: [str(place) for place in (raw[key] if isinstance(raw[key], list) else [raw[key]])]
        for key in raw
        if isinstance(key, str) and (part := {"train": "train", "val": "val", "valid": "val", "test": "test"}.get(key))
        if raw[key]
    }
    return Config(names={number: str(name) for number, name in names.items()}, folders=folders)


def parts_of(config: Config, root: Path, index: ImageIndex) -> dict[Path, str]:
    """Photo → part, by the folders or lists of data.yaml, else by the names of the folders."""
    if not config.folders:
        return {path: part for path in index.paths if (part := _part_in_path(path.relative_to(root)))}
    photos = {part: _photos_of(places, root, index) for part, places in config.folders.items()}
    parts: dict[Path, str] = {}
    for part in ("test", "val", "train"):
        for path in photos.get(part, ()):
            # A photo that data.yaml gives to two parts is in none: nobody has divided them.
            if sum(path in others for others in photos.values()) == 1:
                parts[path] = part
    return parts


def _photos_of(places: list[str], root: Path, index: ImageIndex) -> set[Path]:
    found: set[Path] = set()
    for place in places:
        pieces = path_pieces(place)
        if place.endswith(".txt"):
            lists = (path for path in sorted(root.rglob("*.txt")) if path.name == pieces[-1] and path.is_file())
            for path in islice(lists, 1):
                found.update(index.find(line.strip(), path) for line in _lines(path) if line.strip())
        else:
            folder = _folder_here(pieces, root)
            found.update(path for path in index.paths if folder is not None and path.is_relative_to(folder))
    return found


def _folder_here(pieces: Sequence[str], root: Path) -> Path | None:
    """The folder that ``data.yaml`` means. Exports name those of the machine they came from: the longest end of the
    path that is here counts. ``None`` if no end of it is: exports list a test part also where there is none.
    """
    with contextlib.suppress(OSError):  # a name that is too long for this system
        for start in range(len(pieces)):
            folder = root.joinpath(*pieces[start:])
            if folder.is_dir():
                return folder
    return root if not pieces or pieces[-1] == root.resolve().name else None


def _part_in_path(relative: Path) -> str | None:
    return next((part for piece in relative.parts[:-1] if (part := part_named(piece))), None)

"""YOLO's text files: a line a shape, ``class x y width height`` or ``class x1 y1 x2 y2 x3 y3 ...``.

Numbers are shares of the photo's width and height, from its outer corner; x and y of a box are its middle.
Format: https://docs.ultralytics.com/datasets/detect/ and /segment/. ``data.yaml`` names the classes
and the folders of train, val and test; labels lie where the photo does with ``images`` turned
into ``labels``. A missing text file is an unlabelled photo, an empty one is verified empty.
Older tools write ``classes.txt`` (LabelImg) or ``obj.names`` (darknet) instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.format_io import Source, Target, part_folder
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import PARTS, Entry, LabelSet, is_ignored, part_named
from thirtyfold.errors import FileDataError, LabelError
from thirtyfold.sample import Annotation, Sample

CONFIG = "data.yaml"
_CONFIGS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_CLASS_LISTS = ("classes.txt", "obj.names", "labels/classes.txt", "predefined_classes.txt", "data/obj.names")
# Shares are written to eight digits: a ten-thousandth of a pixel on a photo of 10,000.
_DIGITS = 8


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that this is YOLO: a ``data.yaml`` with names, or text files of class numbers and shares."""
    for path, head in heads.items():
        if path.suffix in (".yaml", ".yml") and "names" in head and ("train" in head or "val" in head):
            return f"{path.relative_to(root).as_posix()} names classes and folders as YOLO's does"
    for path, head in heads.items():
        line = head.strip().split("\n")[0].split()
        if (
            path.suffix == ".txt"
            and len(line) >= 5
            and line[0].isdecimal()
            and all(_is_share(text) for text in line[1:])
        ):
            return f"{path.relative_to(root).as_posix()} has lines of a class number and shares"
    return None


def read(source: Source) -> LabelSet:
    """Every photo of a YOLO folder."""
    config = _read_config(source)
    index = ImageIndex(source.root)
    part_of = _parts(config, source.root, index)
    entries: list[Entry] = []
    problems: list[FileDataError] = []
    used: set[Path] = set()
    highest = -1
    for image_path in index.paths:
        label_path = _label_path(image_path, source.root)
        used.add(label_path)
        try:
            width, height = size_as_stated(image_path, (None, None), image_path)
            shapes = None
            if label_path.is_file():
                rows = _read_rows(label_path, (width, height))
                highest = max([highest, *(number for number, _ in rows)])
                shapes = tuple(_named(number, shape, config.names) for number, shape in rows)
            entries.append(
                Entry(
                    sample=Sample(
                        image_path=image_path,
                        width=width,
                        height=height,
                        annotations=shapes,
                        split=part_of.get(image_path),
                    )
                )
            )
        except FileDataError as error:
            problems.append(error)
    problems += [
        LabelError(path, "has no photo beside it or in images/; copy the photo there")
        for path in _orphans(source.root, used)
    ]
    names = [config.names.get(number, str(number)) for number in range(max([highest, *config.names]) + 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LabelError(source.root / CONFIG, f"gives two classes the same name, {twice[0]!r}; rename one of them")
    notes = []
    if not config.names:
        notes.append("No list of class names was found (data.yaml, classes.txt), so the classes are called by number")
    elif highest >= len(config.names):
        notes.append(f"Labels use class {highest}, but only {len(config.names)} are named; the others go by number")
    return LabelSet(
        entries=tuple(entries), class_names=tuple(names), problems=tuple(problems), notes=(*notes, *config.notes)
    )


def write(label_set: LabelSet, target: Target) -> None:
    """``images/[PART/]``, ``labels/[PART/]`` and ``data.yaml``; outlines if any shape has one, boxes otherwise."""
    import yaml

    number_of = {name: number for number, name in enumerate(label_set.class_names)}
    shapes = [shape for entry in label_set.entries for shape in entry.sample.annotations or ()]
    outlines = any(shape.kind != "rectangle" and regions.encloses(shape) and not is_ignored(shape) for shape in shapes)
    for entry in label_set.entries:
        folder = part_folder(label_set, entry)
        target.place(entry, f"images/{folder}{entry.name}")
        target.losses.add("tags", entry.name, len(entry.sample.tags))
        target.lose_photo_keys(entry, keeps="yolo")
        if entry.sample.annotations is not None:
            lines = [
                " ".join([str(number_of[shape.label]), *map(_share, row)])
                for shape in entry.sample.annotations
                for row in _rows(entry, shape, target, outlines=outlines)
            ]
            target.write_text(f"labels/{folder}{entry.stem}.txt", "".join(f"{line}\n" for line in lines))
    there = {entry.sample.split for entry in label_set.entries}
    folders = {part: f"images/{part}" for part in PARTS if part in there}
    if not folders:
        # Trainers insist on both; the same folder twice says that nobody has divided the photos.
        folders = {"train": "images", "val": "images"}
    # No "path": trainers take the file's own folder then; a relative one they look for where they were started.
    config = {**folders, "names": dict(enumerate(label_set.class_names))}
    target.write_text(CONFIG, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


# --- reading -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    names: Mapping[int, str] = field(default_factory=dict)
    folders: Mapping[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _read_config(source: Source) -> _Config:
    paths = [source.file] if source.file else [source.root / name for name in _CONFIGS]
    for path in paths:
        if path.is_file():
            return _parse_config(path)
    for name in _CLASS_LISTS:
        path = source.root / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
            return _Config(names=dict(enumerate(line.strip("\r") for line in lines if line.strip())))
    lists = sorted(source.root.glob("*/classes.txt"))
    if lists:
        lines = lists[0].read_text(encoding="utf-8-sig", errors="replace").split("\n")
        return _Config(names=dict(enumerate(line.strip("\r") for line in lines if line.strip())))
    return _Config()


def _parse_config(path: Path) -> _Config:
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise LabelError(path, f"is not YAML ({str(error).splitlines()[0]})") from error
    names = raw.get("names") if isinstance(raw, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(isinstance(key, int) and 0 <= key < 100_000 for key in names):
        raise LabelError(path, '"names" must be a list of classes, or numbers with their names')
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
    return _Config(names={number: str(name) for number, name in names.items()}, folders=folders)


def _parts(config: _Config, root: Path, index: ImageIndex) -> dict[Path, str]:
    """Photo → part, by the folders or lists of data.yaml, else by the names of the folders."""
    if not config.folders:
        return {path: part for path in index.paths if (part := _part_in_path(path.relative_to(root)))}
    photos = {part: _photos_of(places, root, index) for part, places in config.folders.items()}
    parts: dict[Path, str] = {}
    for part in ("test", "val", "train"):
        for path in photos.get(part, ()):
            in_all = sum(path in others for others in photos.values()) > 1
            # A photo that data.yaml gives to two parts is in none: nobody has divided them.
            if not in_all:
                parts[path] = part
    return parts


def _photos_of(places: list[str], root: Path, index: ImageIndex) -> set[Path]:
    found: set[Path] = set()
    for place in places:
        pieces = [piece for piece in PurePosixPath(place.replace("\\", "/")).parts if piece not in ("..", ".", "/")]
        if place.endswith(".txt"):
            listed = next((path for path in root.rglob(pieces[-1]) if path.is_file()), None)
            lines = listed.read_text(encoding="utf-8", errors="replace").split("\n") if listed else []
            for line in lines:
                if line.strip():
                    found.add(index.find(line.strip(), listed or root))
            continue
        # Exports name folders of the machine they came from: the longest end of the path that is here counts.
        for start in range(len(pieces) + 1):
            folder = root.joinpath(*pieces[start:])
            if folder.is_dir():
                found.update(path for path in index.paths if path.is_relative_to(folder))
                break
    return found


def _part_in_path(relative: Path) -> str | None:
    return next((part for piece in relative.parts[:-1] if (part := part_named(piece))), None)


def _label_path(image_path: Path, root: Path) -> Path:
    """``images`` in the path turned into ``labels``, the last one first; else beside the photo."""
    pieces = list(image_path.relative_to(root).with_suffix(".txt").parts)
    for position in range(len(pieces) - 2, -1, -1):
        if pieces[position].lower() == "images":
            apart = root.joinpath(*pieces[:position], "labels", *pieces[position + 1 :])
            beside = image_path.with_suffix(".txt")
            return beside if beside.is_file() and not apart.is_file() else apart
    apart = root / "labels" / pieces[-1]
    return apart if apart.is_file() else image_path.with_suffix(".txt")


def _orphans(root: Path, used: set[Path]) -> list[Path]:
    folders = [path for path in (root / "labels", *root.glob("*/labels")) if path.is_dir()]
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*.txt"))
        if path not in used and path.name != "classes.txt"
    ]


def _read_rows(path: Path, size_wh: tuple[int, int]) -> list[tuple[int, Annotation]]:
    """(class number, shape with no label yet) of every line. Raises :class:`LabelError`, naming the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(path, f"cannot be read as text ({error})") from error
    rows = []
    for position, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            number = float(words[0])
            values = [float(word) for word in words[1:]]
        except ValueError:
            raise LabelError(path, f"line {position} holds something that is no number: {line[:60]}") from None
        if number != int(number) or number < 0 or number >= 100_000 or not all(map(math.isfinite, values)):
            raise LabelError(path, f"line {position} has no class number or a broken one: {line[:60]}")
        if len(values) < 4 or (len(values) > 5 and len(values) % 2):
            raise LabelError(path, f"line {position} has {len(words)} columns; 5 are a box, 7 or more an outline")
        if max(map(abs, values)) > 10:
            raise LabelError(
                path, f"line {position} is in pixels; shares of the photo, 0 to 1, were expected: {line[:60]}"
            )
        rows.append((int(number), _shape(values, size_wh)))
    return rows


def _shape(values: list[float], size_wh: tuple[int, int]) -> Annotation:
    width, height = size_wh
    if len(values) in (4, 5):
        x, y, w, h = values[0] * width, values[1] * height, values[2] * width, values[3] * height
        # A sixth column is the score, as detectors write it.
        score = values[4] if len(values) == 5 else None
        return Annotation.from_box("", (x - w / 2, y - h / 2, x + w / 2, y + h / 2), score=score)
    points = tuple((x * width, y * height) for x, y in zip(values[::2], values[1::2], strict=True))
    return Annotation(label="", kind="polygon", points=points)


def _named(number: int, shape: Annotation, names: Mapping[int, str]) -> Annotation:
    return Annotation(label=names.get(number, str(number)), points=shape.points, kind=shape.kind, score=shape.score)


def _is_share(text: str) -> bool:
    try:
        return -0.5 <= float(text) <= 1.5
    except ValueError:
        return False


# --- writing -------------------------------------------------------------------------------------------


def _rows(entry: Entry, shape: Annotation, target: Target, *, outlines: bool) -> list[list[float]]:
    """The numbers of a shape's lines; none if YOLO has no way to write it."""
    losses, name = target.losses, entry.name
    size_wh = (entry.sample.width, entry.sample.height)
    if not regions.encloses(shape):
        losses.add("open_shape", name)
        return []
    if is_ignored(shape):
        losses.add("ignored", name)
        return []
    if shape.kind == "rectangle" and not outlines:
        box = regions.cut_box(shape.box_xyxy, size_wh)
        if box is None:
            losses.add("outside", name)
            return []
        losses.add("clipped", name, not _same(box, shape.box_xyxy))
        target.lose_shape_keys(entry, shape, keeps="yolo")
        left, top, right, bottom = box
        return [_shares([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], size_wh)]
    rings = [regions.outline(shape)]
    if shape.kind == "mask":
        rings, holes = regions.pieces_of(regions.mask_of(shape, size_wh))
        losses.add("holes", name, holes)
        losses.add("torn", name, len(rings) > 1)
    kept = []
    for ring in rings:
        inside = ring if _is_inside(ring, size_wh) else regions.cut_polygon(ring, size_wh)
        losses.add("clipped", name, bool(inside) and inside != ring)
        if inside:
            kept.append(_shares([value for point in inside for value in point], size_wh))
    if not kept:
        losses.add("outside", name)
        return []
    for kind, reason in (("rectangle", "box_to_polygon"), ("circle", "circle"), ("mask", "mask_to_polygon")):
        losses.add(reason, name, shape.kind == kind)
    target.lose_shape_keys(entry, shape, keeps="yolo")
    return kept


def _is_inside(points: tuple[tuple[float, float], ...], size_wh: tuple[int, int]) -> bool:
    return all(0 <= x <= size_wh[0] and 0 <= y <= size_wh[1] for x, y in points)


def _shares(values: list[float], size_wh: tuple[int, int]) -> list[float]:
    return [value / size_wh[position % 2] for position, value in enumerate(values)]


def _share(value: float) -> str:
    return f"{min(1.0, max(0.0, value)):.{_DIGITS}f}".rstrip("0").rstrip(".") or "0"


def _same(box: Any, other: Any) -> bool:
    return all(abs(a - b) < 1e-9 for a, b in zip(box, other, strict=True))

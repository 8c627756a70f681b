"""YOLO's text files: a line a shape, ``class x y width height`` or ``class x1 y1 x2 y2 x3 y3 ...``.

Numbers are shares of the photo's width and height, from its outer corner; x and y of a box are its middle.
Format: https://docs.ultralytics.com/datasets/detect/ and /segment/. Labels lie where
the photo does, with ``images`` turned into ``labels``. A missing text file is an unlabelled photo, an empty one is
verified empty. Classes and parts stand in ``data.yaml``: ``yolo_config.py``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.format_io import Source, Target, part_folder
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import PARTS, Entry, LabelSet, is_void
from thirtyfold.datasets.formats.yolo_config import CONFIG, MOST_CLASSES, parts_of, read_config
from thirtyfold.datasets.reading import read_label_bytes
from thirtyfold.errors import FileDataError, LabelError
from thirtyfold.sample import Annotation, Sample

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
    config = read_config(source)
    index = ImageIndex(source.root)
    part_of = parts_of(config, source.root, index)
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
    if len(set(names)) < len(names):
        twice = min(name for name, count in Counter(names).items() if count > 1)
        raise LabelError(source.root / CONFIG, f"gives two classes the same name, {twice!r}; rename one of them")
    notes = []
    if not config.names:
        notes.append("No list of class names was found (data.yaml, classes.txt), so the classes are called by number")
    elif highest >= len(config.names):
        notes.append(f"Labels use class {highest}, but only {len(config.names)} are named; the others go by number")
    return LabelSet(entries=tuple(entries), class_names=tuple(names), problems=tuple(problems), notes=tuple(notes))


def write(label_set: LabelSet, target: Target) -> None:
    """``images/[PART/]``, ``labels/[PART/]`` and ``data.yaml``; outlines if any shape has one, boxes otherwise."""
    import yaml

    number_of = {name: number for number, name in enumerate(label_set.class_names)}
    shapes = [shape for entry in label_set.entries for shape in entry.sample.annotations or ()]
    outlines = any(shape.kind != "rectangle" and regions.encloses(shape) and not is_void(shape) for shape in shapes)
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
        text = read_label_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
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
        is_class = 0 <= number < MOST_CLASSES and number == int(number)  # NaN is in no range
        if not is_class or not all(map(math.isfinite, values)):
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
    if is_void(shape):
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
        rings, holes = regions.rings_of(regions.mask_of(shape, size_wh))
        losses.add("holes", name, bool(holes))
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

"""Index masks: a PNG a photo whose pixels are class numbers, 0 for background, 255 for void.

``images/[PART/]NAME.jpg`` and ``masks/[PART/]NAME.png``, with ``labelmap.txt`` for the names. Read, too:
a VOC folder's ``SegmentationClass``, masks of colours, and black-and-white masks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from thirtyfold.datasets.formats import index_png, labelmap, regions
from thirtyfold.datasets.formats.format_io import Source, Target, part_folder
from thirtyfold.datasets.formats.image_files import MASK_FOLDERS, ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import IGNORE_LABEL, Entry, LabelSet, classes_of, is_ignored, part_named
from thirtyfold.errors import FileDataError, LabelError
from thirtyfold.sample import Annotation, Sample

_FOLDERS = ("masks", "SegmentationClass", "mask")
# More values than that, with no list of names, are shades of a picture.
_MOST_UNNAMED = 64


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that these are index masks: a folder of PNGs called ``masks`` or ``SegmentationClass``."""
    if any(path.suffix.lower() == ".xml" for path in heads):
        return None  # Pascal VOC, whose masks are its own
    for name in _FOLDERS:
        folder = root / name
        if folder.is_dir() and next(folder.rglob("*.png"), None):
            return f"{name}/ holds PNG masks"
    return None


def read(source: Source) -> LabelSet:
    """Every photo with the regions of its mask, one shape or group a region."""
    folder = next((source.root / name for name in _FOLDERS if (source.root / name).is_dir()), source.root / _FOLDERS[0])
    masks = {
        path.relative_to(folder).with_suffix("").as_posix().casefold(): path for path in sorted(folder.rglob("*.png"))
    }
    named = labelmap.read(source.root / labelmap.NAME) or labelmap.read(folder / labelmap.NAME)
    index = ImageIndex(source.root, skip=MASK_FOLDERS | {folder.name.lower()})
    found: list[tuple[Entry, list[tuple[int, Annotation]] | None]] = []
    problems: list[FileDataError] = []
    used: set[Path] = set()
    values: set[int] = set()
    for image_path in index.paths:
        try:
            width, height = size_as_stated(image_path, (None, None), image_path)
            mask_path = _mask_path(image_path, source.root, masks)
            shapes = None
            if mask_path is not None:
                used.add(mask_path)
                numbers = _numbers(mask_path, (width, height), named)
                shapes = _shapes(numbers, mask_path, unnamed=not named)
                values.update(number for number, _ in shapes)
            part = next(
                (part for piece in image_path.relative_to(source.root).parts[:-1] if (part := part_named(piece))), None
            )
            entry = Entry(sample=Sample(image_path=image_path, width=width, height=height, split=part))
            found.append((entry, shapes))
        except FileDataError as error:
            problems.append(error)
    problems += [LabelError(path, "has no photo; copy it into images/") for path in masks.values() if path not in used]
    names, notes = _names(named, values, source.default_label)
    entries = tuple(_labelled(entry, shapes, names) for entry, shapes in found)
    known = [name for name, _ in named][1:]
    return LabelSet(
        entries=entries,
        class_names=tuple(
            name
            for name in classes_of((entry.sample for entry in entries), known)
            if name != IGNORE_LABEL or name in known
        ),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def write(label_set: LabelSet, target: Target) -> None:
    """``images/``, ``masks/`` and ``labelmap.txt``; larger shapes are painted first."""
    number_of = {name: number for number, name in enumerate(label_set.class_names, start=1)}
    target.write_text(labelmap.NAME, labelmap.text(label_set.class_names))
    number_of[IGNORE_LABEL] = index_png.VOID
    for entry in label_set.entries:
        folder = part_folder(label_set, entry)
        target.place(entry, f"images/{folder}{entry.name}")
        target.losses.add("tags", entry.name, len(entry.sample.tags))
        target.lose_photo_keys(entry, keeps="masks")
        if entry.sample.annotations is not None:
            numbers = _painted(entry, number_of, target)
            target.write_bytes(f"masks/{folder}{entry.stem}.png", index_png.encode(numbers))


# --- reading -------------------------------------------------------------------------------------------


def _mask_path(image_path: Path, root: Path, masks: Mapping[str, Path]) -> Path | None:
    pieces = image_path.relative_to(root).with_suffix("").parts
    for start in range(len(pieces)):
        key = "/".join(pieces[start:]).casefold()
        for name in (key, f"{key}_mask"):
            if name in masks:
                return masks[name]
    return None


def _numbers(
    path: Path, size_wh: tuple[int, int], named: list[tuple[str, tuple[int, int, int] | None]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    numbers = index_png.read(path)
    if numbers.shape != (size_wh[1], size_wh[0]):
        raise LabelError(path, f"is {numbers.shape[1]}x{numbers.shape[0]} pixels, its photo {size_wh[0]}x{size_wh[1]}")
    values = np.unique(numbers)
    if values[-1] < 1 << 16:
        return numbers
    palette = {index_png.rgb_number(index_png.colour_of(number)): number for number in range(256)}
    palette |= {index_png.rgb_number(colour): number for number, (_, colour) in enumerate(named) if colour}
    unknown = [int(value) for value in values if int(value) not in palette]
    if unknown:
        red, green, blue = unknown[0] >> 16 & 255, unknown[0] >> 8 & 255, unknown[0] & 255
        raise LabelError(
            path, f"has the colour {red},{green},{blue}, which stands for no class; add it to {labelmap.NAME}"
        )
    table = np.array([palette[int(value)] for value in values], np.int64)
    return np.asarray(table[np.searchsorted(values, numbers)])


def _shapes(
    numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]], path: Path, *, unnamed: bool
) -> list[tuple[int, Annotation]]:
    """(number, shape without label) of every region. Pixels that touch at a corner are one region."""
    import cv2

    values = [int(value) for value in np.unique(numbers) if value]
    if unnamed and len(values) > _MOST_UNNAMED:
        raise LabelError(path, f"has {len(values)} values: a picture, not a mask of class numbers")
    shapes: list[tuple[int, Annotation]] = []
    group = 1
    for value in values:
        count, pieces, boxes, _ = cv2.connectedComponentsWithStats((numbers == value).astype(np.uint8), connectivity=8)
        for piece in range(1, count):
            left, top, width, height = (int(side) for side in boxes[piece][:4])
            crop = pieces[top : top + height, left : left + width] == piece
            around = regions.shapes_around("", crop, first_group=group, origin_xy=(left, top))
            group += len(around) > 1
            shapes += [(value, shape) for shape in around]
    return shapes


def _names(
    named: list[tuple[str, tuple[int, int, int] | None]], values: set[int], default_label: str
) -> tuple[dict[int, str], list[str]]:
    names = {number: name for number, (name, _) in enumerate(named)}
    if not named and values == {index_png.VOID}:
        return {index_png.VOID: default_label}, [f"The masks are black and white, so white is {default_label!r}"]
    names.setdefault(index_png.VOID, IGNORE_LABEL)
    unknown = sorted(values - set(names))
    notes = (
        [f"No name is known for the numbers {', '.join(map(str, unknown[:8]))}: they are called so"] if unknown else []
    )
    return names | {number: str(number) for number in unknown}, notes


def _labelled(entry: Entry, shapes: list[tuple[int, Annotation]] | None, names: Mapping[int, str]) -> Entry:
    if shapes is None:
        return entry
    annotations = tuple(replace(shape, label=names[number]) for number, shape in shapes)
    return replace(entry, sample=replace(entry.sample, annotations=annotations))


# --- writing -------------------------------------------------------------------------------------------


def _painted(
    entry: Entry, number_of: Mapping[str, int], target: Target
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    losses, name = target.losses, entry.name
    size_wh = (entry.sample.width, entry.sample.height)
    objects = []
    for pieces in regions.objects_of(entry.sample.annotations or ()):
        if not regions.encloses(pieces[0]):
            losses.add("open_shape", name, len(pieces))
            continue
        objects.append(pieces)
    canvas, by_itself = regions.paint(objects, size_wh)
    numbers = np.array(
        [0, *(index_png.VOID if is_ignored(pieces[0]) else number_of[pieces[0].label] for pieces in objects)], np.uint8
    )
    classes = numbers[canvas]
    visible = np.bincount(canvas.ravel(), minlength=len(objects) + 1)[1:].tolist()
    for pieces, whole, left in zip(objects, by_itself, visible, strict=True):
        _note_object(entry, pieces, whole, left, target)
    losses.add("merged", name, len(_touching(canvas, classes)))
    outlined = [n for n, pieces in enumerate(objects) if visible[n] and pieces[0].kind != "rectangle"]
    losses.add("torn", name, sum(_is_torn(canvas == n + 1) for n in outlined))
    return classes


def _note_object(entry: Entry, pieces: tuple[Annotation, ...], whole: int, left: int, target: Target) -> None:
    losses, name = target.losses, entry.name
    size_wh = (float(entry.sample.width), float(entry.sample.height))
    if not left:
        boxes = [regions.cut_box(regions.extent(piece), (entry.sample.width, entry.sample.height)) for piece in pieces]
        losses.add("covered" if any(boxes) else "outside", name, len(pieces))
        return
    losses.add("overlap", name, left < whole)
    losses.add("ignored", name, len(pieces) if is_ignored(pieces[0]) else 0)
    for piece in pieces:
        left_, top, right, bottom = regions.extent(piece)
        losses.add("clipped", name, left_ < 0 or top < 0 or right > size_wh[0] or bottom > size_wh[1])
        losses.add("box_to_area", name, piece.kind == "rectangle")
        losses.add("circle", name, piece.kind == "circle")
        losses.add("pixel_grid", name, not regions.on_pixel_grid(piece))
        target.lose_shape_keys(entry, piece, keeps="masks")


def _touching(
    canvas: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], classes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> set[int]:
    """The objects with a pixel next to one of another object of the same class, corners included."""
    found: set[int] = set()
    height, width = canvas.shape
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = np.s_[: height - down, max(0, -right) : width - max(0, right)]
        there = np.s_[down:, max(0, right) : width - max(0, -right)]
        meet = (canvas[here] != canvas[there]) & (classes[here] == classes[there]) & (classes[here] > 0)
        found.update(canvas[here][meet].tolist(), canvas[there][meet].tolist())
    return found


def _is_torn(region: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    import cv2

    return cv2.connectedComponents(region.astype(np.uint8), connectivity=8)[0] > 2

"""Pascal VOC: XML with boxes in whole pixels, counted from 1, both corners included; PNGs for outlines.

Format: the VOC 2012 development kit, http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/.
A box over the first ten columns has xmin 1 and xmax 10; ours goes from 0 to 10. So xmin is
left + 1, and xmax is right. The PNGs: ``voc_outlines.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from thirtyfold.datasets.formats import index_png, labelmap, regions, voc_outlines, xml_text
from thirtyfold.datasets.formats.format_io import Source, Target
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import (
    IGNORE_LABEL,
    PARTS,
    Entry,
    LabelSet,
    classes_of,
    is_ignored,
    keys_of,
)
from thirtyfold.datasets.reading import is_coordinate, read_label_bytes, whole_number
from thirtyfold.errors import FileDataError, LabelError
from thirtyfold.sample import Annotation, Sample

_DEFAULTS = {"pose": "Unspecified", "truncated": "0", "difficult": "0"}
_NOT_KEPT = frozenset({"filename", "object", "segmented"})


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that this is Pascal VOC: an XML file whose root is ``annotation``."""
    for path, head in heads.items():
        if path.suffix.lower() == ".xml" and "<annotation" in head and "<dataset" not in head:
            return f"{path.relative_to(root).as_posix()} is a Pascal VOC annotation"
    return None


def read(source: Source) -> LabelSet:
    """Every photo of a VOC folder; one without an XML file is unlabelled."""
    index = ImageIndex(source.root)
    parts = _read_parts(source.root / "ImageSets", {path.stem for path in index.paths})
    entries: list[Entry] = []
    problems: list[FileDataError] = []
    labelled: dict[Path, Path] = {}
    from_zero = mismatched = 0
    for label_path in _xml_paths(source.root):
        try:
            root = xml_text.parse(label_path)
            if root.tag != "annotation":
                continue
            image_path = _picture_of(label_path, root, index)
            first = labelled.setdefault(image_path, label_path)
            if first != label_path:
                raise LabelError(label_path, f"labels {image_path}, which {first} labels, too; remove one of the two")
            entry = _entry(label_path, root, image_path, parts.get(image_path.stem))
            entry, wrong = voc_outlines.with_outlines(entry, source.root)
            mismatched += wrong
            from_zero += any(min(shape.box_xyxy[:2]) < 0 for shape in entry.sample.annotations or ())
            entries.append(entry)
        except FileDataError as error:
            problems.append(error)
    broken = {error.path.stem for error in problems}
    for image_path in index.paths:
        if image_path not in labelled and image_path.stem not in broken:
            try:
                width, height = size_as_stated(image_path, (None, None), image_path)
            except FileDataError as error:
                problems.append(error)
                continue
            part = parts.get(image_path.stem)
            entries.append(Entry(sample=Sample(image_path=image_path, width=width, height=height, split=part)))
    notes = []
    if from_zero:
        notes.append(
            f"In {from_zero} files a box starts at 0, which VOC, counting from 1, cannot have; if the tool that wrote "
            "them counted from 0, all boxes are one pixel too far to the top left"
        )
    if mismatched:
        notes.append(f"{mismatched} regions of SegmentationObject do not fit the box of their number and were left out")
    if (source.root / "SegmentationClass").is_dir() and not (source.root / "SegmentationObject").is_dir():
        notes.append(
            "SegmentationClass was not read, as no SegmentationObject tells its objects apart: use --from masks"
        )
    known = labelmap.read_classes(source.root / labelmap.NAME)
    return LabelSet(
        entries=tuple(entries),
        class_names=classes_of((entry.sample for entry in entries), known),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def write(label_set: LabelSet, target: Target) -> None:
    """``JPEGImages/``, ``Annotations/``, ``ImageSets/``, ``labelmap.txt``; ``Segmentation*/`` for outlines."""
    number_of = {name: number for number, name in enumerate(label_set.class_names, start=1)}
    number_of[IGNORE_LABEL] = index_png.VOID
    segmented: set[str] = set()
    target.write_text(labelmap.NAME, labelmap.text(label_set.class_names))
    for entry in label_set.entries:
        target.place(entry, f"JPEGImages/{entry.name}")
        target.losses.add("tags", entry.name, len(entry.sample.tags))
        # Without labels there is no XML that could hold them.
        target.lose_photo_keys(entry, keeps="" if entry.sample.annotations is None else "voc")
        if entry.sample.annotations is None:
            continue
        objects = [
            pieces for pieces in regions.objects_of(entry.sample.annotations) if _can_be_written(pieces, entry, target)
        ]
        painted = voc_outlines.write_outlines(entry, objects, number_of, target)
        if painted:
            segmented.add(entry.name)
        target.write_bytes(f"Annotations/{entry.stem}.xml", _xml(entry, objects, target, segmented=painted))
    _write_lists(label_set, segmented, target)


# --- reading -------------------------------------------------------------------------------------------


def _xml_paths(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.xml") if not any(part.startswith(".") for part in path.parts[-3:]))


def _picture_of(label_path: Path, root: Element, index: ImageIndex) -> Path:
    """The photo of the same name, as <filename> is often that of another machine or another ending."""
    named = xml_text.text_of(root.find("filename"))
    try:
        return index.find(f"{label_path.stem}.jpg", label_path)
    except LabelError:
        return index.find(named or label_path.name, label_path)


def _entry(label_path: Path, root: Element, image_path: Path, part: str | None) -> Entry:
    stated = tuple(_whole(root.find(f"size/{side}")) for side in ("width", "height"))
    width, height = size_as_stated(image_path, (stated[0], stated[1]), label_path)
    shapes = [_shape(element, position, label_path) for position, element in enumerate(root.findall("object"))]
    voc = {name: value for name, value in _values(root).items() if name not in _NOT_KEPT}
    depth = voc.pop("size", {})
    if isinstance(depth, Mapping) and depth.get("depth", "3") != "3":
        voc["size"] = {"depth": depth["depth"]}
    if voc.get("folder") == "JPEGImages":
        del voc["folder"]
    return Entry(
        sample=Sample(image_path=image_path, width=width, height=height, annotations=tuple(shapes), split=part),
        extra={"voc": voc} if voc else {},
    )


def _shape(element: Element, position: int, path: Path) -> Annotation:
    where = f"object {position + 1}"
    label = xml_text.text_of(element.find("name"))
    box = element.find("bndbox")
    if not label or box is None:
        raise LabelError(path, f"{where} has no {'name' if not label else 'bndbox'}; mend it or take it out")
    corners = []
    for name in ("xmin", "ymin", "xmax", "ymax"):
        try:
            corners.append(float(xml_text.text_of(box.find(name))))
        except ValueError:
            raise LabelError(path, f"{where} ({label}) has no number as {name}") from None
    if not all(map(is_coordinate, corners)):
        raise LabelError(path, f"{where} ({label}) has a corner that is no number, or farther away than photos reach")
    xmin, ymin, xmax, ymax = corners
    voc = {name: value for name, value in _values(element).items() if name not in ("name", "bndbox")}
    voc = {name: value for name, value in voc.items() if _DEFAULTS.get(name) != value}
    shape = Annotation.from_box(label, (xmin - 1, ymin - 1, xmax, ymax))
    return replace(shape, extra={"voc": voc} if voc else {})


def _values(element: Element) -> dict[str, Any]:
    value = xml_text.to_value(element)
    return value if isinstance(value, dict) else {}


def _read_parts(folder: Path, stems: Collection[str]) -> dict[str, str]:
    """Stem → part, of ``Main``, else of another folder of ``ImageSets``."""
    for lists in (folder / "Main", *sorted(path for path in folder.glob("*") if path.is_dir()), folder):
        parts: dict[str, str] = {}
        for part in PARTS:
            path = lists / f"{part}.txt"
            if path.is_file():
                for line in read_label_bytes(path).decode("utf-8-sig", "replace").split("\n"):
                    name = line.strip()
                    # The lists of one class say 1, 0 or -1 behind the name; but names may hold blanks, too.
                    if name and name not in stems:
                        name = name.rsplit(maxsplit=1)[0]
                    if name:
                        parts[name] = part
        if parts:
            return parts
    return {}


def _whole(element: Element | None) -> int | None:
    return whole_number(xml_text.text_of(element).strip())


# --- writing -------------------------------------------------------------------------------------------


def _can_be_written(pieces: tuple[Annotation, ...], entry: Entry, target: Target) -> bool:
    size_wh = (entry.sample.width, entry.sample.height)
    if not regions.encloses(pieces[0]):
        target.losses.add("open_shape", entry.name, len(pieces))
        return False
    if regions.cut_box(regions.extent_of(pieces), size_wh) is None:
        target.losses.add("outside", entry.name, len(pieces))
        return False
    return True


def _xml(entry: Entry, objects: list[tuple[Annotation, ...]], target: Target, *, segmented: bool) -> bytes:
    sample = entry.sample
    voc = dict(keys_of(entry.extra, "voc"))
    depth = keys_of(voc, "size").get("depth", "3")
    voc.pop("size", None)
    root = Element("annotation")
    root.extend(xml_text.from_value("folder", voc.pop("folder", "JPEGImages")))
    SubElement(root, "filename").text = entry.name
    for name, value in voc.items():
        root.extend(xml_text.from_value(name, value))
    size = SubElement(root, "size")
    for name, value in (("width", sample.width), ("height", sample.height), ("depth", depth)):
        size.extend(xml_text.from_value(name, value))
    SubElement(root, "segmented").text = str(int(segmented))
    for pieces in objects:
        root.append(_object(entry, pieces, target))
    indent(root, "\t")
    return bytes(tostring(root, encoding="utf-8")) + b"\n"


def _object(entry: Entry, pieces: tuple[Annotation, ...], target: Target) -> Element:
    size_wh = (entry.sample.width, entry.sample.height)
    first = pieces[0]
    voc = dict(keys_of(first.extra, "voc"))
    extent = regions.extent_of(pieces)
    kept = voc.pop("bndbox", None)
    is_box = isinstance(kept, list) and len(kept) == 4 and all(map(is_coordinate, kept))
    # The box that a person drew around an outline, as long as the outline is still the same.
    if is_box and max(abs(a - b) for a, b in zip(kept, extent, strict=True)) <= 12:
        extent = (kept[0], kept[1], kept[2], kept[3])
    inside = regions.cut_box(extent, size_wh) or extent
    target.losses.add("clipped", entry.name, inside != extent)
    for piece in pieces:
        target.lose_shape_keys(entry, piece, keeps="voc")
    left, right = _whole_pixels(inside[0], inside[2], size_wh[0])
    top, bottom = _whole_pixels(inside[1], inside[3], size_wh[1])
    if first.kind == "rectangle":
        target.losses.add("pixel_grid", entry.name, (left, top, right, bottom) != inside)
    if is_ignored(first):
        voc["difficult"] = "1"
    element = Element("object")
    SubElement(element, "name").text = first.label
    for name, value in {**_DEFAULTS, **voc}.items():
        element.extend(xml_text.from_value(name, value))
    box = SubElement(element, "bndbox")
    for name, value in (("xmin", left + 1), ("ymin", top + 1), ("xmax", right), ("ymax", bottom)):
        SubElement(box, name).text = str(value)
    return element


def _whole_pixels(start: float, end: float, limit: int) -> tuple[int, int]:
    """The nearest whole edges, at least one pixel apart and inside of 0 to ``limit``."""
    low, high = round(start), round(end)
    if high <= low:
        low = min(max(0, int((start + end) / 2)), limit - 1)
        high = low + 1
    return low, high


def _write_lists(label_set: LabelSet, segmented: set[str], target: Target) -> None:
    """``ImageSets/Main`` with every photo, ``ImageSets/Segmentation`` with those that have outlines."""
    for folder, wanted in (("Main", None), ("Segmentation", segmented)):
        if wanted is not None and not wanted:
            continue
        stems: dict[str, list[str]] = {}
        for entry in label_set.entries:
            if wanted is None or entry.name in wanted:
                stems.setdefault(entry.sample.split or "", []).append(entry.stem)
        lists = {part: stems[part] for part in PARTS if part in stems}
        trainval = (
            sorted([*stems.get("train", []), *stems.get("val", [])]) if label_set.has_parts else stems.get("", [])
        )
        for name, names in {**lists, "trainval": trainval}.items():
            target.write_text(f"ImageSets/{folder}/{name}.txt", "".join(f"{stem}\n" for stem in names))

"""dlib's imglab XML, read only: boxes, ignored boxes, landmarks.

Format: https://github.com/davisking/dlib/tree/master/tools/imglab and ``image_dataset_metadata``. A box
is the top left pixel and its width and height in pixels; a label is optional. Attributes and
landmarks (``part``) are kept under ``extra["imglab"]``; ``ignore='1'`` marks areas to leave out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from thirtyfold.datasets.formats import xml_text
from thirtyfold.datasets.formats.format_io import Source, refuse_rivals
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import Entry, LabelSet, classes_of, part_named
from thirtyfold.datasets.reading import is_coordinate, whole_number
from thirtyfold.errors import DataError, FileDataError, LabelError
from thirtyfold.sample import Annotation, Sample

_SIDES = ("left", "top", "width", "height")


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that this is imglab: an XML file whose root is ``dataset``."""
    for path, head in heads.items():
        if path.suffix.lower() == ".xml" and "<dataset" in head:
            return f"{path.relative_to(root).as_posix()} is an imglab dataset"
    return None


def read(source: Source) -> LabelSet:
    """One imglab file, or those of a folder (``training.xml``, ``testing.xml``), as long as no photo is in two."""
    paths = [source.file] if source.file else sorted(source.root.glob("*.xml"))
    roots = {path: root for path in paths if (root := xml_text.parse(path)).tag == "dataset"}
    if not roots:
        raise DataError(f"{source.root}: no imglab file in it")
    index = ImageIndex(source.root)
    names_of = {path: [image.get("file", "") for image in root.iter("image")] for path, root in roots.items()}
    refuse_rivals(names_of, index)
    entries: list[Entry] = []
    problems: list[FileDataError] = []
    used: set[Path] = set()
    unlabelled_boxes = 0
    for label_path, root in roots.items():
        part = part_named(label_path.stem.split("_")[0]) if source.file is None else None
        for image in root.iter("image"):
            try:
                image_path = index.find(image.get("file", ""), label_path)
                if image_path in used:
                    raise LabelError(label_path, f"describes {image.get('file')} twice; join the two")
                used.add(image_path)
                stated = tuple(whole_number(image.get(side, "")) for side in _SIDES[2:])
                width, height = size_as_stated(image_path, (stated[0], stated[1]), label_path)
                boxes = image.findall("box")
                unlabelled_boxes += sum(box.find("label") is None for box in boxes)
                shapes = tuple(_shape(box, label_path, image_path.name, source.default_label) for box in boxes)
            except FileDataError as error:
                problems.append(error)
                continue
            sample = Sample(image_path=image_path, width=width, height=height, annotations=shapes, split=part)
            entries.append(Entry(sample=sample))
    notes = []
    if unlabelled_boxes:
        notes.append(
            f"{unlabelled_boxes} boxes have no label and are called {source.default_label!r}; "
            "choose another name with --label"
        )
    left = [path for path in index.paths if path not in used]
    if left:
        notes.append(f"{len(left)} photos stand in no imglab file and were left out, first {index.relative(left[0])}")
    return LabelSet(
        entries=tuple(entries),
        class_names=classes_of(entry.sample for entry in entries),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _shape(box: Element, path: Path, photo: str, default_label: str) -> Annotation:
    try:
        left, top, width, height = (float(box.get(side, "")) for side in _SIDES)
    except ValueError:
        raise LabelError(path, f"a box of {photo} has no number as left, top, width or height") from None
    if not all(map(is_coordinate, (left, top, width, height))):
        raise LabelError(path, f"a box of {photo} has a side that is no number, or farther away than any photo reaches")
    imglab: dict[str, object] = {name: value for name, value in box.attrib.items() if name not in _SIDES}
    if parts := {part.get("name", ""): [part.get("x", ""), part.get("y", "")] for part in box.findall("part")}:
        imglab["parts"] = parts
    label = xml_text.text_of(box.find("label")) or default_label
    shape = Annotation.from_box(label, (left, top, left + width, top + height))
    return replace(shape, extra={"imglab": imglab} if imglab else {})

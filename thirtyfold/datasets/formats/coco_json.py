"""COCO's JSON: files of images, categories and annotations. What one annotation says: ``coco_objects.py``.

Format: https://cocodataset.org/#format-data. Boxes are left, top, width, height, counted from
the outer corner of the first pixel, as ours are. Keys we don't know are kept; what COCO has
no key for stands under ``"thirtyfold"`` (of images and annotations), which other readers pass over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

from thirtyfold import files
from thirtyfold.datasets.formats import coco_objects, regions
from thirtyfold.datasets.formats.coco_objects import OURS
from thirtyfold.datasets.formats.format_io import UNASSIGNED, Source, Target, refuse_rivals
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import (
    PARTS,
    Entry,
    LabelSet,
    classes_of,
    keys_of,
    mappings_of,
    part_named,
)
from thirtyfold.datasets.reading import read_label_bytes
from thirtyfold.errors import DataError, FileDataError, LabelError
from thirtyfold.sample import Annotation, Sample
from thirtyfold.workspace import OUR_JSON_FILES

_SMALL_BYTES = 1 << 16
_IMAGE_KEYS = frozenset({"file_name", "width", "height", OURS})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """One COCO file, taken apart: annotations by image, categories by number."""

    path: Path
    images: Sequence[Mapping[str, Any]]
    annotations_of: Mapping[object, list[tuple[int, Mapping[str, Any]]]]
    name_of: Mapping[object, str]
    categories: Sequence[Mapping[str, Any]]
    rest: Mapping[str, Any]
    problems: list[FileDataError]


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that this is COCO: a JSON file with images and annotations or categories."""
    for path, head in heads.items():
        lists = '"images"' in head and ('"annotations"' in head or '"categories"' in head)
        if path.suffix.lower() == ".json" and lists and '"shapes"' not in head:
            return f"{path.relative_to(root).as_posix()} has COCO's lists of images and annotations"
    return None


def read(source: Source) -> LabelSet:
    """One COCO file, or those of a folder, each a part. Photos that no file names are not in the dataset (a note)."""
    documents = [_parse(path) for path in ([source.file] if source.file else _json_paths(source.root))]
    if not documents:
        raise DataError(f"{source.root}: no COCO file with images and annotations in it")
    index = ImageIndex(source.root)
    refuse_rivals(
        {
            doc.path: [name for image in doc.images if isinstance(name := image.get("file_name"), str)]
            for doc in documents
        },
        index,
    )
    entries: list[Entry] = []
    problems: list[FileDataError] = []
    used: dict[Path, str] = {}
    by_bare_name = without_shapes = 0
    for document in documents:
        problems += document.problems
        part = _part_of(document.path, source.root) if source.file is None else None
        seen: set[str] = set()
        for image in document.images:
            try:
                name = image.get("file_name")
                if _number(image.get("id")) in seen:
                    raise LabelError(document.path, f"{name!r} has the id {image.get('id')}, as another image has")
                seen.add(_number(image.get("id")))
                if not isinstance(name, str) or not name:
                    raise LabelError(document.path, f"image {image.get('id')} has no file_name")
                image_path = index.find(name, document.path)
                if image_path in used:
                    raise LabelError(
                        document.path, f"{name!r} and {used[image_path]!r} are the same file, {image_path}"
                    )
                used[image_path] = name
                by_bare_name += PurePosixPath(name.replace("\\", "/")) != PurePosixPath(index.relative(image_path))
                entry = _entry(document, image, image_path, part, problems)
            except FileDataError as error:
                problems.append(error)
                continue
            without_shapes += entry.sample.annotations is None and OURS not in image
            entries.append(entry)
    notes = []
    if by_bare_name:
        notes.append(f"{by_bare_name} photos lie elsewhere than their file_name says and were found by their bare name")
    if without_shapes:
        notes.append(
            f"{without_shapes} photos have no annotation; COCO cannot say whether somebody has looked at them, so they "
            "count as unlabelled"
        )
    left = [path for path in index.paths if path not in used]
    if left:
        notes.append(f"{len(left)} photos stand in no COCO file and were left out, first {index.relative(left[0])}")
    categories = list(dict.fromkeys(name for document in documents for name in _names(document.categories)))
    return LabelSet(
        entries=tuple(entries),
        class_names=classes_of((entry.sample for entry in entries), categories),
        extra={"coco": {**documents[0].rest, "categories": _categories(documents)}},
        problems=tuple(problems),
        notes=tuple(notes),
    )


def write(label_set: LabelSet, target: Target) -> None:
    """``images/`` and ``annotations/instances.json``, or ``instances_train.json`` and so on where there are parts."""
    known = keys_of(label_set.extra, "coco")
    # With the labels that are no classes, as `__ignore__`: COCO has a category for every shape.
    labels = classes_of((entry.sample for entry in label_set.entries), label_set.class_names)
    categories = _numbered(labels, known.get("categories"))
    number_of = {category["name"]: category["id"] for category in categories}
    image_ids, annotation_ids = _Numbers(), _Numbers()
    for entry in label_set.entries:
        image_ids.reserve(keys_of(entry.extra, "coco").get("id"))
        for annotation in entry.sample.annotations or ():
            annotation_ids.reserve(keys_of(annotation.extra, "coco").get("id"))
    head = {key: value for key, value in known.items() if key != "categories"}
    groups = [*PARTS, None] if label_set.has_parts else [None]
    for part in groups:
        entries = [entry for entry in label_set.entries if entry.sample.split == part]
        if label_set.has_parts and not entries:
            continue
        images, annotations = [], []
        for entry in entries:
            target.place(entry, f"images/{entry.name}")
            image_id = image_ids.take(keys_of(entry.extra, "coco").get("id"))
            rows = _annotations(entry, image_id, annotation_ids, number_of, target)
            images.append(_image(entry, image_id, has_rows=bool(rows)))
            annotations += rows
        suffix = f"_{part or UNASSIGNED}" if label_set.has_parts else ""
        document = {
            "info": {"description": "converted by thirtyfold"},
            "licenses": [],
            **head,
            "categories": categories,
            "images": images,
            "annotations": annotations,
        }
        # A line an object would be five times the size; nobody reads these files by eye.
        text = json.dumps(document, separators=(",", ":"))
        target.write_text(f"annotations/instances{suffix}.json", text + "\n")


# --- reading -------------------------------------------------------------------------------------------


def _json_paths(root: Path) -> list[Path]:
    folders = [root, root / "annotations", *sorted(path for path in root.iterdir() if part_named(path.name))]
    found = []
    for folder in folders:
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            if path.name in OUR_JSON_FILES or not path.is_file():
                continue
            # Small files may be those of other programs; big ones are parsed, and refused if they are not COCO.
            if path.stat().st_size >= _SMALL_BYTES or b'"images"' in read_label_bytes(path):
                found.append(path)
    return found


def _part_of(path: Path, root: Path) -> str | None:
    pieces = path.stem.replace("-", "_").replace(".", "_").split("_")
    named = [part for part in map(part_named, pieces) if part]
    return named[0] if named else part_named(path.parent.name) if path.parent != root else None


def _parse(path: Path) -> _Document:
    try:
        raw = files.parse_json(read_label_bytes(path, most_bytes=None))
    except ValueError as error:
        raise LabelError(path, f"is not JSON ({error}); export it again") from error
    lists = {key: raw.get(key, []) for key in ("images", "annotations", "categories")} if isinstance(raw, dict) else {}
    if not lists or not all(isinstance(rows, list) for rows in lists.values()) or "images" not in raw:
        raise LabelError(path, 'is not COCO: an object with lists "images", "annotations", "categories" was expected')
    problems: list[FileDataError] = []
    objects = {key: [row for row in rows if isinstance(row, dict)] for key, rows in lists.items()}
    for key, rows in lists.items():
        if len(objects[key]) != len(rows):
            problems.append(LabelError(path, f"{len(rows) - len(objects[key])} entries of {key} are no objects"))
    image_ids = {_number(image.get("id")) for image in objects["images"]}
    annotations_of: dict[object, list[tuple[int, Mapping[str, Any]]]] = {}
    for position, annotation in enumerate(objects["annotations"]):
        image_id = _number(annotation.get("image_id"))
        if image_id not in image_ids:
            problems.append(
                LabelError(path, f"annotations[{position}] belongs to image {image_id}, which is not there")
            )
        annotations_of.setdefault(image_id, []).append((position, annotation))
    return _Document(
        path=path,
        images=objects["images"],
        annotations_of=annotations_of,
        name_of={_number(row.get("id")): str(row.get("name")) for row in objects["categories"]},
        categories=objects["categories"],
        rest={key: value for key, value in raw.items() if key not in lists},
        problems=problems,
    )


def _entry(
    document: _Document, image: Mapping[str, Any], image_path: Path, part: str | None, problems: list[FileDataError]
) -> Entry:
    stated = tuple(value if isinstance(value, int) else None for value in (image.get("width"), image.get("height")))
    width, height = size_as_stated(image_path, (stated[0], stated[1]), document.path)
    annotations: list[Annotation] = []
    rows = document.annotations_of.get(_number(image.get("id")), [])
    known_groups = (coco_objects.group_of(raw) for _, raw in rows)
    next_group = 1 + max((group for group in known_groups if group is not None), default=0)
    for position, raw in rows:
        try:
            label = _label_of(document, raw)
            shapes = coco_objects.to_shapes(raw, label, (width, height), group=next_group)
            annotations += shapes
            next_group += len(shapes) > 1
        except ValueError as error:
            problems.append(LabelError(document.path, f"annotations[{position}] of {image_path.name}: {error}"))
    ours = keys_of(image, OURS)
    session, parent, tags = ours.get("session"), ours.get("parent"), ours.get("tags")
    extra = mappings_of(ours.get("extra"))
    coco = {key: value for key, value in image.items() if key not in _IMAGE_KEYS}
    return Entry(
        sample=Sample(
            image_path=image_path,
            width=width,
            height=height,
            annotations=tuple(annotations) if rows or ours.get("labelled") else None,
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            session=str(session) if session is not None else None,
            parent=str(parent) if parent is not None else None,
            split=part,
            machine_made=bool(ours.get("machine_made")),
        ),
        extra=extra | ({"coco": coco} if coco else {}),
    )


def _label_of(document: _Document, raw: Mapping[str, Any]) -> str:
    category = _number(raw.get("category_id"))
    if category not in document.name_of:
        raise ValueError(f"its category {category} is not in the list of categories")
    return document.name_of[category]


def _number(raw: Any) -> str:
    """Ids are numbers, and in some exports the same numbers as text."""
    return str(raw)


def _names(categories: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(category.get("name")) for category in categories]


def _categories(documents: list[_Document]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for document in documents:
        for category in document.categories:
            found.setdefault(str(category.get("name")), dict(category))
    return list(found.values())


# --- writing -------------------------------------------------------------------------------------------


def _is_id(raw: object) -> TypeGuard[int]:
    return isinstance(raw, int) and not isinstance(raw, bool)


class _Numbers:
    """Ids: the ones that the data already has, as long as they are unique, then the next free ones."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._taken: set[int] = set()
        self._next = 1

    def reserve(self, known: object) -> None:
        if _is_id(known):
            self._known[known] = self._known.get(known, 0) + 1

    def take(self, known: object) -> int:
        if _is_id(known) and known not in self._taken:
            number = known
        else:
            while self._next in self._known or self._next in self._taken:
                self._next += 1
            number = self._next
        self._taken.add(number)
        return number


def _numbered(class_names: tuple[str, ...], known: Any) -> list[dict[str, Any]]:
    """A category for each class: the ``known`` one of that name, with its id unless another class has that already."""
    rows = [row for row in known if isinstance(row, Mapping)] if isinstance(known, list) else []
    by_name = {str(row.get("name")): dict(row) for row in rows}
    following = max((row["id"] for row in by_name.values() if _is_id(row.get("id"))), default=0)
    taken: set[int] = set()
    categories = []
    for name in class_names:
        row = by_name.get(name, {})
        if not _is_id(row.get("id")) or row["id"] in taken:
            following += 1
            row = {"supercategory": "", **row, "id": following}
        taken.add(row["id"])
        categories.append({**row, "name": name})
    return categories


def _image(entry: Entry, image_id: int, *, has_rows: bool) -> dict[str, Any]:
    sample = entry.sample
    known: dict[str, Any] = {
        "tags": list(sample.tags),
        "session": sample.session,
        "parent": sample.parent,
        "machine_made": sample.machine_made,
        "extra": {owner: keys for owner, keys in entry.extra.items() if owner != "coco"},
    }
    ours = {key: value for key, value in known.items() if value}
    if not has_rows:
        ours["labelled"] = sample.annotations is not None
    row = {"id": image_id, "file_name": entry.name, "width": sample.width, "height": sample.height}
    row |= {key: value for key, value in keys_of(entry.extra, "coco").items() if key not in _IMAGE_KEYS and key != "id"}
    return row | ({OURS: ours} if ours else {})


def _annotations(
    entry: Entry, image_id: int, ids: _Numbers, number_of: Mapping[str, int], target: Target
) -> list[dict[str, Any]]:
    rows = []
    for pieces in regions.objects_of(entry.sample.annotations or ()):
        first = pieces[0]
        if not regions.encloses(first):
            target.losses.add("open_shape", entry.name, len(pieces))
            continue
        target.losses.add("circle", entry.name, sum(piece.kind == "circle" for piece in pieces))
        found = coco_objects.from_shapes(pieces, (entry.sample.width, entry.sample.height))
        if found is None:
            target.losses.add("covered", entry.name, len(pieces))
            continue
        number = ids.take(keys_of(first.extra, "coco").get("id"))
        rows.append({"id": number, "image_id": image_id, "category_id": number_of[first.label], **found})
    return rows

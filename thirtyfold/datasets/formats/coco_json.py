"""COCO's JSON: boxes, polygons of several rings, run-length masks, crowds.

Format: https://cocodataset.org/#format-data. Boxes are left, top, width, height, counted from
the outer corner of the first pixel, as ours are. Keys we don't know are kept; what COCO has
no key for stands under ``"thirtyfold"`` (of images and annotations), which other readers pass over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold.datasets.formats import regions, rle
from thirtyfold.datasets.formats.format_io import UNASSIGNED, Source, Target, refuse_rivals
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import PARTS, Entry, LabelSet, classes_of, part_named
from thirtyfold.errors import DataError, FileDataError, LabelError
from thirtyfold.sample import Annotation, Sample

OURS = "thirtyfold"
_IMAGE_KEYS = frozenset({"file_name", "width", "height", OURS})
_ANNOTATION_KEYS = frozenset({"image_id", "category_id", "segmentation", "score", OURS})


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
    refuse_rivals({doc.path: [str(image.get("file_name")) for image in doc.images] for doc in documents})
    index = ImageIndex(source.root)
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
                by_bare_name += not (source.root / name).exists()
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
    known = label_set.extra.get("coco", {})
    categories = _numbered(label_set.class_names, known.get("categories", []))
    number_of = {category["name"]: category["id"] for category in categories}
    image_ids, annotation_ids = _Numbers(), _Numbers()
    for entry in label_set.entries:
        image_ids.reserve(entry.extra.get("coco", {}).get("id"))
        for annotation in entry.sample.annotations or ():
            annotation_ids.reserve(_coco_keys(annotation).get("id"))
    head = {key: value for key, value in known.items() if key != "categories"}
    groups = [*PARTS, None] if label_set.has_parts else [None]
    for part in groups:
        entries = [entry for entry in label_set.entries if entry.sample.split == part]
        if label_set.has_parts and not entries:
            continue
        images, annotations = [], []
        for entry in entries:
            target.place(entry, f"images/{entry.name}")
            image_id = image_ids.take(entry.extra.get("coco", {}).get("id"))
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
            head = path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size < 1 << 16 else None
            # Small files of other programs; big ones are parsed and speak for themselves.
            if path.name not in ("conversion.json", "split.json") and (head is None or '"images"' in head):
                found.append(path)
    return found


def _part_of(path: Path, root: Path) -> str | None:
    pieces = path.stem.replace("-", "_").replace(".", "_").split("_")
    named = [part for part in map(part_named, pieces) if part]
    return named[0] if named else part_named(path.parent.name) if path.parent != root else None


def _parse(path: Path) -> _Document:
    try:
        raw = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise LabelError(path, f"cannot be opened ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
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
    next_group = 1 + max((group for _, raw in rows if (group := _group_of(raw)) is not None), default=0)
    for position, raw in rows:
        try:
            shapes = _shapes(document, raw, (width, height), next_group)
            annotations += shapes
            next_group += len(shapes) > 1
        except ValueError as error:
            problems.append(LabelError(document.path, f"annotations[{position}] of {image_path.name}: {error}"))
    ours = _mapping(image.get(OURS))
    session, parent, tags = ours.get("session"), ours.get("parent"), ours.get("tags")
    extra = dict(_mapping(ours.get("extra")))
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


def _shapes(
    document: _Document, raw: Mapping[str, Any], size_wh: tuple[int, int], group: int | None
) -> list[Annotation]:
    """One COCO object as a box, as polygons that share a group, or as a mask. Raises :class:`ValueError`."""
    category = _number(raw.get("category_id"))
    if category not in document.name_of:
        raise ValueError(f"its category {category} is not in the list of categories")
    segmentation, box = raw.get("segmentation"), raw.get("bbox")
    coco = {key: value for key, value in raw.items() if key not in _ANNOTATION_KEYS}
    ours = _mapping(raw.get(OURS))
    own_group = _group_of(raw)
    if isinstance(segmentation, Mapping):
        mask = rle.decode(segmentation, size_wh)
        if not mask.any():
            raise ValueError("its mask has no pixel")
        shapes = [regions.mask_annotation(document.name_of[category], mask)]
    elif isinstance(segmentation, list) and segmentation:
        rings = [_ring(ring) for ring in segmentation]
        shapes = [Annotation(label=document.name_of[category], kind="polygon", points=ring) for ring in rings]
    else:
        left, top, width, height = _finite(box, 4, "bbox")
        shapes = [Annotation.from_box(document.name_of[category], (left, top, left + width, top + height))]
        coco.pop("bbox")
    if "bbox" in coco and _fits(_xyxy(coco["bbox"]), _extent(shapes), slack=0.51):
        del coco["bbox"]  # it says no more than the outline does
    score = raw.get("score")
    if own_group is not None or len(shapes) == 1:
        group = own_group
    return [
        replace(
            shape,
            group=group,
            score=float(score) if isinstance(score, (int, float)) else None,
            extra={**shape.extra, **_mapping(ours.get("extra")), **({"coco": coco} if coco else {})},
        )
        for shape in shapes
    ]


def _ring(raw: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(raw, list) or len(raw) < 6 or len(raw) % 2:
        raise ValueError("a ring of its polygon has less than three corners, or half a corner")
    numbers = _finite(raw, len(raw), "segmentation")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _finite(raw: Any, count: int, key: str) -> list[float]:
    import math

    if not isinstance(raw, list) or len(raw) != count:
        raise ValueError(f"its {key} is not a list of {count} numbers")
    if any(not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) for value in raw):
        raise ValueError(f"its {key} holds something that is no number")
    return [float(value) for value in raw]


def _mapping(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, Mapping) else {}


def _group_of(raw: Mapping[str, Any]) -> int | None:
    group = _mapping(raw.get(OURS)).get("group")
    return group if isinstance(group, int) else None


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


class _Numbers:
    """Ids: the ones that the data already has, as long as they are unique, then the next free ones."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._taken: set[int] = set()
        self._next = 1

    def reserve(self, known: object) -> None:
        if isinstance(known, int) and not isinstance(known, bool):
            self._known[known] = self._known.get(known, 0) + 1

    def take(self, known: object) -> int:
        if isinstance(known, int) and not isinstance(known, bool) and known not in self._taken:
            number = known
        else:
            while self._next in self._known or self._next in self._taken:
                self._next += 1
            number = self._next
        self._taken.add(number)
        return number


def _numbered(class_names: tuple[str, ...], known: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    kept = {str(category.get("name")): dict(category) for category in known}
    used = [category["id"] for category in kept.values() if isinstance(category.get("id"), int)]
    following = max(used, default=0)
    rows = []
    for name in class_names:
        row = kept.get(name, {})
        if not isinstance(row.get("id"), int):
            following += 1
            row = {"id": following, "supercategory": "", **row, "name": name}
        rows.append(row)
    return rows


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
    row |= {key: value for key, value in entry.extra.get("coco", {}).items() if key != "id"}
    return row | ({OURS: ours} if ours else {})


def _annotations(
    entry: Entry, image_id: int, ids: _Numbers, number_of: Mapping[str, int], target: Target
) -> list[dict[str, Any]]:
    rows = []
    size_wh = (entry.sample.width, entry.sample.height)
    for pieces in regions.objects_of(entry.sample.annotations or ()):
        first = pieces[0]
        if not regions.encloses(first):
            target.losses.add("open_shape", entry.name, len(pieces))
            continue
        target.losses.add("circle", entry.name, sum(piece.kind == "circle" for piece in pieces))
        coco = _coco_keys(first)
        segmentation, area, box = _outline(pieces, size_wh)
        if box is None:
            target.losses.add("covered", entry.name, len(pieces))
            continue
        kept_box, kept_area = coco.get("bbox"), coco.get("area")
        # What the other tool computed is kept while it still fits the outline, which a person may have moved since.
        if kept_box is not None and _fits(
            _xyxy(kept_box), box, slack=max(8.0, 0.1 * max(box[2] - box[0], box[3] - box[1]))
        ):
            box = _xyxy(kept_box)
        if isinstance(kept_area, (int, float)) and abs(kept_area - area) <= max(4.0, 0.05 * area):
            area = kept_area
        row: dict[str, Any] = {
            "id": ids.take(coco.get("id")),
            "image_id": image_id,
            "category_id": number_of[first.label],
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "area": area,
            "segmentation": segmentation,
            "iscrowd": 0,
        }
        row |= {key: value for key, value in coco.items() if key not in ("id", "bbox", "area")}
        if first.score is not None:
            row["score"] = first.score
        rest = {key: value for key, value in first.extra.items() if key not in ("coco", "mask")}
        ours = ({"group": first.group} if first.group is not None else {}) | ({"extra": rest} if rest else {})
        rows.append(row | ({OURS: ours} if ours else {}))
    return rows


def _outline(pieces: tuple[Annotation, ...], size_wh: tuple[int, int]) -> tuple[Any, float, Any]:
    """(segmentation, area, box) of one object; the box is ``None`` if a mask has no pixel in the picture."""
    if pieces[0].kind == "mask":
        mask = regions.mask_of(pieces[0], size_wh)
        if not mask.any():
            return None, 0.0, None
        return rle.encode(mask), float(mask.sum()), regions.extent(regions.mask_annotation("", mask))
    box = _extent(list(pieces))
    if pieces[0].kind == "rectangle":
        return [], (box[2] - box[0]) * (box[3] - box[1]), box
    rings = [regions.outline(piece) for piece in pieces]
    return (
        [[float(value) for point in ring for value in point] for ring in rings],
        sum(regions.polygon_area(ring) for ring in rings),
        box,
    )


def _coco_keys(annotation: Annotation) -> Mapping[str, Any]:
    coco = annotation.extra.get("coco")
    return coco if isinstance(coco, Mapping) else {}


def _extent(shapes: list[Annotation]) -> tuple[float, float, float, float]:
    boxes = [regions.extent(shape) for shape in shapes]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _xyxy(raw: Any) -> tuple[float, float, float, float]:
    """A COCO box as corners; an empty one where it is broken, which fits nothing."""
    try:
        left, top, width, height = _finite(raw, 4, "bbox")
    except ValueError:
        return (0.0, 0.0, -1e9, -1e9)
    return (left, top, left + width, top + height)


def _fits(box: tuple[float, ...], other: tuple[float, ...], *, slack: float) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(box, other, strict=True))

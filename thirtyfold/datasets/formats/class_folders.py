"""A folder a class: ``CLASS/photo.jpg``, or ``train/CLASS/photo.jpg``. The class is one of the whole photo, no box.

In a label set it is the photo's tag, labelme's ticked flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from thirtyfold.datasets.formats.format_io import UNASSIGNED, Source, Target, part_folder
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import PARTS, Entry, LabelSet, part_named
from thirtyfold.errors import DataError, FileDataError
from thirtyfold.images import is_image
from thirtyfold.sample import Sample

# Folders that other formats keep their photos in: no classes.
NO_CLASSES = frozenset(
    {"images", "labels", "annotations", "jpegimages", "imagesets", "segmentationclass", "segmentationobject", "masks"}
    | {"augmented", "discarded"}
)


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that this is a folder a class: photos in folders, none beside them, no label file anywhere."""
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    parts = [path for path in folders if part_named(path.name)]
    classes = [path for part in parts for path in sorted(part.iterdir()) if path.is_dir()] if parts else folders
    classes = [path for path in classes if path.name.lower() not in NO_CLASSES]
    with_photos = [path for path in classes if any(is_image(inner) for inner in path.iterdir())]
    if not with_photos or any(is_image(path) for path in root.iterdir()):
        return None
    return (
        f"{len(with_photos)} folders of photos, like {with_photos[0].relative_to(root).as_posix()}/, and no label file"
    )


def read(source: Source) -> LabelSet:
    """Every photo; its class is its folder's name. A photo beside the folders has none."""
    index = ImageIndex(source.root, skip=frozenset())
    tops = {path.relative_to(source.root).parts[0] for path in index.paths}
    has_parts = any(part_named(top) for top in tops)
    entries: list[Entry] = []
    problems: list[FileDataError] = []
    deeper = 0
    for image_path in index.paths:
        pieces = list(image_path.relative_to(source.root).parts[:-1])
        part = part_named(pieces[0]) if has_parts and pieces else None
        if part or (len(pieces) > 1 and pieces[0] == UNASSIGNED):
            pieces.pop(0)
        deeper += len(pieces) > 1
        try:
            width, height = size_as_stated(image_path, (None, None), image_path)
        except FileDataError as error:
            problems.append(error)
            continue
        tags = tuple(pieces[:1])
        entries.append(Entry(sample=Sample(image_path=image_path, width=width, height=height, tags=tags, split=part)))
    notes = [f"{deeper} photos lie in folders of folders; the outermost one is their class"] if deeper else []
    return LabelSet(entries=tuple(entries), class_names=(), problems=tuple(problems), notes=tuple(notes))


def write(label_set: LabelSet, target: Target) -> None:
    """``[PART/]CLASS/NAME``. Raises :class:`DataError` if no photo has a class."""
    losses = target.losses
    if label_set.entries and not any(entry.sample.tags for entry in label_set.entries):
        raise DataError(
            "No photo has a class of its own (labelme calls it a flag), only shapes, so there are no folders to make; "
            "choose another format with --to"
        )
    for entry in label_set.entries:
        sample = entry.sample
        losses.add("shapes", entry.name, len(sample.annotations or ()))
        losses.add("verified_empty", entry.name, sample.annotations == ())
        target.lose_photo_keys(entry, keeps="folders")
        if not sample.tags:
            losses.add("no_class", entry.name)
            continue
        losses.add("tags", entry.name, len(sample.tags) - 1)
        folder = _folder_name(sample.tags[0])
        losses.add("renamed", entry.name, folder != sample.tags[0])
        target.place(entry, f"{part_folder(label_set, entry)}{folder}/{entry.name}")
    if label_set.class_names:
        losses.add("class_order", "labels.txt", len(label_set.class_names))


def _folder_name(tag: str) -> str:
    name = "".join("_" if char in '/\\:*?"<>|' else char for char in tag).rstrip(". ") or "_"
    taken = name.startswith(".") or part_named(name) in PARTS or name.lower() in (*NO_CLASSES, UNASSIGNED)
    return f"_{name}" if taken else name

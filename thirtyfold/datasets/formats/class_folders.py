"""A folder a class: ``CLASS/photo.jpg``, or ``train/CLASS/photo.jpg``. The class is one of the whole photo, no box.

In a label set it is the photo's tag, labelme's ticked flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from thirtyfold.datasets.formats.format_io import UNASSIGNED, Source, Target, part_folder
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import PARTS, Entry, LabelSet, part_named
from thirtyfold.datasets.listing import natural_key
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
    with_photos = [folder for folder in class_dirs(root) if any(map(is_image, _inside(folder)))]
    if not with_photos or any(map(is_image, _inside(root))):
        return None
    return (
        f"{len(with_photos)} folders of photos, like {with_photos[0].relative_to(root).as_posix()}/, and no label file"
    )


def class_dirs(root: Path) -> list[Path]:
    """The folders that stand for classes: those in the parts (``train/CLASS``), or in the folder itself."""
    folders = _visible_dirs(root)
    parts = [folder for folder in folders if part_named(folder.name)]
    inner = [folder for part in parts for folder in _visible_dirs(part)] if parts else folders
    return [folder for folder in inner if folder.name.lower() not in NO_CLASSES]


def _visible_dirs(root: Path) -> list[Path]:
    found = [path for path in _inside(root) if path.is_dir() and not path.name.startswith((".", "__"))]
    return sorted(found, key=lambda path: natural_key(path.name))


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # `lost+found`, say, which nobody may look into
        return []


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
    folder_of = _folder_names(entry.sample.tags[0] for entry in label_set.entries if entry.sample.tags)
    for entry in label_set.entries:
        sample = entry.sample
        losses.add("shapes", entry.name, len(sample.annotations or ()))
        losses.add("verified_empty", entry.name, sample.annotations == ())
        target.lose_photo_keys(entry, keeps="folders")
        if not sample.tags:
            losses.add("no_class", entry.name)
            continue
        losses.add("tags", entry.name, len(sample.tags) - 1)
        folder = folder_of[sample.tags[0]]
        losses.add("renamed", entry.name, folder != sample.tags[0])
        target.place(entry, f"{part_folder(label_set, entry)}{folder}/{entry.name}")
    if label_set.class_names:
        losses.add("class_order", "labels.txt", len(label_set.class_names))


def _folder_names(tags: Iterable[str]) -> dict[str, str]:
    """Tag → its folder, and no other tag's: ``a/b`` and ``a:b`` stay two, and so do ``Cat`` and ``cat`` where a system
    does not tell them apart.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    # Those that can stay as they are first.
    for tag in sorted(set(tags), key=lambda tag: (_folder_name(tag) != tag, tag)):
        wanted = _folder_name(tag)
        name, number = wanted, 1
        while name.casefold() in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name.casefold())
        names[tag] = name
    return names


def _folder_name(tag: str) -> str:
    name = "".join("_" if char in '/\\:*?"<>|' else char for char in tag).rstrip(". ") or "_"
    taken = name.startswith(".") or part_named(name) in PARTS or name.lower() in (*NO_CLASSES, UNASSIGNED)
    return f"_{name}" if taken else name

"""A folder of labelme files, read and written as a whole.

Beside the photos, or in ``labels/``; labelme 4 to 7 and X-AnyLabeling. What the whole dataset
knows stands in ``labels.txt`` (a class a line, the file that ``labelme --labels`` takes),
``split.json`` and ``captures.jsonl``. Written into ``images/``, JSON beside the photo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.formats.format_io import Source, Target, embedded_picture
from thirtyfold.datasets.formats.image_files import ImageIndex, size_as_stated
from thirtyfold.datasets.formats.label_set import PARTS, Entry, LabelSet, classes_of, keys_of, mappings_of
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.reading import read_label_bytes
from thirtyfold.datasets.split import GIVEN_TEST, Split
from thirtyfold.datasets.unlabelled import as_unlabelled, is_unlabelled, without_mark
from thirtyfold.errors import FileDataError, ImageError, LabelError
from thirtyfold.images import is_image, rgb_of
from thirtyfold.sample import Sample
from thirtyfold.workspace import OUR_JSON_FILES

LABELS = "labels.txt"
# The line of labelme's own examples that is no class.
_BACKGROUND = "_background_"
# Namespaces of other formats, kept as keys of their own in the label file.
_FOREIGN = ("coco", "voc", "imglab")


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that this is a labelme folder: a JSON file with a list of shapes."""
    for path, head in heads.items():
        if path.suffix.lower() == ".json" and re.search(r'"shapes"\s*:\s*\[', head):
            return f"{path.relative_to(root).as_posix()} has labelme's list of shapes"
    return None


def read(source: Source) -> LabelSet:
    """Every photo and every labelme file of a folder; the first level below ``images/`` and ``labels/`` included."""
    index = ImageIndex(source.root)
    captures = {
        str(row["image"]): row for row in files.read_json_lines(source.root / "captures.jsonl") if "image" in row
    }
    parts = _read_parts(source.root / "split.json")
    entries: list[Entry] = []
    problems: list[FileDataError] = []
    labelled: dict[Path, Path] = {}
    for label_path in _label_paths(source.root):
        try:
            label_file = _read_if_labelme(label_path)
            if label_file is None:
                if index.beside(label_path):
                    labelme_json.read(label_path)  # says what is wrong: it bears the name of a photo's label file
                continue
            image_path = _picture_of(label_path, label_file, index)
            first = labelled.setdefault(image_path or label_path, label_path)
            if first != label_path:
                raise LabelError(label_path, f"labels {image_path}, which {first} labels, too; remove one of the two")
            entries.append(_entry(label_path, label_file, image_path, captures, parts))
        except FileDataError as error:
            problems.append(error)
    broken = {error.path.stem for error in problems}
    for image_path in index.paths:
        # A photo whose label file is broken is not taken for an unlabelled one.
        if image_path not in labelled and image_path.stem not in broken:
            try:
                entries.append(_unlabelled_entry(image_path, captures, parts))
            except ImageError as error:
                problems.append(error)
    samples = [entry.sample for entry in entries]
    return LabelSet(
        entries=tuple(entries),
        class_names=classes_of(samples, _read_class_list(source.root / LABELS)),
        problems=tuple(problems),
    )


def write(label_set: LabelSet, target: Target) -> None:
    """``images/NAME.jpg`` + ``NAME.json``, ``labels.txt``, and ``split.json`` and ``captures.jsonl`` if known."""
    captures = []
    for entry in label_set.entries:
        target.place(entry, f"images/{entry.name}")
        sample = entry.sample
        if sample.annotations is not None or sample.tags or _extra_of(entry):
            label_file = _label_file(entry)
            target.write_json(f"images/{entry.stem}.json", labelme_json.to_dict(label_file))
        if sample.session is not None:
            captures.append({**keys_of(entry.extra, "capture"), "image": entry.name, "session": sample.session})
    if label_set.class_names:
        target.write_text(LABELS, "".join(f"{name}\n" for name in label_set.class_names))
    if captures:
        target.write_text("captures.jsonl", "".join(json.dumps(row) + "\n" for row in captures))
    if label_set.has_parts:
        target.write_json("split.json", _split(label_set).to_dict())


def _label_paths(root: Path) -> list[Path]:
    folders = [root, root / "images", root / "labels", *(root / "images" / part for part in PARTS)]
    return [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.glob("*.json"))
        if path.name not in OUR_JSON_FILES and not path.name.startswith(".")
    ]


def _read_if_labelme(path: Path) -> LabelFile | None:
    """``None`` for the JSON of other programs that lies about in a folder; broken files raise, to be named."""
    try:
        raw = files.parse_json(read_label_bytes(path))
    except ValueError:
        return labelme_json.read(path)  # says what is wrong
    foreign = not isinstance(raw, dict) or not raw.keys() & {"shapes", "imagePath", "imageData"}
    return None if foreign else labelme_json.from_dict(raw, path)


def _picture_of(label_path: Path, label_file: LabelFile, index: ImageIndex) -> Path | None:
    """The photo of a label file; ``None`` if it is only inside of it."""
    # The photo of the same name counts, as for labelme: photos are often renamed together with their labels.
    if beside := index.beside(label_path):
        return beside
    try:
        return index.find(label_file.image_path or label_path.with_suffix(".jpg").name, label_path)
    except LabelError:
        if label_file.image_data:
            return None
        raise


def _entry(
    label_path: Path,
    label_file: LabelFile,
    image_path: Path | None,
    captures: Mapping[str, Mapping[str, Any]],
    parts: Mapping[str, str],
) -> Entry:
    if image_path is None:
        named = PurePosixPath(label_file.image_name)
        image_path = label_path.with_suffix(named.suffix if is_image(Path(named)) else ".jpg")
        width, height = _embedded_size(label_path)
        embedded: Path | None = label_path
    else:
        width, height = size_as_stated(image_path, (label_file.width, label_file.height), label_path)
        embedded = None
    foreign = {name: keys for name, keys in mappings_of(label_file.extra).items() if name in _FOREIGN}
    own = {name: value for name, value in without_mark(label_file).extra.items() if name not in foreign}
    unticked = {name: value for name, value in label_file.flags.items() if not value}
    capture = captures.get(image_path.name, {})
    session, parent = capture.get("session", label_file.lineage.get("session")), label_file.lineage.get("parent")
    extra = {
        **foreign,
        "labelme": {**own, **({"flags": unticked} if unticked else {})},
        "capture": {key: value for key, value in capture.items() if key not in ("image", "session")},
    }
    return Entry(
        sample=Sample(
            image_path=image_path,
            width=width,
            height=height,
            annotations=None if is_unlabelled(label_file) else label_file.annotations,
            tags=label_file.tags,
            session=str(session) if session is not None else None,
            parent=str(parent) if parent is not None else None,
            split=parts.get(image_path.name),
            machine_made=is_machine_made(label_file),
        ),
        extra={name: value for name, value in extra.items() if value},
        embedded_in=embedded,
    )


def _unlabelled_entry(image_path: Path, captures: Mapping[str, Mapping[str, Any]], parts: Mapping[str, str]) -> Entry:
    width, height = size_as_stated(image_path, (None, None), image_path)
    capture = captures.get(image_path.name, {})
    rest = {key: value for key, value in capture.items() if key not in ("image", "session")}
    session = str(capture["session"]) if "session" in capture else None
    return Entry(
        sample=Sample(
            image_path=image_path, width=width, height=height, session=session, split=parts.get(image_path.name)
        ),
        extra={"capture": rest} if rest else {},
    )


def _label_file(entry: Entry) -> LabelFile:
    sample = entry.sample
    labelme = keys_of(entry.extra, "labelme")
    label_file = LabelFile(
        image_path=entry.name,
        width=sample.width,
        height=sample.height,
        annotations=sample.annotations or (),
        flags={**dict.fromkeys(sample.tags, True), **keys_of(labelme, "flags")},
        extra=_extra_of(entry),
    )
    return label_file if sample.annotations is not None else as_unlabelled(label_file)


def _extra_of(entry: Entry) -> dict[str, Any]:
    labelme = {key: value for key, value in keys_of(entry.extra, "labelme").items() if key != "flags"}
    return labelme | {name: entry.extra[name] for name in _FOREIGN if name in entry.extra}


def _split(label_set: LabelSet) -> Split:
    parts = {entry.name: entry.sample.split for entry in label_set.entries if entry.sample.split}
    groups = {
        entry.name: entry.sample.session or f"the {entry.sample.split} photos"
        for entry in label_set.entries
        if entry.name in parts
    }
    sides: dict[str, set[str]] = {}
    for name, part in parts.items():
        sides.setdefault(groups[name], set()).add(part)
    known = all(entry.sample.session for entry in label_set.entries if entry.name in parts)
    return Split(
        parts=parts,
        groups=groups,
        how="as the converted dataset had it",
        leak_free=known and all(len(parts_of) == 1 for parts_of in sides.values()),
        note="" if known else "The parts came with the dataset; whether they share sessions is not known",
        # Others compare themselves on a test part that was published; `split` keeps it unless it is asked not to.
        options={GIVEN_TEST: True} if not known and "test" in parts.values() else {},
    )


def _read_parts(path: Path) -> dict[str, str]:
    try:
        photos = files.parse_json(path.read_bytes())["photos"]
        return {str(name): row["part"] for name, row in photos.items() if row["part"] in PARTS}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _read_class_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if line.strip() and line != _BACKGROUND]


def _embedded_size(label_path: Path) -> tuple[int, int]:
    try:
        pixels = rgb_of(embedded_picture(label_path), label_path)
    except ImageError as error:
        reason = f'the picture in "imageData" cannot be decoded ({error.reason}); open the photo again in labelme'
        raise LabelError(label_path, reason) from error
    return pixels.shape[1], pixels.shape[0]

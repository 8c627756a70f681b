"""What lies in a dataset's folder beside the photos and their labels: orphans, foreign labels, other folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from thirtyfold import files
from thirtyfold.datasets.check.labels import describe_json
from thirtyfold.datasets.check.options import FIXED_NAME
from thirtyfold.datasets.check.problems import Problem
from thirtyfold.datasets.reading import MOST_LABEL_BYTES, read_label_bytes
from thirtyfold.errors import LabelError
from thirtyfold.images import is_image
from thirtyfold.workspace import OUR_JSON_FILES, Dataset

# Pictures that cameras and phones write and that OpenCV does not read, or not everywhere.
_OTHER_PICTURES = frozenset(
    {".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".svg", ".jfif", ".cr2", ".nef", ".arw", ".dng", ".raw"}
)
_OUR_FOLDERS = frozenset({"images", "labels", "augmented", "discarded", FIXED_NAME})


def look_around(dataset: Dataset, photos: Sequence[Path]) -> Iterator[Problem]:
    """Problems of the folder itself. ``photos`` are those that are checked."""
    stems = {path.stem for path in photos}
    folders = list(dict.fromkeys((dataset.images_dir, dataset.root, dataset.root / "labels")))
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir():
                yield from _in_subfolder(dataset, path, folder)
            elif path.suffix.lower() in _OTHER_PICTURES:
                where = relative(dataset, path)
                yield Problem(code="image-format-not-read", file=where, message=f"a {path.suffix} is left out")
            elif path.suffix.lower() == ".json" and path.name not in OUR_JSON_FILES:
                yield from _loose_json(dataset, path, folder, stems)
    yield from _other_formats(dataset, photos)


def shared_labels(dataset: Dataset, photos: Sequence[Path]) -> Iterator[Problem]:
    """Photos whose names differ in nothing but the extension: one label file would serve them all."""
    by_stem: dict[str, list[Path]] = {}
    for path in photos:
        by_stem.setdefault(path.stem, []).append(path)
    for paths in by_stem.values():
        if len(paths) > 1 and dataset.label_path(paths[0]).exists():
            names = tuple(path.name for path in paths)
            for path in paths:
                others = tuple(name for name in names if name != path.name)
                yield Problem(
                    code="label-shared",
                    file=relative(dataset, dataset.label_path(path)),
                    photo=path.name,
                    others=others,
                    message=f"serves {path.name} and {', '.join(others)}",
                )


def labels_apart(dataset: Dataset, photos: Sequence[Path]) -> Iterator[Problem]:
    """Labels in ``labels/``, as a whole; and those that lie beside the photo as well, one by one."""
    apart = 0
    for path in photos:
        beside, label_path = path.with_suffix(".json"), dataset.label_path(path)
        other = dataset.root / "labels" / beside.name
        if label_path != beside:
            apart += 1
        elif beside.exists() and other.exists() and other != beside:
            message = f"also lies in labels/, {'with the same bytes' if _are_equal(beside, other) else 'and differs'}"
            yield Problem(code="label-twice", file=relative(dataset, beside), photo=path.name, message=message)
    if apart:
        yield Problem(
            code="label-other-folder", file="labels", message=f"{apart} of {len(photos)} photos have their labels here"
        )


def relative(dataset: Dataset, path: Path) -> str:
    """``path`` below the dataset's folder, with slashes; as it is where it lies elsewhere."""
    try:
        return path.relative_to(dataset.root).as_posix()
    except ValueError:
        return path.as_posix()


def count_photos_below(folder: Path) -> int:
    """How many photos lie in ``folder`` and its folders, at any depth."""
    return sum(is_image(path) for path in folder.rglob("*"))


def _are_equal(one: Path, other: Path) -> bool:
    try:
        return read_label_bytes(one) == read_label_bytes(other)
    except LabelError:
        return False


def _in_subfolder(dataset: Dataset, path: Path, folder: Path) -> Iterator[Problem]:
    # Of the dataset's own folder only images/ holds photos to check; of images/, nothing below does.
    if folder == dataset.root and (path.name in _OUR_FOLDERS or path == dataset.images_dir):
        return
    count = count_photos_below(path)
    if count:
        where = relative(dataset, path)
        yield Problem(code="image-in-subfolder", file=where, message=f"{count} photos in it are not read")


def _loose_json(dataset: Dataset, path: Path, folder: Path, stems: set[str]) -> Iterator[Problem]:
    """A JSON that belongs to no photo. (Those that do are read with it; so are the ones of ``labels/``.)"""
    if path.stem in stems and (folder != dataset.root or folder == dataset.images_dir):
        return
    where = relative(dataset, path)
    try:
        if path.stat().st_size > MOST_LABEL_BYTES:
            yield Problem(code="file-foreign", file=where, message="is a very large JSON, left unread")
            return
        raw = files.parse_json(read_label_bytes(path))
    except (OSError, LabelError, ValueError):
        raw = None
    if isinstance(raw, dict) and isinstance(raw.get("shapes"), list):
        count = len(raw["shapes"])
        inside = ", which it holds inside (imageData)" if raw.get("imageData") else ""
        yield Problem(
            code="label-orphan",
            file=where,
            message=f"{count} shapes, but there is no photo {path.stem}{inside}",
        )
    elif folder == dataset.images_dir and folder != dataset.root and not isinstance(raw, dict):
        yield Problem(code="label-orphan", file=where, message=f"cannot be read, and there is no photo {path.stem}")
    else:
        what = "JSON that cannot be read" if raw is None else describe_json(raw)
        yield Problem(code="file-foreign", file=where, message=f"is {what}; it is left alone")


def _other_formats(dataset: Dataset, photos: Sequence[Path]) -> Iterator[Problem]:
    """YOLO's .txt and Pascal VOC's .xml of photos that have no labelme file."""
    unlabelled = [path for path in photos if not dataset.label_path(path).exists()]
    formats: Mapping[str, tuple[str, tuple[str, ...]]] = {
        ".txt": ("YOLO (.txt)", ("labels",)),
        ".xml": ("Pascal VOC (.xml)", ("labels", "annotations", "Annotations")),
    }
    for suffix, (title, folder_names) in formats.items():
        folders = [dataset.images_dir, *(dataset.root / name for name in folder_names)]
        for folder in folders:
            found = [path for path in unlabelled if (folder / path.with_suffix(suffix).name).is_file()]
            if found:
                yield Problem(
                    code="file-foreign",
                    file=relative(dataset, folder),
                    message=f"holds {title} labels of {len(found)} photos that have no labelme file",
                )
                break

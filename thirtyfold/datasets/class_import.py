"""A folder of photos for each class, given where a dataset is expected: imported once, and recognized after that.

Everything works on photos named by their file name in one folder. So ``masks/with_mask/1.jpg`` becomes
``datasets/masks/images/1.jpg`` with the flag ``with_mask`` ticked, by ``formats/convert.py``; the folders stay as they
are. ``imported.json`` says which files it came from, so that a source that changed since is not passed over.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.formats import class_folders
from thirtyfold.datasets.formats.convert import REPORT, convert
from thirtyfold.datasets.formats.convert_options import ConvertOptions
from thirtyfold.datasets.formats.image_files import ImageIndex
from thirtyfold.datasets.formats.label_set import part_named
from thirtyfold.datasets.formats.table import detect, locate
from thirtyfold.datasets.listing import natural_key, some_of
from thirtyfold.datasets.split import read_split, write_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.val_part import split_off_val
from thirtyfold.errors import DataError, UsageError
from thirtyfold.progress import SILENT, Bar, Progress
from thirtyfold.workspace import DEFAULT_DATASET, Dataset, safe_name

IMPORTED = "imported.json"
_FORMAT = 1

_Stamp = tuple[int, int, str]  # bytes, time of the last change in ns, SHA-256


def open_dataset(path: Path, progress: Progress = SILENT) -> Dataset:
    """The dataset at ``path``; a folder of photos for each class is imported into ``datasets/NAME`` first.

    The next time it is the dataset that was imported then. Raises :class:`DataError` for a class without a photo, and
    where the photos have changed since they were imported; :class:`UsageError` if another dataset has that name.
    """
    target = _target_of(path)
    known = _read_imported(target)
    # Looking through all files for labels of another kind takes seconds of ten thousands, and was done before.
    imported_before = known is not None and known.source == path.resolve() and path.is_dir()
    if not imported_before and not is_class_folders(path):
        return Dataset(path)
    _refuse_empty(path, class_folders.class_dirs(path), progress)
    if not target.exists():
        _import(path, target, _stamps(path, {}), progress)
        return Dataset(target)
    if known is None:
        _finish_or_refuse(path, target, progress)
        return Dataset(target)
    _compare(path, target, known)
    progress.say(f"{path} is the dataset {target}, where it was imported to")
    return Dataset(target)


def is_class_folders(path: Path) -> bool:
    """Whether it is a folder of photos for each of several classes, with no labels of another kind."""
    if not path.is_dir() or Dataset(path).image_paths() or not class_folders.detect(path, {}):
        return False
    if len({folder.name for folder in class_folders.class_dirs(path) if _has_photos(folder)}) < 2:
        return False
    try:
        return detect(locate(path))[0] == "folders"
    except UsageError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Imported:
    source: Path
    photos: Mapping[str, _Stamp]


class _WithoutWords:
    """A progress whose bars are shown and whose sentences are not: the import says one of its own."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def say(self, text: str) -> None:
        pass

    def bar(self, label: str, *, total: int | None = None, unit: str = "it") -> AbstractContextManager[Bar]:
        return self._progress.bar(label, total=total, unit=unit)


def _has_photos(folder: Path) -> bool:
    return bool(ImageIndex(folder, skip=frozenset()).paths)


def _refuse_empty(root: Path, classes: list[Path], progress: Progress) -> None:
    without = [folder for folder in classes if not _has_photos(folder)]
    other = [folder for folder in without if _holds_other_things(folder)]
    empty = [folder.relative_to(root).as_posix() for folder in without if folder not in other]
    if empty:
        raise DataError(
            f"{root}: no photo lies in the class {'folder' if len(empty) == 1 else 'folders'} {some_of(empty)}; put "
            "photos (JPEG or PNG) in, or remove it"
        )
    if other:
        names = [folder.relative_to(root).as_posix() for folder in other]
        progress.say(f"note: {some_of(names)} holds no photo and is taken for no class")


def _holds_other_things(folder: Path) -> bool:
    """Whether it holds files, and none of them is a picture: a folder of scripts beside the classes, say."""
    names = [path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    kinds = [mimetypes.guess_type(name)[0] or "" for name in names]
    return bool(names) and not any(kind.startswith("image/") for kind in kinds)


def _target_of(path: Path) -> Path:
    name = safe_name(path.resolve().name)
    target = DEFAULT_DATASET.parent / name
    return target.with_name(f"{name}-imported") if target.resolve() == path.resolve() else target


def _import(path: Path, target: Path, source: Mapping[str, _Stamp], progress: Progress) -> None:
    done = convert(path, target, ConvertOptions(to="labelme", from_="folders"), progress=_WithoutWords(progress))
    counts = _count_classes(source)
    classes = some_of([f"{name} {count}" for name, count in counts.items()], 12)
    how = " and ".join(f"{count} {kind}" for kind, count in done.pictures.items())
    left_out = f"; {len(done.problems)} left out, first {done.problems[0]}" if done.problems else ""
    progress.say(
        f"{path} has a folder of photos for each class: imported as {target}, {done.photos} photos ({how}) of "
        f"{len(counts)} classes ({classes}){left_out}"
    )
    _finish(path, target, source, progress)


def _finish(path: Path, target: Path, source: Mapping[str, _Stamp], progress: Progress) -> None:
    """What comes after the conversion; ``imported.json`` is written last, and shows that nothing is missing."""
    dataset = Dataset(target)
    with dataset.lock("import", progress=progress):
        if dataset.split_path.exists():
            split = read_split(dataset)
            if split.names("train") and split.names("test") and not split.names("val"):
                options = SplitOptions()
                split = split_off_val(dataset, split, options, progress=_WithoutWords(progress))
                write_split(dataset, split)
                progress.say(split.note)
        imported = {
            "format": _FORMAT,
            "source": str(path.resolve()),
            "photos": {name: list(stamp) for name, stamp in source.items()},
        }
        files.write_json(target / IMPORTED, imported)


def _finish_or_refuse(path: Path, target: Path, progress: Progress) -> None:
    """A folder of that name that says nothing of an import: one that was broken off, or somebody else's."""
    report = _read_json(target / REPORT)
    theirs = report.get("from") == "folders" and Path(str(report.get("source"))).resolve() == path.resolve()
    source = _stamps(path, {}) if theirs else {}
    problems = report.get("problems")
    if not theirs or report.get("photos") != len(source) - (len(problems) if isinstance(problems, list) else 0):
        raise UsageError(
            f"{target}: another dataset has this name, under which {path} would be imported; rename one of the two, or "
            f"choose a name yourself: `thirtyfold convert {path} datasets/NAME --to labelme`"
        )
    _finish(path, target, source, progress)
    progress.say(f"{path} is the dataset {target}, which was converted from it")


def _compare(path: Path, target: Path, known: _Imported) -> None:
    """Raise :class:`DataError` if the folder does not hold the photos any more that were imported."""
    now = _stamps(path, known.photos)
    new = [name for name in now if name not in known.photos]
    gone = [name for name in known.photos if name not in now]
    changed = [name for name in now if name in known.photos and now[name][2] != known.photos[name][2]]
    if not (new or gone or changed):
        return
    anew = (
        f"go on with it as it is (`{target}` instead of `{path}`), or move {target} away to import anew, with the "
        "labels and the split that were made there"
    )
    if known.source != path.resolve() and len(gone) == len(known.photos):
        raise UsageError(
            f"{target}: was imported from {known.source}, not from {path}; rename one of the two folders, or choose a "
            f"name yourself: `thirtyfold convert {path} datasets/NAME --to labelme`"
        )
    what = [
        f"{len(names)} {word}, first {names[0]}"
        for names, word in ((new, "new"), (gone, "gone"), (changed, "changed"))
        if names
    ]
    raise DataError(f"{path}: its photos are no longer those of {target} ({'; '.join(what)}); {anew}")


def _stamps(root: Path, known: Mapping[str, _Stamp]) -> dict[str, _Stamp]:
    """Every photo by its path; bytes are read where length or time differ from what is ``known``."""
    index = ImageIndex(root, skip=frozenset())
    return {index.relative(path): _stamp(path, known.get(index.relative(path))) for path in index.paths}


def _stamp(path: Path, known: _Stamp | None) -> _Stamp:
    try:
        status = path.stat()
        if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
            return known
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return status.st_size, status.st_mtime_ns, digest


def _count_classes(source: Mapping[str, _Stamp]) -> dict[str, int]:
    """Class → photos, in natural order."""
    tops = {name.split("/", 1)[0] for name in source}
    has_parts = any(part_named(top) for top in tops)
    counts = Counter(name for photo in source for name in _class_in(photo, has_parts))
    return {name: counts[name] for name in sorted(counts, key=natural_key)}


def _class_in(photo: str, has_parts: bool) -> Iterator[str]:
    pieces = photo.split("/")[:-1]
    if has_parts and pieces and part_named(pieces[0]):
        pieces = pieces[1:]
    yield from pieces[:1]


def _read_imported(target: Path) -> _Imported | None:
    raw = _read_json(target / IMPORTED)
    try:
        if raw.get("format") != _FORMAT:
            return None
        photos = {
            str(name): (int(size), int(time), str(digest)) for name, (size, time, digest) in raw["photos"].items()
        }
        return _Imported(source=Path(str(raw["source"])), photos=photos)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        raw = files.parse_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}

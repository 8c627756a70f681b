"""``check --fix``: corrected copies in a folder of their own. The originals are only read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.check.fix_labels import mend_labels
from thirtyfold.datasets.check.fix_photo import mend_photo
from thirtyfold.datasets.check.folder import relative
from thirtyfold.datasets.check.found import Found
from thirtyfold.datasets.check.problems import Problem
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.datasets.threads import map_on_threads
from thirtyfold.errors import DataError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import FIX_REPORT, Dataset

_LEAKS = frozenset({"split-leak", "split-leak-near", "split-leak-session"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FixResult:
    """``changes`` maps a file of the dataset to what its copy has otherwise; ``left_out`` to why there is none."""

    folder: Path
    photos: int
    unchanged: int
    changes: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "photos": self.photos,
            "unchanged": self.unchanged,
            "changes": {name: list(texts) for name, texts in self.changes.items()},
            "left_out": dict(self.left_out),
        }

    def facts(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "corrected copies": f"{self.folder}: {self.photos} photos, {self.unchanged} of them byte for byte"
        }
        if self.changes:
            rows = [f"{name}: {'; '.join(texts)}" for name, texts in self.changes.items()]
            facts["changed"] = _some_lines(rows, self.folder)
        if self.left_out:
            facts["left out"] = _some_lines([f"{name}: {why}" for name, why in self.left_out.items()], self.folder)
        return facts

    def raise_if_left_out(self) -> None:
        """Raise :class:`DataError` if a photo or a label could not be corrected."""
        if self.left_out:
            name, why = next(iter(self.left_out.items()))
            more = (
                f" (and {len(self.left_out) - 1} more, see {self.folder / FIX_REPORT})"
                if len(self.left_out) > 1
                else ""
            )
            raise DataError(f"{name} is left out of {self.folder}: {why}{more}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    name: str | None  # None: there is none
    changes: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]


def write_fixed(
    dataset: Dataset,
    found: Sequence[Found],
    problems: Sequence[Problem],
    split: Split | None,
    folder: Path,
    *,
    progress: Progress = SILENT,
) -> FixResult:
    """Write a corrected copy of the dataset into ``folder``, which must be new or empty.

    Photos that can't be read are left out; labels that can't be corrected, too, and
    their photos stand there unlabelled. The capture log and a split that does not leak
    come along. Raises :class:`UsageError` if the folder can't be written,
    :class:`DataError` if the disk is full.
    """
    with files.new_folder(folder) as hidden:
        return _write_all(dataset, found, problems, split, Dataset(hidden), folder, progress)


def _write_all(
    dataset: Dataset,
    found: Sequence[Found],
    problems: Sequence[Problem],
    split: Split | None,
    fixed: Dataset,
    folder: Path,
    progress: Progress,
) -> FixResult:
    """Everything into ``fixed``, which will be called ``folder``."""
    try:
        (fixed.root / "images").mkdir()
    except OSError as error:
        raise files.writing_failed(fixed.root / "images", error) from error
    owners = _owners(found, problems)
    twins = _twins(found, problems)
    stems = _stems(found)

    def write(one: Found) -> _Copy:
        if twin := twins.get(one.photo.path.name):
            said = (f"not copied: it is the same file as {twin}, with the same labels",)
            return _Copy(name=None, changes={relative(dataset, one.photo.path): said}, left_out={})
        return _write_copy(dataset, fixed, one, stems, owners)

    copies = map_on_threads(write, found, label="Writing copies", progress=progress)
    new_names = {
        one.photo.path.name: copy.name for one, copy in zip(found, copies, strict=True) if copy.name is not None
    }
    _write_captures(dataset, fixed, new_names)
    if split is not None and not any(problem.code in _LEAKS for problem in problems):
        kept = [name for name in split.parts if name in new_names]
        parts = {new_names[name]: split.parts[name] for name in kept}
        write_split(fixed, replace(split, parts=parts, groups={new_names[name]: split.groups[name] for name in kept}))
    result = FixResult(
        folder=folder,
        photos=len(new_names),
        unchanged=sum(
            copy.name is not None and relative(dataset, one.photo.path) not in copy.changes
            for one, copy in zip(found, copies, strict=True)
        ),
        changes={name: texts for copy in copies for name, texts in copy.changes.items()},
        left_out={name: why for copy in copies for name, why in copy.left_out.items()},
    )
    files.write_json(fixed.root / FIX_REPORT, result.to_dict())
    return result


def _write_copy(
    dataset: Dataset,
    fixed: Dataset,
    one: Found,
    stems: Mapping[str, str],
    owners: Mapping[str, str],
) -> _Copy:
    photo = one.photo
    where = relative(dataset, photo.path)
    if photo.size_wh is None or photo.stored_wh is None:
        return _Copy(name=None, changes={}, left_out={where: photo.findings[0][1]})
    try:
        data, suffix, texts = mend_photo(photo, photo.path.read_bytes())
    except Exception as error:  # Pillow's plugins and OpenCV raise what they like
        return _Copy(name=None, changes={}, left_out={where: f"cannot be converted ({error})"})
    name = stems[photo.path.name] + suffix
    if stems[photo.path.name] != photo.path.stem:
        texts = [*texts, f"named {name}: another photo has that name but for the extension"]
    changes = {where: tuple(texts)} if texts else {}
    files.write_bytes(fixed.root / "images" / name, data, durable=False)
    if one.labels is None:
        return _Copy(name=name, changes=changes, left_out={})
    label_where = relative(dataset, one.labels.path)
    owner = owners.get(photo.path.name, photo.path.name)
    if owner != photo.path.name:
        why = f"its labels are those of {owner}; the copy of {photo.path.name} is unlabelled"
        return _Copy(name=name, changes=changes, left_out={where: why})
    mended, texts = mend_labels(
        one.labels,
        image_name=name,
        size_wh=photo.size_wh,
        stored_wh=photo.stored_wh,
        orientation=photo.orientation,
    )
    if mended is None:
        why = f"{'; '.join(texts)}; the copy of {photo.path.name} is unlabelled"
        return _Copy(name=name, changes=changes, left_out={label_where: why})
    labelme_json.write((fixed.root / "images" / name).with_suffix(".json"), mended, durable=False)
    if texts:
        changes[label_where] = tuple(texts)
    return _Copy(name=name, changes=changes, left_out={})


def _twins(found: Sequence[Found], problems: Sequence[Problem]) -> dict[str, str]:
    """Photos of the same bytes and the same labels as another one, which stands for both."""
    by_name = {one.photo.path.name: one for one in found}
    return {
        problem.photo: problem.others[0]
        for problem in problems
        if problem.code == "image-duplicate"
        and problem.photo is not None
        and _said_of(by_name[problem.photo]) == _said_of(by_name[problem.others[0]])
    }


def _said_of(one: Found) -> object:
    if one.labels is None or one.labels.label_file is None:
        return None if one.labels is None else one.labels.path
    label_file = one.labels.label_file
    shapes = tuple((shape.label, shape.kind, shape.points) for shape in label_file.annotations)
    return shapes, sorted(label_file.tags), one.labels.machine_made


def _stems(found: Sequence[Found]) -> dict[str, str]:
    """Photo → the stem of its copy: no two alike, also where upper and lower case are one."""
    taken: set[str] = set()
    stems = {}
    for one in found:
        path = one.photo.path
        stem, number = path.stem, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{path.stem}-{number}"
        taken.add(stem.casefold())
        stems[path.name] = stem
    return stems


def _owners(found: Sequence[Found], problems: Sequence[Problem]) -> dict[str, str]:
    """Of the photos that share a label file, photo → the one that the file names; the first one if it names none."""
    sharing = {problem.photo for problem in problems if problem.code == "label-shared"}
    groups: dict[Path, list[Found]] = {}
    for one in found:
        if one.photo.path.name in sharing and one.labels is not None:
            groups.setdefault(one.labels.path, []).append(one)
    owners: dict[str, str] = {}
    for group in groups.values():
        labels = group[0].labels
        named = labels.label_file.image_name if labels is not None and labels.label_file is not None else ""
        names = [one.photo.path.name for one in group]
        owner = named if named in names else names[0]
        owners |= dict.fromkeys(names, owner)
    return owners


def _write_captures(dataset: Dataset, fixed: Dataset, new_names: Mapping[str, str]) -> None:
    lines = []
    for row in files.read_json_lines(dataset.captures_path):
        name = new_names.get(str(row.get("image")))
        if name is None:
            continue
        if "sha256" in row:
            row["sha256"] = hashlib.sha256((fixed.root / "images" / name).read_bytes()).hexdigest()
        lines.append(json.dumps({**row, "image": name}, ensure_ascii=False) + "\n")
    if lines:
        files.write_text(fixed.captures_path, "".join(lines))


def _some_lines(rows: Sequence[str], folder: Path, limit: int = 12) -> str:
    shown = list(rows[:limit])
    if len(rows) > limit:
        shown.append(f"and {len(rows) - limit} more: {folder / FIX_REPORT}")
    return "\n".join(shown)

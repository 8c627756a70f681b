"""The folder that labelme works in, and the way of its labels back to the photos.

labelme opens whole folders and saves by writing over the label file (versions 5 and 6:
a crash or a full disk leaves half of one). So it gets a folder of its own,
``DATASET/.annotating/``, with links to the photos to be labelled and to no others; what
it saves there is read by our codec and written beside the photos atomically, while it
runs and again when it has ended. A session that died is brought home by the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from thirtyfold import files
from thirtyfold.annotate.pace import counted
from thirtyfold.annotate.ticks import NOTHING_HERE, is_ticked, settled, spoken, with_ticks
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.unlabelled import as_unlabelled
from thirtyfold.errors import FileDataError, LabelError
from thirtyfold.images import encode_jpeg, read_rgb, read_size
from thirtyfold.progress import Progress
from thirtyfold.workspace import Dataset

FOLDER = ".annotating"
PHOTOS = "photos"
# The labels that a model drew, as labelme got them: what a person changed is told by comparing.
_PREDICTED = "predicted"
_MANIFEST = "photos.json"
# labelme refuses the others (CMYK, 16 bits) with an error window.
_LABELME_MODES = frozenset({"1", "L", "P", "RGB", "RGBA", "LA", "PA"})

# What a file name cannot hold on one of the systems; a full stop would look like an ending.
_UNSAFE_IN_A_REASON = re.compile(r"[^\w ,;.=-]+")
_LONGEST_REASON = 60

_Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One photo in labelme's folder. ``label_stamp`` is that of the label it came with, if it had one.

    ``target_stamp`` is that of the label beside the photo, as it was when the session began.
    """

    image_name: str
    label_stamp: _Stamp | None = None
    target_stamp: _Stamp | None = None


@dataclass(slots=True, kw_only=True)
class Staging:
    """labelme's folder for one session.

    ``photos`` maps the names in it to the photos they stand for. ``kept`` are label
    files from before the session that the person deleted in labelme.

    ``_seen`` are the stamps of labelme's files as they were last read; by the photo's name, ``_before`` are the
    labels from before the session and ``_brought`` those that it wrote.
    """

    dataset: Dataset
    photos: Mapping[str, Staged]
    kept: list[Path] = field(default_factory=list)
    _seen: dict[str, _Stamp] = field(default_factory=dict)
    _brought: dict[str, LabelFile] = field(default_factory=dict)
    _before: dict[str, LabelFile] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.dataset.root / FOLDER

    @property
    def brought(self) -> int:
        """How many photos got labels from this session that a person drew or confirmed."""
        return sum(not is_machine_made(label_file) for label_file in self._brought.values())

    def changes(self) -> list[tuple[LabelFile | None, LabelFile]]:
        """The labels before and after this session of each photo whose labels it wrote."""
        return [(self._before.get(name), after) for name, after in self._brought.items()]

    def collect(self) -> list[LabelError]:
        """Bring what labelme saved since the last call beside the photos, atomically.

        Returns the label files that can't be read: they may just be being written, and
        are read again by the next call. Raises :class:`DataError` or
        :class:`UsageError` if a label can't be written; nothing is lost by that, as
        labelme's own file stays where it is.
        """
        torn = []
        owners = self._owners()
        for path in sorted((self.folder / PHOTOS).glob("*.json")):
            stamp = _stamp(path)
            if stamp is None or self._seen.get(path.name) == stamp:
                continue
            try:
                label_file = labelme_json.read(path)
            except LabelError as error:
                torn.append(error)
                continue
            staged = self.photos.get(label_file.image_name) or owners.get(path.name)
            if staged is not None:
                predicted = _read_or_none(self.folder / _PREDICTED / path.name)
                self._bring(label_file, staged, predicted, saved_ns=stamp[0])
            self._seen[path.name] = stamp
        for name, staged in owners.items():
            if name in self._seen and _stamp(self.folder / PHOTOS / name) is None:
                # The person deleted the label file in labelme: what this session wrote goes. An older one stays.
                del self._seen[name]
                self._take_back(staged)
                if staged.label_stamp is not None:
                    self.kept.append(self.dataset.label_path(self.dataset.images_dir / staged.image_name))
        return torn

    def clear(self) -> None:
        """Remove the folder, once everything in it was brought home."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _owners(self) -> dict[str, Staged]:
        return {Path(name).with_suffix(".json").name: staged for name, staged in self.photos.items()}

    def _bring(self, saved: LabelFile, staged: Staged, predicted: LabelFile | None, *, saved_ns: int) -> None:
        result = spoken(saved) if predicted is None else settled(saved, predicted)
        says_nothing = not (result.annotations or result.tags or is_ticked(saved, NOTHING_HERE))
        if says_nothing and staged.label_stamp is None:
            # A shape that was drawn and deleted, or a tick taken back: the photo is as unlabelled as before.
            self._take_back(staged)
            return
        if staged.label_stamp is None and not result.annotations and not is_ticked(saved, NOTHING_HERE):
            # A class was ticked: that says nothing of shapes, and must not become "verified empty".
            result = as_unlabelled(result)
        result = replace(result, image_path=staged.image_name, image_data=None)
        target = self._target(staged)
        mine = self._brought.get(staged.image_name)
        there = _read_or_none(target)
        stamp = _stamp(target)
        # By time only where it has changed: the clock may have gone back since it was written.
        if there is not None and there != mine and stamp != staged.target_stamp and stamp and stamp[0] > saved_ns:
            return  # drawn anew by another program, after this
        if there != result:
            labelme_json.write(target, result)
        self._brought[staged.image_name] = result

    def _take_back(self, staged: Staged) -> None:
        mine = self._brought.get(staged.image_name)
        if mine is None or staged.label_stamp is not None:
            return
        target = self._target(staged)
        if _read_or_none(target) == mine:
            target.unlink()
        del self._brought[staged.image_name]

    def _target(self, staged: Staged) -> Path:
        return (self.dataset.images_dir / staged.image_name).with_suffix(".json")


def stage(
    dataset: Dataset, image_paths: Sequence[Path], *, reasons: Sequence[str] | None = None
) -> tuple[Staging, list[FileDataError], list[str]]:
    """Make labelme's folder with these photos and the labels they have.

    labelme shows photos by name. With ``reasons`` (one a photo, may be empty) they are shown in the
    order given: the names in the folder begin with a number and the reason, so that the person reads
    in labelme's list why a photo is there.

    Returns the folder, the photos and labels that can't be read (left out), and the names of
    the photos that labelme sees as an 8-bit RGB copy because it refuses their format.
    """
    folder = dataset.root / FOLDER
    photos: dict[str, Staged] = {}
    seen: dict[str, _Stamp] = {}
    problems: list[FileDataError] = []
    copies: list[str] = []
    before: dict[str, LabelFile] = {}
    try:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / PHOTOS).mkdir(parents=True)
        (folder / _PREDICTED).mkdir()
    except OSError as error:
        raise files.writing_failed(folder, error) from error
    for index, image_path in enumerate(image_paths):
        label_path = dataset.label_path(image_path)
        name = image_path.name if reasons is None else _numbered(index, len(image_paths), reasons[index], image_path)
        try:
            name, copied = _stage_photo(image_path, folder / PHOTOS / name)
            label_file = labelme_json.read(label_path) if label_path.exists() else None
            if label_file is not None:
                _stage_label(label_file, image_path, folder / PHOTOS / name, in_review=reasons is not None)
        except FileDataError as error:
            problems.append(error)
            continue
        staged_label = (folder / PHOTOS / name).with_suffix(".json")
        stamp = _stamp(staged_label) if label_file is not None else None
        target_stamp = _stamp((dataset.images_dir / image_path.name).with_suffix(".json"))
        photos[name] = Staged(image_name=image_path.name, label_stamp=stamp, target_stamp=target_stamp)
        if label_file is not None and stamp is not None:
            seen[staged_label.name] = stamp
            before[image_path.name] = replace(label_file, image_data=None)
        if copied:
            copies.append(image_path.name)
    # Written last: without it nobody ever drew anything in this folder.
    manifest = {name: [staged.image_name, staged.label_stamp, staged.target_stamp] for name, staged in photos.items()}
    files.write_json(folder / _MANIFEST, manifest)
    return Staging(dataset=dataset, photos=photos, _seen=seen, _before=before), problems, copies


def left_over(dataset: Dataset) -> Staging | None:
    """The folder of a session that died before it could bring its labels home; ``None`` if there is none.

    Nor is one in which a photo has no plain name: a dataset that came from elsewhere must not make us write
    beside it.
    """
    folder = dataset.root / FOLDER
    try:
        raw = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        photos = {
            str(name): Staged(
                image_name=str(image), label_stamp=_stamp_of(stamp), target_stamp=_stamp_of(more[0] if more else None)
            )
            for name, (image, stamp, *more) in raw.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return None
    if not all(_is_plain(name) and _is_plain(staged.image_name) for name, staged in photos.items()):
        return None
    seen = {
        Path(name).with_suffix(".json").name: staged.label_stamp
        for name, staged in photos.items()
        if staged.label_stamp is not None
    }
    return Staging(dataset=dataset, photos=photos, _seen=seen)


def bring_home(dataset: Dataset, progress: Progress) -> None:
    """Put the labels of a session that was cut off in place, if there is one. To be called with the dataset's lock."""
    staging = left_over(dataset)
    if staging is None:
        return
    finish(staging, progress)
    if staging.brought:
        progress.say(f"a session was cut off: its labels of {counted(staging.brought, 'photo')} are now in place")


def finish(staging: Staging, progress: Progress) -> None:
    """Bring everything home that is left, say what could not be, and remove the folder."""
    for torn in staging.collect():
        progress.say(f"{torn.path.stem}: labelme ended while saving it; look at this photo again")
    for path in staging.kept:
        progress.say(f"{path}: was deleted in labelme but is still here; delete it yourself if you are sure")
    staging.clear()


def _numbered(index: int, count: int, reason: str, image_path: Path) -> str:
    """A photo's name in labelme's folder, by which it is shown as number ``index``: ``007 (overlap 0.31) anna.jpg``."""
    number = str(index + 1).zfill(len(str(count)))
    why = _UNSAFE_IN_A_REASON.sub("-", reason)[:_LONGEST_REASON].strip()
    name = f"{number} ({why}) {image_path.name}" if why else f"{number} {image_path.name}"
    # File systems take 255 bytes, and the label file and a converted copy have longer endings.
    return name if len(os.fsencode(name)) <= 240 else f"{number}{image_path.suffix}"


def _stage_photo(image_path: Path, target: Path) -> tuple[str, bool]:
    """Put one photo at ``target``; its name there, and whether it is a converted copy."""
    from PIL import Image

    read_size(image_path)  # raises, with a sentence, if it is no picture
    with Image.open(image_path) as image:
        readable = image.mode in _LABELME_MODES or image_path.suffix.lower() in (".tif", ".tiff")
    try:
        if not readable:
            target = target.with_name(f"{target.name}.jpg")
            target.write_bytes(encode_jpeg(read_rgb(image_path)))
            return target.name, True
        _link(image_path.resolve(), target)
    except OSError as error:
        raise files.writing_failed(target, error) from error
    return target.name, False


def _stage_label(label_file: LabelFile, image_path: Path, staged_image: Path, *, in_review: bool) -> None:
    """Put the photo's labels beside it in labelme's folder."""
    width, height = read_size(image_path)
    # With the size the photo has: labelme refuses labels of another one, and nobody could mend them.
    label_file = replace(
        with_ticks(label_file, in_review=in_review),
        image_path=staged_image.name,
        image_data=None,
        width=width,
        height=height,
    )
    staged = staged_image.with_suffix(".json")
    labelme_json.write(staged, label_file, durable=False)
    if is_machine_made(label_file):
        labelme_json.write(staged_image.parents[1] / _PREDICTED / staged.name, label_file, durable=False)


def _is_plain(name: str) -> bool:
    return name == Path(name).name and name not in ("", "..")


def _link(source: Path, target: Path) -> None:
    # Windows gives symbolic links to administrators only, FAT and some shares know no hard ones.
    for make in (os.link, os.symlink):
        with contextlib.suppress(OSError, NotImplementedError):
            make(source, target)
            return
    shutil.copyfile(source, target)


def _stamp_of(raw: Sequence[int] | None) -> _Stamp | None:
    return None if raw is None else (raw[0], raw[1])


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _read_or_none(path: Path) -> LabelFile | None:
    try:
        return labelme_json.read(path)
    except LabelError:
        return None

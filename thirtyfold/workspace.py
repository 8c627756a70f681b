"""Where things lie on disk.

A dataset is a folder::

    datasets/faces/
      images/0001.jpg + 0001.json   photos and their labels side by side
      captures.jsonl                one line a photo: session, shot, time, source, ...
      split.json                    which photo is train, val or test
      augmented/                    the multiplied copies

A folder that holds the photos itself (no ``images/``) and one with its labels in a
``labels/`` folder of their own are read as they are. A run is a folder of
``runs/TASK/``, numbered, never overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from thirtyfold import files
from thirtyfold.dataset_lock import locked
from thirtyfold.errors import DataError, ModelError
from thirtyfold.images import is_image
from thirtyfold.progress import SILENT, Progress

DEFAULT_DATASET = Path("datasets/faces")
DEFAULT_RUNS = Path("runs")
MODEL_CARD = "model.json"
# Marks a numbered folder of ``runs/`` that holds many runs, for one question, and is none itself.
STUDY_CARD = "study.json"
# Stands in a folder of corrected copies, as `check --fix` writes them.
FIX_REPORT = "fixed.json"
# JSON files in a dataset that are no labels.
OUR_JSON_FILES = frozenset({"split.json", "conversion.json", "imported.json", "manifest.json", FIX_REPORT})
# Written by `augment --preview`: copies to look at, in one picture.
PREVIEW_SHEET = "augmented-preview.jpg"


@dataclass(frozen=True, slots=True)
class Dataset:
    """The paths of one dataset. Making one touches no file."""

    root: Path

    @property
    def images_dir(self) -> Path:
        """``images/``, or the folder itself where the photos lie in it directly."""
        images = self.root / "images"
        if images.is_dir() or not self.root.is_dir():
            return images
        return self.root if any(is_image(path) for path in self.root.iterdir()) else images

    @property
    def captures_path(self) -> Path:
        return self.root / "captures.jsonl"

    @property
    def split_path(self) -> Path:
        return self.root / "split.json"

    @property
    def augmented_dir(self) -> Path:
        return self.root / "augmented"

    def image_paths(self) -> list[Path]:
        """Every photo, sorted by name. Raises :class:`DataError` if the folder is not there."""
        if not self.root.is_dir():
            raise DataError(f"{self.root}: no such dataset; make one with `thirtyfold capture {self.root}`")
        folder = self.images_dir
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if is_image(path))

    def label_path(self, image_path: Path) -> Path:
        """Where the labels of a photo are read from: beside it, else in ``labels/``.

        A photo without labels gets the place beside it: that is where they are written.
        """
        beside = image_path.with_suffix(".json")
        apart = self.root / "labels" / beside.name
        return apart if not beside.exists() and apart.exists() else beside

    def lock(self, doing: str, *, progress: Progress = SILENT) -> AbstractContextManager[None]:
        """Hold the dataset for writing; a second writer gets a :class:`UsageError` at once, see :func:`locked`."""
        return locked(self.root, doing, progress=progress)


def is_set_aside(path: Path) -> bool:
    """Whether a folder or picture below a dataset holds copies of its photos, or photos somebody threw out.

    Whoever walks through all of a dataset leaves it out, or meets the same photo twice.
    """
    name = path.name.lower()
    ours = name in ("augmented", "discarded", PREVIEW_SHEET) or name.startswith("augmented.old-")
    return ours or (path / FIX_REPORT).is_file()


def new_run(runs_dir: Path, task: str) -> Path:
    """Make the next free folder of ``runs/TASK/`` and return it; two callers never get the same."""
    folder = runs_dir / task
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0)
        while True:
            number += 1
            try:
                (folder / str(number)).mkdir()
            except FileExistsError:
                continue
            return folder / str(number)
    except OSError as error:
        raise files.writing_failed(folder, error) from error


def find_run(run: Path | str, runs_dir: Path = DEFAULT_RUNS, *, task: str | None = None) -> Path:
    """The folder of a finished run: a path, a task's number (``detect/3``), or ``latest``.

    Raises :class:`ModelError` if there is none, or if it was never finished.
    """
    if str(run) == "latest":
        finished = [
            card.parent for card in runs_dir.glob(f"{task or '*'}/*/{MODEL_CARD}") if card.parent.name.isdecimal()
        ]
        if not finished:
            raise ModelError(f"{runs_dir}: no trained model yet; make one with `thirtyfold train`")
        return _newest(finished)
    path = Path(run)
    if not path.is_dir() and (runs_dir / path).is_dir():
        path = runs_dir / path
    if path.is_file() and path.name.startswith("model."):
        path = path.parent
    if not path.is_dir():
        raise ModelError(f"{run}: no such run; give a folder like runs/detect/1, or `latest`")
    if not (path / MODEL_CARD).is_file():
        raise ModelError(f"{path}: holds no {MODEL_CARD}, so its training never finished; train again")
    return path


def find_unfinished_run(run: Path | str, runs_dir: Path = DEFAULT_RUNS) -> Path:
    """The folder of a run to go on with, finished or not. Raises :class:`ModelError`."""
    if str(run) == "latest":
        numbered = (path for path in runs_dir.glob("*/*") if path.name.isdecimal() and path.is_dir())
        folders = [path for path in numbered if not (path / STUDY_CARD).exists()]
        if not folders:
            raise ModelError(f"{runs_dir}: no run to go on with; start one with `thirtyfold train`")
        return _newest(folders)
    for path in (Path(run), runs_dir / run):
        if path.is_dir():
            return path
    raise ModelError(f"{run}: no such run; give a folder like runs/detect/1, or `latest`")


def _newest(runs: Iterable[Path]) -> Path:
    """The run with the highest number of its task; of several tasks, where something was written last.

    Not by time within a task: an export changes an old run, and clocks go backwards.
    """
    last = {run.parent: run for run in sorted(runs, key=lambda run: int(run.name))}
    return max(
        last.values(), key=lambda run: (run / MODEL_CARD if (run / MODEL_CARD).exists() else run).stat().st_mtime_ns
    )


_UNSAFE = re.compile(r"[^\w.-]+", re.UNICODE)
# Devices of Windows, whatever the ending (https://learn.microsoft.com/windows/win32/fileio/naming-a-file).
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def safe_name(text: str, *, limit: int = 80) -> str:
    """``text`` as one file name on every system: no separators, no leading dot, no device's name, never empty.

    ``limit`` is in letters; the name has no more than twice as many bytes, so that endings find room.
    """
    name = files.cut_to_bytes(_UNSAFE.sub("-", text).strip("-.")[:limit], 2 * limit).rstrip("-.")
    return f"_{name}" if _DEVICE.fullmatch(name) else name or "unnamed"

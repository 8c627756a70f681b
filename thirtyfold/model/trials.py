"""Many trainings for one question: which finish, which are there already, what each came to.

A study lies in a numbered folder of its own, with a run folder for each training::

    runs/compare/1/
      study.json                     what was asked, of which data
      vgg16-0/, vgg16-1/, ...        run folders as `train` leaves them, and trial.json in each
      compare.json, .csv, .html, .png

The same question about the same data goes on in the same folder: what is finished is taken as it is, what
was cut short is resumed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import files
from thirtyfold.datasets.augmented import MANIFEST
from thirtyfold.datasets.split import read_split
from thirtyfold.errors import ModelError
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.spread import Look
from thirtyfold.model.state import ARGS_NAME, write_args
from thirtyfold.predict.artifact import Artifact, read_artifact
from thirtyfold.predict.runtime import load
from thirtyfold.progress import Progress
from thirtyfold.workspace import MODEL_CARD, STUDY_CARD, Dataset, new_run

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData

_TRIAL = "trial.json"
_FORMAT = 1
# Of the timing: turns of each model, and photos a turn.
_ROUNDS, _FRAMES = 7, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A finished training of a study. ``looks`` are by part, those that the task's exam compares, photo by photo."""

    run_dir: Path
    artifact: Artifact
    looks: Mapping[str, tuple[Look, ...]]

    @property
    def seconds(self) -> float:
        """The time of the training, every attempt at it added up: reading, features, epochs, export."""
        return float(sum(self.artifact.training["seconds"].values()))

    @property
    def model_bytes(self) -> int:
        """The size of the form that runs."""
        return (self.run_dir / self.artifact.runs).stat().st_size

    def figure(self, part: str, name: str) -> float | None:
        """A figure of the evaluation, like ``ap50``; ``None`` where it could not be told."""
        value = self.artifact.metrics.get(part, {}).get(name)
        return None if value is None else float(value)


def open_study(kind: str, question: Mapping[str, Any], dataset: Dataset, data: TrainingData, runs_dir: Path) -> Path:
    """The folder of a study: that of the same question about the same data, else a new one."""
    asked = {
        "format": _FORMAT,
        "dataset": str(dataset.root.resolve()),
        "data": data.fingerprint,
        "split": read_split(dataset).fingerprint,
        "copies": _copies_key(dataset),
        "question": json.loads(json.dumps(question)),
    }
    folder = runs_dir / kind
    if folder.is_dir():
        for path in sorted((p for p in folder.iterdir() if p.name.isdecimal()), key=lambda p: -int(p.name)):
            with contextlib.suppress(OSError, ValueError):
                if json.loads((path / STUDY_CARD).read_text(encoding="utf-8")) == asked:
                    return path
    path = new_run(runs_dir, kind)
    files.write_json(path / STUDY_CARD, asked)
    return path


def shared_options(options: TrainOptions, *varied: str) -> dict[str, Any]:
    """The options that every training of a study has in common: all but the ``varied`` ones and those of the moment."""
    left_out = {*varied, "resume", "seed"}
    return {name: value for name, value in asdict(options).items() if name not in left_out}


def run_trial(
    name: str, dataset: Dataset, options: TrainOptions, study_dir: Path, data: TrainingData, progress: Progress
) -> Trial:
    """Train with ``options`` into ``study_dir/name``, or go on with it, or take it as it is. Raises as ``train``."""
    from thirtyfold.model.train import train

    run_dir = study_dir / name
    if trial := _finished(run_dir):
        progress.say(f"{run_dir}: is there already")
        return trial
    if not (run_dir / MODEL_CARD).exists():
        begun = (run_dir / ARGS_NAME).exists()
        progress.say(f"{'going on with' if begun else 'training'} {run_dir}")
        if not begun:
            # A folder that says what is wanted is one that was killed in its first epoch: it is resumed.
            write_args(run_dir, options, dataset.root)
        train(dataset, replace(options, resume=str(run_dir)), runs_dir=study_dir, progress=progress)
    originals = [sample for sample in data.train if sample.parent is None]
    looks = _look(run_dir, {"train": originals, "val": data.val, "test": data.test}, progress)
    rows = {part: [asdict(look) for look in of_part] for part, of_part in looks.items()}
    files.write_json(run_dir / _TRIAL, {"looks": rows})
    return Trial(run_dir=run_dir, artifact=read_artifact(run_dir), looks=looks)


def frame_milliseconds(run_dirs: Mapping[str, Path], data: TrainingData, progress: Progress) -> dict[str, float]:
    """Milliseconds a photo, from pixels to the answer, by the form of each model that would run: the median.

    The models take turns, so that whatever else the machine does meets all of them.
    """
    from thirtyfold.datasets.pixels import read_pixels

    photo = (data.test or data.val or data.train)[0]
    pixels = read_pixels(photo)
    predictors = {name: load(run_dir) for name, run_dir in run_dirs.items()}
    taken: dict[str, list[float]] = {name: [] for name in predictors}
    with progress.bar("timing", total=_ROUNDS * len(predictors), unit="model") as bar:
        for _ in range(_ROUNDS):
            for name, predictor in predictors.items():
                predictor(pixels)
                for _ in range(_FRAMES):
                    began = time.perf_counter()
                    predictor(pixels)
                    taken[name].append((time.perf_counter() - began) * 1000)
                bar.advance()
    return {name: statistics.median(times) for name, times in taken.items()}


def _look(run_dir: Path, parts: Mapping[str, Sequence[Any]], progress: Progress) -> dict[str, tuple[Look, ...]]:
    """What a finished model makes of each photo at its own threshold."""
    predictor = load(run_dir)
    exam = load_exam(predictor.artifact.task)
    return {
        part: exam.looks(predictor, parts[part], progress=progress, label=f"judging {part}") for part in exam.compared
    }


def _finished(run_dir: Path) -> Trial | None:
    try:
        raw = json.loads((run_dir / _TRIAL).read_text(encoding="utf-8"))
        looks = {part: tuple(Look(**row) for row in rows) for part, rows in raw["looks"].items()}
        return Trial(run_dir=run_dir, artifact=read_artifact(run_dir), looks=looks)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ModelError):
        return None


def _copies_key(dataset: Dataset) -> str:
    """A hash of what the copies were made from, "" where there are none."""
    try:
        return hashlib.sha256((dataset.augmented_dir / MANIFEST).read_bytes()).hexdigest()[:16]
    except OSError:
        return ""

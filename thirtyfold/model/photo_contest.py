"""Runs of a task that is judged photo by photo, on the same photos: what `thirtyfold evaluate` does with them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from thirtyfold import files
from thirtyfold.errors import FileDataError, UsageError
from thirtyfold.model.contest import RESULT_NAME, new_folder, run_name
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.exams.base import Part, load_exam
from thirtyfold.model.held_out import HeldOut
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.report.page import Statement
from thirtyfold.model.report.photo_pages import headline_cell, known_headline, write_evaluation
from thirtyfold.predict.runtime import load
from thirtyfold.progress import SILENT, Progress

if TYPE_CHECKING:
    from thirtyfold.model.exams.photo import PhotoExam

_PARTS = {"test": "test photos", "val": "validation photos", "all": "photos"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoEvaluation:
    """``parts`` by the name of the run, in the order asked for; ``folder`` holds the report."""

    task: str
    dataset: str
    part: str
    parts: Mapping[str, Part]
    statements: tuple[str, ...]
    warnings: tuple[str, ...]
    folder: Path
    problems: tuple[FileDataError, ...] = ()

    @property
    def photos(self) -> int:
        """How many photos were judged."""
        return int(next(iter(self.parts.values())).figures["photos"])

    def to_dict(self) -> dict[str, Any]:
        """What ``evaluation.json`` holds and ``--json`` prints."""
        return {
            "task": self.task,
            "dataset": self.dataset,
            "part": self.part,
            "photos": self.photos,
            "statements": list(self.statements),
            "warnings": list(self.warnings),
            "models": [{"name": name, **part.figures} for name, part in self.parts.items()],
            "problems": [str(problem) for problem in self.problems],
            "folder": str(self.folder),
        }

    def title(self) -> str:
        return f"Evaluated on {self.photos} {_PARTS[self.part]} of {Path(self.dataset).name}"

    def columns(self) -> tuple[str, ...]:
        return ("model", *(title for _, title, _ in known_headline(load_exam(self.task), self.parts)))

    def rows(self) -> list[tuple[str, ...]]:
        """A line a model, with 95 % intervals below the figures."""
        headline = known_headline(load_exam(self.task), self.parts)
        return [
            (name, *(headline_cell(part.figures, key, form) for key, _, form in headline))
            for name, part in self.parts.items()
        ]

    def remarks(self) -> list[str]:
        """What is to be thought of the table, a line each, and where the report is."""
        about = dict.fromkeys(
            note for part in self.parts.values() if (note := part.figures.get("intervals", {}).get("note"))
        )
        problems = [f"{len(self.problems)} photos could not be read, first {self.problems[0]}"] if self.problems else []
        notes = [f"Intervals: {note}." for note in about]
        exam = cast("PhotoExam", load_exam(self.task))
        several = len(self.parts) > 1
        notes += [
            f"{name}: {remark}" if several else remark
            for name, part in self.parts.items()
            for remark in exam.remarks(part.figures)
        ]
        return [*self.statements, *self.warnings, *notes, *problems, f"report: {self.folder / 'report.html'}"]


def evaluate_photo_runs(
    options: EvaluateOptions, runs: Sequence[Path], held_out: HeldOut, *, progress: Progress = SILENT
) -> PhotoEvaluation:
    """Judge ``runs``, all of one task, on the same photos, and write result and report into a new folder.

    Raises as :func:`thirtyfold.model.contest.evaluate`.
    """
    if options.baselines:
        raise UsageError("--baselines: are detectors, and find boxes only; leave it out")
    predictors = {run_name(run): load(run, threshold=options.threshold) for run in runs}
    if len(predictors) < len(runs):
        raise UsageError("a model is named twice; name each one once")
    first = next(iter(predictors.values())).artifact
    exam = cast("PhotoExam", load_exam(first.task))
    problems: list[FileDataError] = list(held_out.problems)
    parts: dict[str, Part] = {}
    times: dict[str, str] = {}
    for name, predictor in predictors.items():
        began = time.perf_counter()
        part = exam.part(
            predictor,
            held_out.photos,
            problems=problems,
            progress=progress,
            label=f"judging {name}",
            threshold=predictor.threshold,
        )
        if part is None:
            raise FileDataError(held_out.dataset.root, "none of the photos to judge on can be read")
        parts[name] = part
        times[name] = f"{(time.perf_counter() - began) / max(part.figures['photos'], 1) * 1000:.1f} ms a photo, reading"
    folder = new_folder(options.out, runs[0], held_out)
    result = PhotoEvaluation(
        task=first.task,
        dataset=str(held_out.dataset.root),
        part=held_out.part,
        parts=parts,
        statements=held_out.statements,
        warnings=held_out.warnings,
        folder=folder,
        problems=tuple({problem.path: problem for problem in problems}.values()),
    )
    files.write_json(folder / RESULT_NAME, result.to_dict())
    write_evaluation(
        exam,
        folder,
        parts,
        first,
        title=f"{', '.join(parts)} on {held_out.dataset.root.name}",
        lead=" ".join(held_out.statements),
        statements=[Statement(text=warning, warns=True) for warning in held_out.warnings],
        facts=[("Time", times), ("Data", {"dataset": held_out.dataset.root.name}), ("Machine", machine_facts())],
    )
    return result

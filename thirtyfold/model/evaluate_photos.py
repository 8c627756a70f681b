"""Runs of a task that is judged photo by photo, on the same photos: what `thirtyfold evaluate` does with them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from thirtyfold import files
from thirtyfold.datasets.pixel_spacing import MmPerPixel, recorded_spacings
from thirtyfold.errors import FileDataError, UsageError
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.evaluation_folder import RESULT_NAME, evaluation_folder, named_problems, run_name
from thirtyfold.model.exams.base import Part, load_exam
from thirtyfold.model.exams.photo import Judging, PhotoExam
from thirtyfold.model.held_out import HeldOut
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.report.page import PART_NAMES, Statement, unread_statements
from thirtyfold.model.report.photo_pages import headline_cell, known_headline, write_evaluation
from thirtyfold.predict.runtime import load
from thirtyfold.progress import SILENT, Progress

NO_MILLIMETRES = "--mm-per-pixel: only how far outlines are apart (--task segment) is measured in mm; leave it out"


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
        return f"Evaluated on {self.photos} {PART_NAMES[self.part]} of {Path(self.dataset).name}"

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
        notes = [f"Intervals: {note}." for note in about]
        exam = cast(PhotoExam, load_exam(self.task))
        several = len(self.parts) > 1
        notes += [
            f"{name}: {remark}" if several else remark
            for name, part in self.parts.items()
            for remark in exam.remarks(part.figures)
        ]
        report = f"report: {self.folder / 'report.html'}"
        return [*self.statements, *self.warnings, *notes, *named_problems(self.problems), report]


def evaluate_photo_runs(
    options: EvaluateOptions, runs: Sequence[Path], held_out: HeldOut, *, progress: Progress = SILENT
) -> PhotoEvaluation:
    """Judge ``runs``, all of one task, on the same photos, and write result and report into a new folder.

    Raises as :func:`thirtyfold.model.evaluate.evaluate`.
    """
    if options.baselines:
        raise UsageError("--baselines: are detectors, and find boxes only; leave it out")
    predictors = {run_name(run): load(run, threshold=options.threshold) for run in runs}
    if len(predictors) < len(runs):
        raise UsageError("a model is named twice; name each one once")
    first = next(iter(predictors.values())).artifact
    exam = cast(PhotoExam, load_exam(first.task))
    if options.mm_per_pixel is not None and not exam.measures_lengths:
        raise UsageError(NO_MILLIMETRES)
    spacings, about_spacings = _spacings(held_out, options) if exam.measures_lengths else ({}, [])
    statements = (*held_out.statements, *about_spacings)
    problems: list[FileDataError] = list(held_out.problems)
    parts: dict[str, Part] = {}
    times: dict[str, str] = {}
    with evaluation_folder(options.out, runs[0], held_out.dataset.root) as (folder, target):
        for name, predictor in predictors.items():
            began = time.perf_counter()
            judging = Judging(
                problems=problems,
                progress=progress,
                label=f"judging {name}",
                threshold=predictor.threshold,
                mm_per_pixel=spacings,
            )
            part = exam.part(predictor, held_out.photos, judging)
            if part is None:
                raise FileDataError(held_out.dataset.root, exam.too_few)
            parts[name] = part
            milliseconds = (time.perf_counter() - began) / max(part.figures["photos"], 1) * 1000
            times[name] = f"{milliseconds:.1f} ms a photo, reading"
        result = PhotoEvaluation(
            task=first.task,
            dataset=str(held_out.dataset.root),
            part=held_out.part,
            parts=parts,
            statements=statements,
            warnings=held_out.warnings,
            folder=target,
            problems=tuple({problem.path: problem for problem in problems}.values()),
        )
        files.write_json(folder / RESULT_NAME, result.to_dict())
        warnings = [Statement(text=warning, warns=True) for warning in held_out.warnings]
        write_evaluation(
            exam,
            folder,
            parts,
            first,
            title=f"{', '.join(parts)} on {held_out.dataset.root.name}",
            lead=" ".join(statements),
            statements=[*warnings, *unread_statements(result.problems)],
            facts=[("Time", times), ("Data", {"dataset": held_out.dataset.root.name}), ("Machine", machine_facts())],
        )
    return result


def _spacings(held_out: HeldOut, options: EvaluateOptions) -> tuple[dict[str, MmPerPixel], list[str]]:
    """How large the pixels of the photos are, by name, and a sentence on how that is known."""
    names = [photo.image_path.name for photo in held_out.photos]
    recorded = recorded_spacings(held_out.dataset)
    found = {name: recorded[name] for name in names if name in recorded}
    said = [f"from the DICOM file for {_photos(len(found))}"] if found else []
    rest = [name for name in names if name not in found]
    if options.mm_per_pixel is not None and rest:
        found |= dict.fromkeys(rest, options.mm_per_pixel)
        given = ",".join(f"{number:g}" for number in dict.fromkeys(options.mm_per_pixel))
        said.append(f"from --mm-per-pixel {given} for {len(rest) if said else _photos(len(rest))}")
    missing = len(names) - len(found)
    if said and missing:
        said.append(f"not known for {missing}, which {'is' if missing == 1 else 'are'} in no figure in mm")
    return found, [f"Size of a pixel: {'; '.join(said)}."] if said else []


def _photos(count: int) -> str:
    return f"{count} photo{'' if count == 1 else 's'}"

"""Runs and ready detectors judged on the same photos by the same code: what `thirtyfold evaluate` does."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.errors import FileDataError, ModelError, UsageError
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.evaluate_photos import NO_MILLIMETRES, PhotoEvaluation, evaluate_photo_runs
from thirtyfold.model.evaluation_folder import RESULT_NAME, evaluation_folder, named_problems, run_name
from thirtyfold.model.held_out import HeldOut, learned_by, learned_hashes, photos_of_dataset, photos_of_run
from thirtyfold.model.judge import judge_photos
from thirtyfold.model.labelling.base import labelling_options
from thirtyfold.model.metrics.detection import Judged, best_threshold
from thirtyfold.model.metrics.labels import ANY, as_any, comparable, labels_in
from thirtyfold.model.metrics.part import PartFigures, part_figures
from thirtyfold.model.provenance import file_hash
from thirtyfold.model.report.evaluated import write_evaluation
from thirtyfold.model.report.page import PART_NAMES, number
from thirtyfold.predict.artifact import read_card
from thirtyfold.predict.detectors import Detector, find_model, open_detector
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import DEFAULT_RUNS, find_run


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedModel:
    """A model and its figures. ``threshold_from`` and ``note`` say how it was judged; ``model_ms`` is a median.

    ``judged`` are all photos with all of their objects; ``figures`` may leave out objects of labels that the model was
    never taught. ``again``: a second line of a model, judged whatever the labels.
    """

    name: str
    threshold: float
    threshold_from: str
    judged: tuple[Judged, ...]
    figures: PartFigures
    note: str = ""
    model_ms: float | None = None
    again: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "threshold": self.threshold,
            "threshold_from": self.threshold_from,
            "note": self.note,
            "model_ms": None if self.model_ms is None else round(self.model_ms, 2),
            **self.figures.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateResult:
    """``models`` in the order asked for; ``folder`` holds the report. ``problems`` are photos left out."""

    dataset: str
    part: str
    photos: int
    models: tuple[JudgedModel, ...]
    statements: tuple[str, ...]
    warnings: tuple[str, ...]
    folder: Path
    foreign: bool = False
    run: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[FileDataError, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What ``evaluation.json`` holds and ``--json`` prints."""
        return {
            "dataset": self.dataset,
            "part": self.part,
            "photos": self.photos,
            "run": self.run,
            "foreign": self.foreign,
            "statements": list(self.statements),
            "warnings": list(self.warnings),
            "models": [model.to_dict() for model in self.models],
            "problems": [str(problem) for problem in self.problems],
            "folder": str(self.folder),
        }

    def title(self) -> str:
        return f"Evaluated on {self.photos} {PART_NAMES[self.part]} of {Path(self.dataset).name}"

    def remarks(self) -> list[str]:
        """What is to be thought of the table, a line each, and where the report is."""
        about = dict.fromkeys(note for model in self.models if (note := model.figures.figures["intervals"]["note"]))
        notes = [f"Intervals: {note}." for note in about]
        report = f"report: {self.folder / 'report.html'}"
        return [*self.statements, *self.warnings, *notes, *named_problems(self.problems), report]

    def columns(self) -> tuple[str, ...]:
        return ("model, from score", "mean IoU", "found", "right", "AP50", "AP", "false boxes", "ms")

    def rows(self) -> list[tuple[str, ...]]:
        """A line a model, for a table, with 95 % intervals below the figures that are read first."""
        rows: list[tuple[str, ...]] = []
        for one in self.models:
            figures = one.figures.figures
            rows.append(
                (
                    f"{one.name}\n{one.threshold:.2f}",
                    number(figures["mean_iou"], ".3f") + _interval(figures, "mean_iou", 1, ""),
                    number(figures["found"], ".0%") + _interval(figures, "found", 100, "%"),
                    number(figures["precision"], ".0%"),
                    number(figures["ap50"], ".3f") + _interval(figures, "ap50", 1, ""),
                    number(figures["ap"], ".3f"),
                    number(figures["false_positives_per_photo"], ".2f"),
                    number(one.model_ms, ".1f"),
                )
            )
        return rows


def evaluate(
    options: EvaluateOptions, *, runs_dir: Path = DEFAULT_RUNS, progress: Progress = SILENT
) -> EvaluateResult | PhotoEvaluation:
    """Judge, write ``evaluation.json``, ``report.html`` and ``plots/`` into a new folder, and return the figures.

    The folder is ``options.out``, else the next free ``evaluation-N`` of the run, or of ``runs_dir`` without one.
    Raises :class:`ModelError`, :class:`DataError`, :class:`UsageError`, :class:`NotInstalledError`.
    """
    runs = [find_run(name, runs_dir) for name in ((options.run,) if options.run else ()) + options.against]
    tasks = {read_card(run).task for run in runs} or {"detect"}
    if len(tasks) > 1:
        raise UsageError(f"--against: the runs answer different questions ({', '.join(sorted(tasks))})")
    if tasks != {"detect"}:
        return evaluate_photo_runs(options, runs, _photos(options, runs), progress=progress)
    if options.mm_per_pixel is not None:
        raise UsageError(NO_MILLIMETRES)
    held_out = _photos(options, runs)
    entered = [(run_name(run), open_detector(run)) for run in runs]
    entered += [
        (Path(name).stem, open_detector(find_model(name, runs_dir), progress=progress)) for name in options.baselines
    ]
    if len({name for name, _ in entered}) < len(entered):
        raise UsageError("a model is named twice; name each one once")
    problems: list[FileDataError] = list(held_out.problems)
    judge = _Judge(held_out, options.threshold, problems, progress)
    beside = runs[0] if runs else runs_dir
    with evaluation_folder(options.out, beside, held_out.dataset.root) as (folder, target):
        judged = [judge.figures_of(name, detector) for name, detector in entered]
        result = EvaluateResult(
            dataset=str(held_out.dataset.root),
            part=held_out.part,
            photos=len(held_out.photos),
            models=tuple(_on_equal_terms(judged)),
            statements=held_out.statements,
            warnings=(*held_out.warnings, *_said_of(judged)),
            folder=target,
            foreign=held_out.foreign,
            run=str(runs[0]) if runs else None,
            training=dict(read_card(runs[0]).training) if runs else {},
            problems=tuple({problem.path: problem for problem in problems}.values()),
        )
        files.write_json(folder / RESULT_NAME, result.to_dict())
        write_evaluation(result, folder)
    return result


def _photos(options: EvaluateOptions, runs: Sequence[Path]) -> HeldOut:
    """What to judge on, and that no run has learned from it."""
    held_out = None
    if runs:
        training = read_card(runs[0]).training
        if its := _where_attributes_stand(options):
            training = {**training, "options": {**training.get("options", {}), **its}}
        held_out = photos_of_run(runs[0], training, dataset=options.dataset, part=options.part)
    if held_out is None:
        return _photos_of_another(options, runs)
    for run in runs[1:]:
        known = learned_hashes(run, parts=("train",) if held_out.part == "val" else ("train", "val"))
        seen = [photo for photo in held_out.photos if file_hash(photo.image_path) in known]
        if seen:
            raise ModelError(
                f"{run}: has learned from {len(seen)} of these {len(held_out.photos)} photos, first "
                f"{seen[0].image_path.name}, so comparing it on them would flatter it; train both on one split"
            )
    return held_out


def _where_attributes_stand(options: EvaluateOptions) -> dict[str, str]:
    """What was said about it."""
    table = {} if options.attributes is None else {"attributes": str(options.attributes)}
    return table | ({"attributes_from_name": options.attributes_from_name} if options.attributes_from_name else {})


def _photos_of_another(options: EvaluateOptions, runs: Sequence[Path]) -> HeldOut:
    """The photos of a dataset that no run was trained on, without those that one of them has learned from."""
    learned, unknown = learned_by(runs)
    name = run_name(runs[0]) if runs else None
    trained_with = None
    if runs:
        elsewhere = {"attributes": "", "attributes_from_name": "", **_where_attributes_stand(options)}
        trained_with = labelling_options({**read_card(runs[0]).training.get("options", {}), **elsewhere})
    held_out = photos_of_dataset(
        options.dataset or Path(), part=options.part, learned=learned, run=name, options=trained_with
    )
    return replace(held_out, warnings=(*held_out.warnings, *unknown))


class _Judge:
    """Judges one model after the other on the same photos."""

    def __init__(
        self, held_out: HeldOut, threshold: float | None, problems: list[FileDataError], progress: Progress
    ) -> None:
        self._held_out, self._threshold, self._problems, self._progress = held_out, threshold, problems, progress

    def figures_of(self, name: str, detector: Detector) -> JudgedModel:
        model_ms: list[float] = []
        judged = self._judge(detector, self._held_out.photos, f"judging {name}", model_ms)
        if not judged:
            raise FileDataError(self._held_out.dataset.root, "none of the photos to judge on can be read")
        threshold, threshold_from = self._threshold_of(detector, judged, name)
        fair = comparable(judged, detector.classes)
        calibration = detector.calibration if isinstance(detector, Predictor) else None
        return JudgedModel(
            name=name,
            threshold=threshold,
            threshold_from=threshold_from,
            judged=tuple(judged),
            figures=part_figures(fair.judged, fair.labels, threshold, calibration=calibration),
            note=fair.note,
            model_ms=statistics.median(model_ms),
        )

    def _threshold_of(self, detector: Detector, judged: Sequence[Judged], name: str) -> tuple[float, str]:
        if self._threshold is not None:
            return self._threshold, "given"
        if isinstance(detector, Predictor):
            return detector.threshold, "chosen in training"
        if not self._held_out.val:
            return detector.threshold, "its own"
        # The same right as a trained model had: validation photos to choose by.
        same = self._held_out.part == "val"
        val = judged if same else self._judge(detector, self._held_out.val, f"threshold of {name}", [])
        return best_threshold(comparable(val, detector.classes).judged), "chosen on validation"

    def _judge(self, detector: Detector, samples: Sequence[Sample], label: str, model_ms: list[float]) -> list[Judged]:
        return judge_photos(
            detector, samples, problems=self._problems, model_ms=model_ms, progress=self._progress, label=label
        )


def _on_equal_terms(models: Sequence[JudgedModel]) -> list[JudgedModel]:
    """Where one was judged whatever the labels, a second line of the others that is judged so, too: on all objects."""
    if not any(ANY in model.figures.figures["classes"] for model in models):
        return list(models)
    result = []
    for model in models:
        result.append(model)
        labels = labels_in(model.figures.judged)
        if labels != [ANY] and len(models) > 1:
            figures = part_figures(as_any(model.judged), (ANY,), model.threshold)
            again = replace(model, name=f"{model.name} (any label)", figures=figures, note="", again=True)
            result.append(again)
    return result


def _said_of(models: Sequence[JudgedModel]) -> list[str]:
    named: dict[str, list[str]] = {}
    for model in models:
        named.setdefault(model.note, []).append(model.name)
    return [f"{', '.join(names)}: {note}." for note, names in named.items() if note]


def _interval(figures: Mapping[str, Any], key: str, times: int, unit: str) -> str:
    """An interval short enough for a terminal of 80 columns: ``.06–.10`` or ``8–14%``."""
    bounds = figures["intervals"].get(key)
    if not bounds:
        return ""
    if times == 100:
        return f"\n{bounds[0] * 100:.0f}–{bounds[1] * 100:.0f}{unit}"
    low, high = (f"{bound:.2f}".removeprefix("0") for bound in bounds)
    return f"\n{low}–{high}"

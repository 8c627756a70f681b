"""A classifier behind several finders, on photos with labelled boxes: what `thirtyfold evaluate RUN --chain` does."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import files
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError, UsageError
from thirtyfold.model.chain_outcomes import PhotoFates, fates_of, figures_of
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.evaluation_folder import RESULT_NAME, evaluation_folder, named_problems, run_name
from thirtyfold.model.held_out import learned_by, photos_of_dataset
from thirtyfold.model.options import WITH_CLASSES
from thirtyfold.predict.artifact import read_card
from thirtyfold.predict.chain import Chain, DetectorAsSecond
from thirtyfold.predict.detectors import Detector, find_model, open_detector
from thirtyfold.predict.recognizer import find_second
from thirtyfold.predict.runtime import load
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, Sample
from thirtyfold.workspace import DEFAULT_RUNS

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

LABELLED = "labelled boxes"
"""The finder that makes no mistake: what the second model says where the first is out of the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finder and what became of the objects behind it; ``model_ms`` is a photo's median, both models together."""

    name: str
    threshold: float | None
    photos: tuple[PhotoFates, ...]
    figures: Mapping[str, Any]
    model_ms: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "threshold": self.threshold,
            "model_ms": round(self.model_ms, 2),
            **self.figures,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEvaluation:
    """``findings`` in the order asked for, :data:`LABELLED` last. ``folder`` holds the report."""

    run: str
    classes: tuple[str, ...]
    margin_share: float
    dataset: str
    part: str
    findings: tuple[Finding, ...]
    class_of_label: Mapping[str, str | None]
    statements: tuple[str, ...]
    warnings: tuple[str, ...]
    folder: Path
    problems: tuple[FileDataError, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What ``evaluation.json`` holds and ``--json`` prints."""
        return {
            "run": self.run,
            "classes": list(self.classes),
            "margin_share": self.margin_share,
            "dataset": self.dataset,
            "part": self.part,
            "labels": dict(self.class_of_label),
            "statements": list(self.statements),
            "warnings": list(self.warnings),
            "finders": [finding.to_dict() for finding in self.findings],
            "problems": [str(problem) for problem in self.problems],
            "folder": str(self.folder),
        }

    def title(self) -> str:
        figures = self.findings[0].figures
        objects, photos = figures["objects"], figures["photos"]
        return f"{self.run} behind finders: {objects} objects on {photos} photos of {Path(self.dataset).name}"

    def most_are(self) -> str:
        """What an answer that never changes would be worth: every share of right ones is to be held against it."""
        classes = self.findings[-1].figures["classes"]
        often = max(classes, key=lambda name: classes[name]["objects"])
        share = classes[often]["objects"] / max(1, self.findings[-1].figures["objects"])
        mean = ", and 50% in the mean of classes" if len(classes) == 2 else ""
        return f"{share:.0%} of the objects are {often}: who always says so is right as often{mean}."

    def columns(self) -> tuple[str, ...]:
        return (
            "finder",
            "found",
            "of these\njudged right",
            "mean of\nclasses",
            "of all found\nand right",
            "false\nboxes",
        )

    def rows(self) -> list[tuple[str, ...]]:
        """A line a finder, with counts and 95 % intervals below the shares."""
        rows: list[tuple[str, ...]] = []
        for finding in self.findings:
            figures = finding.figures
            ideal = finding.name == LABELLED
            rows.append(
                (
                    finding.name if finding.threshold is None else f"{finding.name}\nfrom {finding.threshold:.2f}",
                    share_cell(figures, "found", "objects_found", "objects") if not ideal else "–",
                    share_cell(figures, "judged_right", "objects_right", "objects_found"),
                    "–" if figures["balanced_right"] is None else f"{figures['balanced_right']:.0%}",
                    share_cell(figures, "right", "objects_right", "objects") if not ideal else "–",
                    str(figures["false_boxes"]) if not ideal else "–",
                )
            )
        return rows

    def remarks(self) -> list[str]:
        """What is to be thought of the table, a line each, and where the report is."""
        note = self.findings[0].figures["intervals"].get("note", "")
        return [
            *self.statements,
            *self.warnings,
            self.most_are(),
            *([f"Intervals: {note}."] if note else []),
            *named_problems(self.problems),
            f"report: {self.folder / 'report.html'}",
        ]


def evaluate_chain(
    options: EvaluateOptions, *, runs_dir: Path = DEFAULT_RUNS, progress: Progress = SILENT
) -> ChainEvaluation:
    """Judge a classifier behind each finder of ``options.chain``; result and report go into a new folder.

    Photos that the classifier or a trained finder has learned from are left out. Raises as
    :func:`thirtyfold.model.evaluate.evaluate`, and :class:`UsageError` for a label that is none of its classes and
    that nobody has said anything about.
    """
    from thirtyfold.model.report.chain_pages import write_chain  # it takes this module's types

    if options.dataset is None:
        raise UsageError("--chain: needs photos on which the objects have boxes; give them by --dataset")
    run = Path(find_second(options.run or "latest", runs_dir))
    if read_card(run).task not in WITH_CLASSES:
        raise UsageError(f"{run}: is of --task {read_card(run).task}, and a classifier was expected (--task classify)")
    second = DetectorAsSecond(load(run))
    finders, finder_runs = _open_finders(options, runs_dir, progress)
    learned, unknown = learned_by([run, *finder_runs])
    # Drawn shapes are asked for, whatever the run's own labels are.
    held_out = photos_of_dataset(options.dataset, part=options.part, learned=learned, run=run_name(run))
    class_of_label = _classes_of_labels(held_out.photos, second.classes, options.map)
    given = _Given()
    chains = [(name, Chain(first, second, remember=False, limit=None)) for name, first in finders]
    chains.append((LABELLED, Chain(given, second, remember=False, limit=None)))
    fates: dict[str, list[PhotoFates]] = {name: [] for name, _ in chains}
    times: dict[str, list[float]] = {name: [] for name, _ in chains}
    problems: list[FileDataError] = list(held_out.problems)
    with evaluation_folder(options.out, run, held_out.dataset.root) as (folder, target):
        for sample, pixels in _read(held_out.photos, problems, progress):
            given.boxes = [shape for shape in sample.annotations or () if shape.label in class_of_label]
            for name, chain in chains:
                fates[name].append(fates_of(sample, chain(pixels), class_of_label))
                times[name].append(chain.model_ms)
        if not fates[LABELLED]:
            raise FileDataError(held_out.dataset.root, "none of the photos to judge on can be read")
        result = ChainEvaluation(
            run=run_name(run),
            classes=second.classes,
            margin_share=second.margin_share,
            dataset=str(held_out.dataset.root),
            part=held_out.part,
            findings=tuple(
                Finding(
                    name=name,
                    threshold=None if name == LABELLED else chain.threshold,
                    photos=tuple(fates[name]),
                    figures=figures_of(fates[name], second.classes),
                    model_ms=statistics.median(times[name]),
                )
                for name, chain in chains
            ),
            class_of_label=class_of_label,
            statements=(*held_out.statements, *_said_of_labels(class_of_label)),
            warnings=(*held_out.warnings, *unknown),
            folder=target,
            problems=tuple({problem.path: problem for problem in problems}.values()),
        )
        files.write_json(folder / RESULT_NAME, result.to_dict())
        write_chain(result, folder)
    return result


def _open_finders(
    options: EvaluateOptions, runs_dir: Path, progress: Progress
) -> tuple[list[tuple[str, Detector]], list[Path]]:
    """The finders of ``options.chain`` by name, and the folders of those that are runs."""
    finders: list[tuple[str, Detector]] = []
    runs = []
    for asked in options.chain:
        model = find_model(asked, runs_dir)
        name = asked
        if isinstance(model, Path):
            name = model.stem if model.is_file() else run_name(model)
            runs += [model] if model.is_dir() else []
        finders.append((name, open_detector(model, threshold=options.threshold, progress=progress)))
    if len({name for name, _ in finders}) < len(finders):
        raise UsageError("--chain: a finder is named twice; name each one once")
    return finders, runs


def share_cell(figures: Mapping[str, Any], share: str, part: str, whole: str) -> str:
    """``92%``, and below it the counts and the interval."""
    if figures[share] is None:
        return "–"
    bounds = figures.get("intervals", {}).get(share)
    between = f", {bounds[0] * 100:.0f}–{bounds[1] * 100:.0f}%" if bounds else ""
    return f"{figures[share]:.0%}\n{figures[part]} of {figures[whole]}{between}"


class _Given:
    """A :class:`~thirtyfold.predict.detectors.Detector` that finds what it was given."""

    classes = ("",)

    def __init__(self) -> None:
        self.threshold = 0.0
        self.model_ms = 0.0
        self.boxes: Sequence[Annotation] = ()

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        return tuple(self.boxes)


def _classes_of_labels(
    photos: Sequence[Sample], classes: Sequence[str], given: Mapping[str, str | None]
) -> dict[str, str | None]:
    """The class that each label of the photos means. Raises :class:`UsageError` where that is not known."""
    labels = sorted({shape.label for photo in photos for shape in photo.annotations or ()})
    if foreign := sorted(set(given) - set(labels)):
        raise UsageError(f"--map {foreign[0]}=…: no photo has that label; there are {', '.join(labels)}")
    if wrong := [f"{label}={name}" for label, name in given.items() if name is not None and name not in classes]:
        raise UsageError(f"--map {wrong[0]}: the classifier knows {', '.join(classes)}")
    known = {label: given.get(label, label) for label in labels}
    if unknown := [label for label, name in known.items() if name is not None and name not in classes]:
        raise UsageError(
            f"the photos' labels {', '.join(unknown)} are none of the classifier's classes {', '.join(classes)}; say "
            f"what they mean, like --map {unknown[0]}={classes[0]}, or leave them out, with --map {unknown[0]}="
        )
    if not any(known.values()):
        raise UsageError("--map: leaves out every label, and nothing is left to judge")
    return known


def _said_of_labels(class_of_label: Mapping[str, str | None]) -> list[str]:
    renamed = [f"{label} is {name}" for label, name in class_of_label.items() if name not in (None, label)]
    left_out = [label for label, name in class_of_label.items() if name is None]
    said = [f"Taken for classes: {', '.join(renamed)}."] if renamed else []
    return said + ([f"Left out: {', '.join(left_out)}; neither found nor missed counts."] if left_out else [])


def _read(
    photos: Sequence[Sample], problems: list[FileDataError], progress: Progress
) -> Iterator[tuple[Sample, Pixels]]:
    with progress.bar("judging", total=len(photos), unit="photo") as bar:
        for sample in photos:
            bar.advance()
            try:
                pixels = read_pixels(sample)
            except FileDataError as error:
                problems.append(error)
            else:
                yield sample, pixels

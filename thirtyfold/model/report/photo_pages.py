"""Pages of trainings and evaluations of tasks that are judged photo by photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.model.report.page import (
    PART_NAMES,
    Page,
    Statement,
    Table,
    about_intervals,
    bounds_text,
    unread_statements,
)
from thirtyfold.model.report.training import left_out_statements, run_facts, sentence, split_statement
from thirtyfold.model.report.write import curves_plot, write_page
from thirtyfold.predict.artifact import Artifact

if TYPE_CHECKING:
    from thirtyfold.model.exams.base import Exam, Examined, Part
    from thirtyfold.model.exams.photo import PhotoExam


def write_training(
    exam: PhotoExam, run_dir: Path, artifact: Artifact, examined: Examined, rows: Sequence[Mapping[str, float]]
) -> Path:
    """Write ``report.html`` and ``plots/`` of a training; returns the page's path."""
    training = artifact.training
    name = next((part for part in ("test", "val") if part in examined.parts), "")
    statements = [split_statement(training), *left_out_statements(training)]
    statements += [Statement(text=sentence(note), warns=True) for note in examined.notes]
    statements += unread_statements(examined.problems)
    page = Page(
        title=f"{artifact.task} run {run_dir.name}" + (f": {training['dataset']}" if training.get("dataset") else ""),
        lead=(
            f"{exam.lead(artifact)} Trained on {training['train_photos']} photos ({training['copies']} of them "
            f"copies), {training['epochs_done']} epochs, the best was epoch {training['best_epoch']}."
        ),
        statements=statements,
        facts=run_facts(artifact),
        **_sections(exam, {PART_NAMES[part]: found for part, found in examined.parts.items()}, PART_NAMES.get(name, ""),
                    artifact, curves_plot(rows)),
    )  # fmt: skip
    return write_page(run_dir, page)


def write_evaluation(
    exam: PhotoExam,
    folder: Path,
    parts: Mapping[str, Part],
    artifact: Artifact,
    *,
    title: str,
    lead: str,
    statements: Sequence[Statement],
    facts: Sequence[tuple[str, Mapping[str, str]]],
) -> Path:
    """Write ``report.html`` and ``plots/`` of models judged on the same photos; the first is shown in detail.

    ``parts`` go by the name of the model.
    """
    sections = _sections(exam, parts, next(iter(parts)), artifact, [])
    return write_page(folder, Page(title=title, lead=lead, statements=statements, facts=facts, **sections))


def figures_table(exam: PhotoExam, parts: Mapping[str, Part]) -> Table:
    """The headline figures, a line a part or model, with 95 % intervals."""
    rows, notes = [], []
    headline = known_headline(exam, parts)
    for name, part in parts.items():
        intervals = part.figures.get("intervals", {})
        cells = [headline_cell(part.figures, key, form) for key, _, form in headline]
        rows.append((f"{name}\n{part.figures['photos']} photos", *cells))
        if intervals:
            notes.append(f"{name}: {about_intervals(intervals)}")
    columns = ("", *(title for _, title, _ in headline))
    return Table(title="Figures", columns=columns, rows=rows, note="In small: 95 % intervals. " + " ".join(notes))


def known_headline(exam: Exam, parts: Mapping[str, Part]) -> list[tuple[str, str, str]]:
    """The figures of the headline that any of the parts has."""
    headline = dict.fromkeys(entry for part in parts.values() for entry in exam.headline_of(part.figures))
    return [entry for entry in headline if any(part.figures.get(entry[0]) is not None for part in parts.values())]


def headline_cell(figures: Mapping[str, Any], key: str, form: str) -> str:
    """A figure, and below it its interval where there is one; a dash where there is no figure."""
    if figures.get(key) is None:
        return "–"
    below = bounds_text(figures.get("intervals", {}).get(key), form)
    return format(figures[key], form) + (f"\n{below}" if below else "")


def _sections(
    exam: PhotoExam, parts: Mapping[str, Part], detailed: str, artifact: Artifact, plots: Sequence[Any]
) -> dict[str, Any]:
    if not parts:
        return {"plots": plots}
    shown = exam.sections(parts[detailed], detailed, artifact)
    return {
        "detail_name": detailed,
        "detail_counts": f"{parts[detailed].figures['photos']} photos",
        "bigs": shown.bigs,
        "tables": [figures_table(exam, parts), *shown.tables],
        "plots": [*plots, *shown.plots],
        "galleries": shown.galleries,
        "key": shown.key,
    }

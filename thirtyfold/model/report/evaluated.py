"""The page of an evaluation: one or several models on the same photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.model.machine import machine_facts
from thirtyfold.model.metrics.labels import ANY
from thirtyfold.model.report.box_tables import Row, box_sections
from thirtyfold.model.report.page import PART_NAMES, Page, Plot, Statement, number, unread_statements
from thirtyfold.model.report.plots import precision_recall_png
from thirtyfold.model.report.write import write_report

if TYPE_CHECKING:
    from thirtyfold.model.evaluate import EvaluateResult, JudgedModel


def write_evaluation(result: EvaluateResult, folder: Path) -> Path:
    """Write ``report.html`` and ``plots/`` of a result into ``folder``; returns the page's path."""
    first = result.models[0]
    rows = [Row(name=one.name, figures=one.figures.figures, threshold_from=one.threshold_from) for one in result.models]
    page = Page(
        title=f"{', '.join(_names(result))} on {Path(result.dataset).name}",
        lead=" ".join(result.statements),
        statements=_statements(result),
        facts=[("Time", _times(result)), ("Data", _data(result)), ("Machine", machine_facts())],
        **box_sections(rows, f"{first.name}, {PART_NAMES[result.part]}", first.figures.figures),
    )
    beside = [_together(result.models)] if len(result.models) > 1 else []
    return write_report(folder, page, detail=first.figures, beside=beside)


def _names(result: EvaluateResult) -> list[str]:
    names = [model.name for model in result.models if not model.again]
    return names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} others"]


def _statements(result: EvaluateResult) -> list[Statement]:
    warnings = [Statement(text=warning, warns=True) for warning in result.warnings]
    return [*warnings, *unread_statements(result.problems)]


def _together(models: tuple[JudgedModel, ...]) -> Plot:
    """Everybody's curve in one plot, whatever the labels."""
    curves, ap50 = {}, {}
    for one in models:
        curve = one.figures.curves.get(ANY) or next(iter(one.figures.curves.values()), ())
        if curve and not one.again:
            curves[one.name], ap50[one.name] = curve, one.figures.figures[ANY]["ap50"]
    return Plot(
        name="models",
        title="The models side by side",
        caption="Precision over recall at IoU 0.5, whatever the labels.",
        png=precision_recall_png(curves, ap50),
    )


def _times(result: EvaluateResult) -> dict[str, str]:
    return {one.name: f"{number(one.model_ms, '.1f')} ms a photo (median)" for one in result.models}


def _data(result: EvaluateResult) -> dict[str, str]:
    facts = {"dataset": Path(result.dataset).name, "photos": str(result.photos)}
    if result.run is not None:
        facts["run"] = result.run
        facts["trained on (fingerprint)"] = str(result.training.get("data_fingerprint", "unknown"))
    return facts

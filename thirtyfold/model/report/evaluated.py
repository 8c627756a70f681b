"""The page of an evaluation: one or several models on the same photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.model.machine import machine_facts
from thirtyfold.model.metrics.labels import ANY
from thirtyfold.model.report.page import Page, Plot, Row, Statement, number
from thirtyfold.model.report.plots import precision_recall_png
from thirtyfold.model.report.write import write_report

if TYPE_CHECKING:
    from thirtyfold.model.contest import Contestant, EvaluateResult

_PARTS = {"test": "test photos", "val": "validation photos", "all": "photos"}
_NAMED_PROBLEMS = 5


def write_evaluation(result: EvaluateResult) -> Path:
    """Write ``report.html`` and ``plots/`` of a result into its folder; returns the page's path."""
    first = result.contestants[0]
    page = Page(
        title=f"{', '.join(_names(result))} on {Path(result.dataset).name}",
        lead=" ".join(result.statements),
        statements=_statements(result),
        rows=[
            Row(name=one.name, figures=one.figures.figures, threshold_from=one.threshold_from)
            for one in result.contestants
        ],
        detail_name=f"{first.name}, {_PARTS[result.part]}",
        detail=first.figures.figures,
        facts=[("Time", _times(result)), ("Data", _data(result)), ("Machine", machine_facts())],
    )
    beside = [_together(result.contestants)] if len(result.contestants) > 1 else []
    return write_report(result.folder, page, detail=first.figures, beside=beside)


def _names(result: EvaluateResult) -> list[str]:
    names = [contestant.name for contestant in result.contestants if not contestant.again]
    return names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} others"]


def _statements(result: EvaluateResult) -> list[Statement]:
    statements = [Statement(text=warning, warns=True) for warning in result.warnings]
    if result.problems:
        named = ", ".join(problem.path.name for problem in result.problems[:_NAMED_PROBLEMS])
        more = len(result.problems) - _NAMED_PROBLEMS
        text = f"{len(result.problems)} photos could not be read and are in no figure: {named}"
        statements.append(Statement(text=text + (f" and {more} more." if more > 0 else "."), warns=True))
    return statements


def _together(contestants: tuple[Contestant, ...]) -> Plot:
    """Everybody's curve in one plot, whatever the labels."""
    curves, ap50 = {}, {}
    for one in contestants:
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
    return {one.name: f"{number(one.model_ms, '.1f')} ms a photo (median)" for one in result.contestants}


def _data(result: EvaluateResult) -> dict[str, str]:
    facts = {"dataset": Path(result.dataset).name, "photos": str(result.photos)}
    if result.run is not None:
        facts["run"] = result.run
        facts["trained on (fingerprint)"] = str(result.training.get("data_fingerprint", "unknown"))
    return facts

"""A comparison as files: table, plot, page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

from thirtyfold import files
from thirtyfold.model.comparison import Comparison, Line
from thirtyfold.model.exams.base import Exam
from thirtyfold.model.report.page import Page, Plot, Statement, Table, page_html

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = "osD^vP*"


def write_comparison(comparison: Comparison) -> None:
    """Write ``compare.csv``, ``compare.png`` and ``compare.html`` into the study's folder."""
    folder = comparison.folder
    rows = [line.to_dict() for line in comparison.lines]
    buffer = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(buffer, fieldnames=columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(folder / "compare.csv", buffer.getvalue())
    part = "test" if comparison.photos["test"] else "val"
    picture = quality_against_time_png(comparison.lines, part)
    files.write_bytes(folder / "compare.png", picture)
    photos, exam = comparison.photos, comparison.exam
    shown = "test" if part == "test" else "validation"
    figure = exam.headline[0][1]
    named = figure[0].upper() + figure[1:]
    answer, note = _answer(exam), f"{exam.quality_note}, " if exam.quality_note else ""
    beside = f"{exam.beside[1]} on the test photos, the mean over seeds. " if exam.beside else ""
    quality = Plot(
        name="curves",
        title="Quality against time",
        caption=f"{named} on the {shown} photos, mean over seeds with its 95 % interval, over the milliseconds a photo "
        f"takes from pixels to {answer} on this machine.",
        png=picture,
    )
    page = Page(
        title=f"{len(comparison.lines)} backbones compared",
        lead=(
            f"Each trained on the same {photos['train']} photos and their {photos['copies']} copies, judged on the "
            f"same {photos['val']} validation and {photos['test']} test photos. Ranked by the validation photos."
        ),
        statements=[
            *(Statement(text=text) for text in comparison.statements),
            *(Statement(text=text, warns=True) for text in comparison.missing()),
        ],
        tables=[
            Table(
                title="Figures",
                columns=comparison.columns(),
                rows=comparison.rows(),
                note=f"{named} over seeds, {note}with its 95 % interval. {beside}Milliseconds a photo, pixels to "
                f"{answer}, and megabytes are of the form that runs. Training is the first one: it computes the "
                "features of the copies, unless an earlier one already did; further seeds reuse them.",
            )
        ],
        plots=[quality, *_mistakes(comparison, shown)],
        facts=[
            ("Machine", comparison.machine),
            (
                "Best on validation",
                {
                    line.backbone: f"{line.best_run} ({line.numbers}, trainings of {line.seconds_mean:.0f} s)"
                    for line in comparison.lines
                },
            ),
        ],
    )
    files.write_text(folder / "compare.html", page_html(page))


def _mistakes(comparison: Comparison, shown: str) -> list[Plot]:
    """What the best training of each backbone mistakes."""
    return [
        replace(plot, title=f"{plot.title}: {line.backbone}")
        for line in comparison.lines
        if line.best_figures
        for plot in comparison.exam.study_plots(
            f"{line.backbone}, its best on validation, {shown} photos", line.best_figures
        )
    ]


def _answer(exam: Exam) -> str:
    return exam.answer if exam.answer.endswith("s") else f"the {exam.answer}"


def quality_against_time_png(lines: Sequence[Line], part: str) -> bytes:
    """The quality with its interval over milliseconds a photo (logarithmic), a point a backbone."""
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(7.0, 4.6), layout="constrained")
    axes = figure.subplots()
    for number, line in enumerate(sorted(lines, key=lambda line: line.frame_ms)):
        quality = line.quality[part]
        bars = [[0.0], [0.0]]
        if quality.low is not None and quality.high is not None:
            bars = [[max(0.0, quality.mean - quality.low)], [max(0.0, quality.high - quality.mean)]]
        axes.errorbar(
            [line.frame_ms], [quality.mean], yerr=bars, capsize=5, markersize=9, elinewidth=1.6, linestyle="none",
            marker=_MARKERS[number % len(_MARKERS)], color=_COLORS[number % len(_COLORS)],
            label=f"{line.backbone}: {line.frame_ms:.1f} ms, {line.model_bytes / 1e6:.1f} MB",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set(
        xlabel=f"milliseconds a photo, from pixels to {_answer(lines[0].exam)}",
        ylabel=f"{lines[0].exam.headline[0][1]} on the {'test' if part == 'test' else 'validation'} photos",
    )
    times = [line.frame_ms for line in lines]
    axes.set_xlim(min(times) / 1.6, max(times) * 1.6)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(1.02, high))
    axes.grid(alpha=0.3)
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()

"""A learning curve as files: table, plot, page."""

from __future__ import annotations

import csv
import io

from thirtyfold import files
from thirtyfold.model.learning_curve import MORE_PHOTOS, LearningCurve
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.report.page import Page, Plot, Statement, Table, page_html


def write_curve(curve: LearningCurve) -> None:
    """Write ``curve.json``, ``curve.csv``, ``curve.png`` and ``curve.html`` into the study's folder."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("share", "photos", "sessions", "seed", curve.score[0]))
    for point in curve.points:
        for number, score in enumerate(point.scores):
            writer.writerow((point.share, round(point.photos, 1), round(point.sessions, 1), number, round(score, 6)))
    files.write_text(curve.folder / "curve.csv", buffer.getvalue())
    picture = curve_png(curve)
    files.write_bytes(curve.folder / "curve.png", picture)
    page = Page(
        title="How many photos are enough?",
        lead=f"Trained on growing shares of the {curve.by}, judged on the same {curve.judged_photos} "
        f"{curve.judged_on}.",
        statements=[
            Statement(text=curve.forecast.sentence),
            *(Statement(text=note, warns=True) for note in curve.notes),
        ],
        tables=[
            Table(
                title="Figures",
                columns=curve.columns(),
                rows=curve.rows(),
                note="Photos without their copies; mean over the seeds, lowest and highest in brackets.",
            )
        ],
        plots=[
            Plot(
                name="curves",
                title="Score over photos",
                caption="A dot a training. The band holds nine in ten of the curves that go through the dots.",
                png=picture,
            )
        ],
        facts=[("Machine", machine_facts())],
    )
    files.write_text(curve.folder / "curve.html", page_html(page))
    files.write_json(curve.folder / "curve.json", curve.to_dict())


def curve_png(curve: LearningCurve) -> bytes:
    """The trainings, their means, and the band of the fitted curves up to :data:`MORE_PHOTOS` more photos."""
    import numpy as np
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    figure = Figure(figsize=(7.6, 4.2), layout="constrained")
    axes = figure.subplots()
    last = curve.points[-1].photos
    if curve.law is not None:
        photos = np.linspace(curve.points[0].photos, last + MORE_PHOTOS, 80)
        low, middle, high = np.array([curve.law.score(count) for count in photos]).T
        axes.fill_between(photos, low, high, color="#0072b2", alpha=0.15, linewidth=0, label="nine in ten curves")
        axes.plot(photos, middle, color="#0072b2", linewidth=1.6, label="score = best − scale · photos^−exponent")
        axes.axvspan(last, last + MORE_PHOTOS, color="#888888", alpha=0.08, linewidth=0)
        axes.annotate(
            f"{MORE_PHOTOS} more photos", (last + MORE_PHOTOS / 2, 0.02), xycoords=("data", "axes fraction"),
            ha="center", fontsize=9, color="#555555",
        )  # fmt: skip
    for number, point in enumerate(curve.points):
        axes.plot(
            [point.photos] * len(point.scores), point.scores, "o", color="#d55e00", alpha=0.7, markersize=6,
            label="a training" if number == 0 else None,
        )  # fmt: skip
    axes.plot(
        [point.photos for point in curve.points], [point.mean for point in curve.points], "_", color="black",
        markersize=18, markeredgewidth=2, label="mean",
    )  # fmt: skip
    axes.set(xlabel="photos trained on (without their copies)", ylabel=curve.score[1], xlim=(0, None))
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(1.02, high))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()

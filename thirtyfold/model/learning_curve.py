"""How many photos do I need? Trainings on 10, 25, 50 and 100 % of the sessions, and what comes next."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.errors import DataError, UsageError
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.power_law import PowerLaw, fit_power_law, pooled_spread
from thirtyfold.model.trials import open_study, run_trial, shared_options
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import DEFAULT_RUNS, Dataset

SHARES = (0.10, 0.25, 0.50, 1.0)
MORE_PHOTOS = 50
# A forecast whose 90 % are further apart than this says nothing that anybody could plan by.
_USELESS_WIDTH = 0.15
_WORDS = {"test": "test", "val": "validation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Trainings on one share: means over the seeds of ``photos`` and ``sessions``, and a score a seed."""

    share: float
    photos: float
    sessions: float
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)

    def row(self) -> tuple[str, ...]:
        spread = f" ({min(self.scores):.3f} to {max(self.scores):.3f})" if len(self.scores) > 1 else ""
        return (f"{self.share:.0%}", f"{self.photos:.0f}", f"{self.sessions:.0f}", f"{self.mean:.3f}{spread}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What :data:`MORE_PHOTOS` more photos would add to the score: the middle, and where 90 % of the curves end.

    ``sentence`` says it in words; the numbers are ``None`` where the curve is too noisy to say.
    """

    sentence: str
    gain: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """``part`` is what was judged on, ``by`` what was taken a share of. ``law`` is ``None`` with too few trainings.

    ``score`` is the figure's key and its title.
    """

    folder: Path
    points: tuple[Point, ...]
    part: str
    by: str
    judged_photos: int
    forecast: Forecast
    law: PowerLaw | None
    notes: tuple[str, ...]
    score: tuple[str, str] = ("mean_iou", "mean IoU")

    def to_dict(self) -> dict[str, Any]:
        forecast = self.forecast
        return {
            "folder": str(self.folder),
            "judged_on": self.part,
            "judged_photos": self.judged_photos,
            "shares_of": self.by,
            "points": [
                {
                    "share": point.share,
                    "photos": round(point.photos, 1),
                    "sessions": round(point.sessions, 1),
                    self.score[0]: round(point.mean, 6),
                    "scores": [round(score, 6) for score in point.scores],
                }
                for point in self.points
            ],
            "forecast": {
                "more_photos": MORE_PHOTOS,
                "gain": forecast.gain,
                "low": forecast.low,
                "high": forecast.high,
                "sentence": forecast.sentence,
            },
            "notes": list(self.notes),
        }

    def columns(self) -> tuple[str, ...]:
        return ("share", "photos", "sessions", f"{self.score[1]} on the {_WORDS[self.part]} photos")

    def rows(self) -> list[tuple[str, ...]]:
        return [point.row() for point in self.points]

    def remarks(self) -> list[str]:
        """What is to be said below the table, a line each."""
        return [self.forecast.sentence, *self.notes, f"Page: {self.folder / 'curve.html'}"]


def learning_curve(
    dataset: Dataset,
    options: TrainOptions,
    *,
    seeds: int = 3,
    runs_dir: Path = DEFAULT_RUNS,
    progress: Progress = SILENT,
) -> LearningCurve:
    """Train on growing shares of the train part, judge all on the same photos, and write curve and page.

    Every seed has an order of sessions of its own, and a smaller share lies within a larger one. The test
    photos are what is judged on, the validation photos where there are none. An equal command goes on
    where an earlier one was stopped. Raises as ``train``.
    """
    from thirtyfold.model.data import gather
    from thirtyfold.model.subset import FEWEST_SESSIONS, take_share

    if seeds < 1:
        raise UsageError(f"--seeds {seeds}: at least one was expected")
    if options.resume is not None or options.share < 1:
        raise UsageError(
            "--learning-curve: goes on by itself, and takes its shares itself; leave out --resume, --share"
        )
    score, title, _ = load_exam(options.task).headline[0]
    data = gather(dataset, options, progress, may_split=True)
    part, judged = ("test", data.test) if data.test else ("val", data.val)
    if not judged:
        raise DataError(
            f"{dataset.root}: has no test and no validation photos to judge on; run `thirtyfold split` again"
        )
    study = open_study("curve", shared_options(options, "share"), dataset, data, runs_dir)
    points = []
    for share in SHARES:
        scores, photos, sessions, by = [], [], [], ""
        for seed in range(options.seed, options.seed + seeds):
            subset = take_share(data.train, share, seed)
            chosen = replace(options, share=share, seed=seed)
            trial = run_trial(f"share{share * 100:03.0f}-{seed}", dataset, chosen, study, data, progress)
            scores.append(trial.figure(part, score) or 0.0)
            photos.append(subset.photos)
            sessions.append(subset.sessions)
            by = subset.by
        points.append(
            Point(
                share=share,
                photos=sum(photos) / seeds,
                sessions=sum(sessions) / seeds,
                scores=tuple(scores),
            )
        )
    law, forecast = foresee(points, title)
    curve = LearningCurve(
        folder=study,
        points=tuple(points),
        part=part,
        by=by,
        judged_photos=len(judged),
        forecast=forecast,
        law=law,
        score=(score, title),
        notes=_notes(by, part, len({photo.session for photo in data.train}), FEWEST_SESSIONS, data.leak_free),
    )
    write_curve(curve)
    return curve


def foresee(points: Sequence[Point], score: str = "mean IoU") -> tuple[PowerLaw | None, Forecast]:
    """The curves through the points, and what they say about more photos, in words; ``score`` is the figure's name."""
    spread = pooled_spread([point.scores for point in points])
    if spread is None:
        text = "One training a size does not show how far apart two of them come out, so nothing can be said about more"
        return None, Forecast(sentence=f"{text} photos: use --seeds 3.")
    law = fit_power_law(
        [point.photos for point in points],
        [point.mean for point in points],
        [spread / math.sqrt(len(point.scores)) for point in points],
    )
    first, last = points[0], points[-1]
    noise = spread * math.sqrt(1 / len(first.scores) + 1 / len(last.scores))
    rise = last.mean - first.mean
    if rise < 2 * noise:
        return law, Forecast(
            sentence=f"Too noisy to say: {last.photos:.0f} photos score {last.mean:.3f} and {first.photos:.0f} photos "
            f"{first.mean:.3f}, and trainings of one size differ by {spread:.3f} by themselves. More seeds, or more "
            "sessions to judge on, would show more."
        )
    low, middle, high = law.gain(last.photos, MORE_PHOTOS)
    if high - low > _USELESS_WIDTH:
        return law, Forecast(
            sentence=f"The curve rises, from {first.mean:.3f} with {first.photos:.0f} photos to {last.mean:.3f} with "
            f"{last.photos:.0f}, but is too rough to say how far: {MORE_PHOTOS} more photos would add something "
            f"between {low:.3f} and {high:.3f}."
        )
    likely = f"would likely add {middle:.3f} to the {score} of {last.mean:.3f} ({low:.3f} to {high:.3f}, nine in ten)"
    worth = (
        "that is less than two trainings differ by themselves, so more photos of the kind hardly pay"
        if middle < spread
        else "that is more than two trainings differ by themselves, so they are worth taking"
    )
    return law, Forecast(
        sentence=f"Another {MORE_PHOTOS} photos {likely}; {worth}.",
        gain=round(middle, 6),
        low=round(low, 6),
        high=round(high, 6),
    )


def _notes(by: str, part: str, sessions: int, fewest: int, leak_free: bool) -> tuple[str, ...]:
    notes = []
    if by == "photos":
        notes.append(
            f"The train part has {sessions} sessions, fewer than the {fewest} that shares of sessions need, so shares "
            "of the photos of every session were taken. Photos of one session resemble each other: the curve shows "
            "what more photos of these people and rooms bring, not what new ones would."
        )
    if part == "val":
        notes.append("There are no test photos, and the validation photos chose the best epoch: the scores flatter.")
    if not leak_free:
        notes.append("The split tears a session apart, so the scores flatter.")
    return tuple(notes)


def write_curve(curve: LearningCurve) -> None:
    """Write ``curve.json``, ``curve.csv``, ``curve.png`` and ``curve.html`` into the study's folder."""
    from thirtyfold.model.machine import machine_facts
    from thirtyfold.model.study_page import StudyPage, study_html

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("share", "photos", "sessions", "seed", curve.score[0]))
    for point in curve.points:
        for number, score in enumerate(point.scores):
            writer.writerow((point.share, round(point.photos, 1), round(point.sessions, 1), number, round(score, 6)))
    files.write_text(curve.folder / "curve.csv", buffer.getvalue())
    picture = curve_png(curve)
    files.write_bytes(curve.folder / "curve.png", picture)
    page = StudyPage(
        title="How many photos are enough?",
        lead=f"Trained on growing shares of the {curve.by}, judged on the same {curve.judged_photos} "
        f"{_WORDS[curve.part]} photos.",
        statements=[curve.forecast.sentence],
        warnings=curve.notes,
        plot_png=picture,
        plot_title="Score over photos",
        plot_caption="A dot a training. The band holds nine in ten of the curves that go through the dots.",
        columns=curve.columns(),
        rows=curve.rows(),
        table_note="Photos without their copies; mean over the seeds, lowest and highest in brackets.",
        facts=machine_facts(),
    )
    files.write_text(curve.folder / "curve.html", study_html(page))
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

"""How many photos do I need? Trainings on 10, 25, 50 and 100 % of the sessions, and what comes next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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

    @property
    def judged_on(self) -> str:
        """``part`` in words."""
        return {"test": "test photos", "val": "validation photos"}[self.part]

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
        return ("share", "photos", "sessions", f"{self.score[1]} on the {self.judged_on}")

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
    from thirtyfold.model.curve_page import write_curve  # it takes this module's types
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

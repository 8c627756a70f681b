"""What a comparison of backbones comes to: a line for each, and all of them as table, JSON and remarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thirtyfold.model.exams.base import Exam
from thirtyfold.model.spread import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One backbone. ``quality`` by part; ``beside`` by part, the mean over seeds of the exam's figure of that name.

    ``seconds_first`` is the first training, which computes the features of the copies if no earlier one did;
    ``seconds_mean`` that of all. ``best_run`` is the seed with the best validation score, ``best_figures`` what it
    reached on the test photos.
    """

    backbone: str
    quality: Mapping[str, Quality]
    beside: Mapping[str, float]
    frame_ms: float
    model_bytes: int
    numbers: str
    seconds_first: float
    seconds_mean: float
    runs: tuple[Path, ...]
    best_run: Path
    exam: Exam
    best_figures: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"backbone": self.backbone}
        key = self.exam.headline[0][0]
        for part, quality in self.quality.items():
            facts |= {
                f"{part}_{key}": _rounded(quality.mean),
                f"{part}_{key}_low": _rounded(quality.low),
                f"{part}_{key}_high": _rounded(quality.high),
            }
        beside = self.exam.beside[0] if self.exam.beside else ""
        return facts | {
            **{f"{part}_{beside}": _rounded(value) for part, value in self.beside.items()},
            "frame_ms": round(self.frame_ms, 3),
            "model_bytes": self.model_bytes,
            "model_numbers": self.numbers,
            "seconds_first_training": round(self.seconds_first, 1),
            "seconds_mean_training": round(self.seconds_mean, 1),
            "seeds": len(self.runs),
            "best_run": str(self.best_run),
        }

    def row(self) -> tuple[str, ...]:
        """Its cells under :func:`columns`."""
        beside = []
        if self.exam.beside is not None:
            beside = [format(self.beside["test"], self.exam.beside[2]) if "test" in self.beside else "–"]
        return (
            self.backbone,
            *(_cell(self.quality[part]) if part in self.quality else "–" for part in self.exam.compared),
            *beside,
            f"{self.frame_ms:.1f}",
            f"{self.model_bytes / 1e6:.1f}",
            f"{self.seconds_first:.0f} s",
        )


def columns(exam: Exam) -> tuple[str, ...]:
    """The columns of a comparison of models that ``exam`` judges."""
    parts = (f"{part} {exam.quality_name}" for part in exam.compared)
    beside = () if exam.beside is None else (exam.beside[1],)
    return ("backbone", *parts, *beside, "ms", "MB", "training")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``lines`` are the best on the validation photos first. ``left_out`` says why by backbone.

    ``statements`` are what can be said of the figures, a sentence each.
    """

    folder: Path
    lines: tuple[Line, ...]
    statements: tuple[str, ...]
    left_out: Mapping[str, str]
    photos: Mapping[str, int]
    machine: Mapping[str, str]

    @property
    def exam(self) -> Exam:
        """How the models were judged."""
        return self.lines[0].exam

    def to_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "backbones": [line.to_dict() | {"runs": [str(run) for run in line.runs]} for line in self.lines],
            "statements": list(self.statements),
            "left_out": dict(self.left_out),
            "photos": dict(self.photos),
            "machine": dict(self.machine),
        }

    def columns(self) -> tuple[str, ...]:
        return columns(self.exam)

    def rows(self) -> list[tuple[str, ...]]:
        return [line.row() for line in self.lines]

    def missing(self) -> list[str]:
        """Which backbones were left out, and why."""
        return [f"{name} was left out. {why}" for name, why in self.left_out.items()]

    def remarks(self) -> list[str]:
        """What is to be said below the table, a line each."""
        best = self.lines[0]
        use = f"The best training of {best.backbone}: thirtyfold live --model {best.best_run}"
        return [*self.statements, *self.missing(), use, f"Page: {self.folder / 'compare.html'}"]


def _cell(quality: Quality) -> str:
    return f"{quality.mean:.3f}" + ("" if quality.low is None else f"\n{quality.low:.2f}–{quality.high:.2f}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)

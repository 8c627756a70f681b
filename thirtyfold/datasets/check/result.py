"""What ``check`` found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from thirtyfold.datasets.check.fix import FixResult
from thirtyfold.datasets.check.problems import KINDS, SEVERITIES, Problem
from thirtyfold.errors import DataError
from thirtyfold.sample import Annotation

State = Literal["labelled", "empty", "unlabelled", "machine-made", "broken"]

_ROWS_OF_A_KIND = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPhoto:
    """One photo as ``check`` saw it: ``state`` is that of its labels, ``part`` that of the split.

    ``size_wh`` is (width, height) upright, ``None`` if it can't be read. ``annotations``
    are the shapes that can be read; ``places`` are their indices in the label file. ``tags`` are
    the classes and attributes of the whole photo.
    """

    path: Path
    state: State
    size_wh: tuple[int, int] | None = None
    annotations: tuple[Annotation, ...] = ()
    places: tuple[int, ...] = ()
    part: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """``problems`` come errors first. ``labels`` counts the shapes by label, a model's own left out.

    ``classes`` counts the photos by class, ``numbers`` has a line about each number that is known of photos.
    """

    root: str
    photos: tuple[CheckedPhoto, ...]
    problems: tuple[Problem, ...]
    labels: Mapping[str, int]
    classes: Mapping[str, int] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    strict: bool = False
    page: Path | None = None
    fixed: FixResult | None = None

    def states(self) -> dict[str, int]:
        """How many photos are labelled, verified empty, unlabelled, a model's, and broken."""
        counts = Counter(photo.state for photo in self.photos)
        names: tuple[State, ...] = ("labelled", "empty", "unlabelled", "machine-made", "broken")
        return {name: counts[name] for name in names}

    def severities(self) -> dict[str, int]:
        counts = Counter(problem.severity for problem in self.problems)
        return {severity: counts[severity] for severity in SEVERITIES}

    def codes(self) -> dict[str, int]:
        """Code → how often, errors first."""
        counts = Counter(problem.code for problem in self.problems)
        ordered = sorted(counts, key=lambda code: (SEVERITIES.index(KINDS[code].severity), list(KINDS).index(code)))
        return {code: counts[code] for code in ordered}

    def parts(self) -> dict[str, int]:
        counts = Counter(photo.part for photo in self.photos if photo.part)
        return {part: counts[part] for part in ("train", "val", "test") if counts[part]}

    def to_dict(self) -> dict[str, Any]:
        return {
            "dataset": self.root,
            "photos": len(self.photos),
            "states": self.states(),
            "parts": self.parts(),
            "labels": dict(self.labels),
            "classes": dict(self.classes),
            "numbers": list(self.numbers),
            "severities": self.severities(),
            "codes": self.codes(),
            "problems": [problem.to_dict() for problem in self.problems],
            "page": None if self.page is None else str(self.page),
            "fixed": None if self.fixed is None else self.fixed.to_dict(),
        }

    def facts(self) -> dict[str, object]:
        """Names and values for a person."""
        states, severities = self.states(), self.severities()
        facts: dict[str, object] = {
            "photos": len(self.photos),
            "labelled": states["labelled"],
            "empty (verified)": states["empty"],
            "unlabelled": states["unlabelled"],
        }
        if states["machine-made"]:
            facts["a model's, to be looked at"] = states["machine-made"]
        if states["broken"]:
            facts["photo or label can't be read"] = states["broken"]
        if self.parts():
            facts["split"] = ", ".join(f"{part} {count}" for part, count in self.parts().items())
        shapes = ", ".join(f"{label} ×{count}" for label, count in list(self.labels.items())[:12])
        if self.classes:
            classes = ", ".join(f"{name} {count}" for name, count in list(self.classes.items())[:12])
            facts["classes of photos"] = classes + (" ..." if len(self.classes) > 12 else "")
        if self.numbers:
            facts["numbers"] = "\n".join(self.numbers)
        if shapes or not self.classes:
            facts["shapes"] = (shapes or "none") + (" ..." if len(self.labels) > 12 else "")
        facts["found"] = ", ".join(f"{count} {_plural(name, count)}" for name, count in severities.items())
        if self.fixed is not None:
            facts |= self.fixed.facts()
        return facts

    def rows_by_kind(self) -> list[tuple[str, str, str, str]]:
        """(severity, code, how many, what it is and the mend)."""
        return [
            (KINDS[code].severity, code, str(count), f"{KINDS[code].title}. {KINDS[code].mend}")
            for code, count in self.codes().items()
        ]

    def rows_by_file(self) -> list[tuple[str, str, str]]:
        """(file, code, message) of the errors and warnings, the first eight of each kind."""
        rows: list[tuple[str, str, str]] = []
        serious = [problem for problem in self.problems if problem.severity != "note"]
        for code, group in groupby(serious, key=lambda problem: problem.code):
            alike = list(group)
            rows += [(_on_a_line(problem.file), code, _told(problem)) for problem in alike[:_ROWS_OF_A_KIND]]
            if len(alike) > _ROWS_OF_A_KIND:
                where = "--json" if self.page is None else str(self.page)
                rows.append((f"and {len(alike) - _ROWS_OF_A_KIND} more", code, f"all of them: {where}"))
        return rows

    def raise_if_wrong(self) -> None:
        """Raise :class:`DataError` if there are errors, with ``strict`` also for warnings.

        Where corrected copies were asked for, they are what counts: it is raised only if
        something had to be left out of them.
        """
        if self.fixed is not None:
            self.fixed.raise_if_left_out()
            if not self.strict:
                return
        severities = self.severities()
        counted = severities["error"] + (severities["warning"] if self.strict else 0)
        if counted:
            first = self.problems[0]
            raise DataError(
                f"{self.root}: {severities['error']} {_plural('error', severities['error'])} and "
                f"{severities['warning']} {_plural('warning', severities['warning'])}, "
                f"first {_on_a_line(first.file)} {_told(first)} ({first.code}). {first.mend}"
            )


def _told(problem: Problem) -> str:
    message = _on_a_line(problem.message)
    return message if problem.shape is None else f"shapes[{problem.shape}]: {message}"


def _on_a_line(text: str) -> str:
    """A file's name may hold line breaks, terminal commands, and bytes that are no text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"

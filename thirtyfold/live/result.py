"""How a live run went: for people, as JSON, and as what the command ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thirtyfold.errors import ImageError, ThirtyfoldError, left_out

_SHOWN_PROBLEMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """How a live run went.

    ``frames_read`` = ``frames_shown`` + ``frames_dropped`` + ``frames_paused`` (read while the
    person held the picture). ``fps`` is of the shown frames. ``model_ms`` is the median of
    the network alone, ``age_ms_*`` the time of a shown frame from camera to screen,
    ``boxes_lag_ms_*`` how much older the frame is that its boxes were found on.
    ``first_box_seconds`` counts from the start of the command; ``None`` if there was no box.
    ``objects_seen`` counts identities, ``cameras_lost`` how often the camera went away. ``extras`` says
    what each extra did, by the name of its option. ``ended`` is why it stopped: ``source``, ``max-seconds``,
    ``person``, ``ctrl-c`` or ``error``. ``left_out`` are the pictures of a folder that could not be read;
    ``problems`` has a sentence about each of them, too.
    """

    source: str
    run: Path | str
    view: str
    threshold: float
    ended: str
    seconds: float
    frames_read: int
    frames_shown: int
    frames_dropped: int
    frames_paused: int
    frames_detected: int
    frames_with_boxes: int
    fps: float
    model_ms: float | None
    age_ms_p50: float | None
    age_ms_p95: float | None
    boxes_lag_ms_p50: float | None
    boxes_lag_ms_p95: float | None
    first_box_seconds: float | None
    objects_seen: int = 0
    cameras_lost: int = 0
    extras: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    saved: Path | None = None
    reviewed: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()
    left_out: tuple[ImageError, ...] = ()
    error: ThirtyfoldError | None = None

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "frames_read": self.frames_read,
            "frames_shown": self.frames_shown,
            "frames_dropped": self.frames_dropped,
            "frames_paused": self.frames_paused,
            "frames_detected": self.frames_detected,
            "frames_with_boxes": self.frames_with_boxes,
            "fps": round(self.fps, 2),
            "model_ms": self.model_ms,
            "age_ms_p50": self.age_ms_p50,
            "age_ms_p95": self.age_ms_p95,
            "boxes_lag_ms_p50": self.boxes_lag_ms_p50,
            "boxes_lag_ms_p95": self.boxes_lag_ms_p95,
            "first_box_seconds": None if self.first_box_seconds is None else round(self.first_box_seconds, 3),
            "objects_seen": self.objects_seen,
            "cameras_lost": self.cameras_lost,
            "seconds": round(self.seconds, 2),
            "source": self.source,
            "run": str(self.run),
            "view": self.view,
            "threshold": round(self.threshold, 4),
            "ended": self.ended,
            **{name: dict(done) for name, done in self.extras.items()},
            "saved": None if self.saved is None else str(self.saved),
            "reviewed": [str(path) for path in self.reviewed],
            "problems": [*self.problems, *([str(self.error)] if self.error else [])],
        }

    def facts(self) -> dict[str, object]:
        """For people."""
        facts: dict[str, object] = {
            "source": self.source,
            "model": self.run,
            "frames": f"{self.frames_shown} shown of {self.frames_read} read, {self.frames_dropped} dropped"
            + (f", {self.frames_paused} while paused" if self.frames_paused else ""),
            "with boxes": f"{self.frames_with_boxes} frames, at threshold {self.threshold:.2f}",
            "speed": f"{self.fps:.1f} frames/s, the model takes {_milliseconds(self.model_ms)}",
            "camera to screen": f"{_milliseconds(self.age_ms_p50)}, 95 % within {_milliseconds(self.age_ms_p95)}",
            "boxes behind the picture": f"{_milliseconds(self.boxes_lag_ms_p50)}, "
            f"95 % within {_milliseconds(self.boxes_lag_ms_p95)}",
            "first box": "none" if self.first_box_seconds is None else f"after {self.first_box_seconds:.2f} s",
        }
        if self.objects_seen:
            facts["objects"] = f"{self.objects_seen} different ones"
        if self.cameras_lost:
            facts["camera"] = f"was lost {self.cameras_lost} times"
        for name, done in self.extras.items():
            facts[name.replace("_", " ")] = ", ".join(f"{what}: {_plainly(value)}" for what, value in done.items())
        if self.saved is not None:
            facts["video"] = self.saved
        if self.reviewed:
            facts["to review"] = f"{len(self.reviewed)} frames, last {self.reviewed[-1]}"
        for number, problem in enumerate(self.problems[:_SHOWN_PROBLEMS], 1):
            facts[f"problem {number}"] = problem
        if len(self.problems) > _SHOWN_PROBLEMS:
            facts["more problems"] = f"{len(self.problems) - _SHOWN_PROBLEMS}, all of them with --json"
        return facts

    def raise_if_cut_short(self) -> None:
        """Raise what ended the run, if it was not meant: a camera that died, or Ctrl-C (exit code 130).

        Raises :class:`DataError` where pictures of the folder were left out.
        """
        if self.error is not None:
            raise self.error
        if self.ended == "ctrl-c":
            raise KeyboardInterrupt
        if self.left_out:
            raise left_out(self.left_out)


def _plainly(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_plainly(inner)}" for name, inner in value.items()) or "none"
    return str(value)


def _milliseconds(value: float | None) -> str:
    return "no time yet" if value is None else f"{value:.1f} ms"

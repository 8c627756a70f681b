"""The numbers of a live run: counted while it runs, in memory that does not grow."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thirtyfold.errors import ThirtyfoldError

_RECENT_FRAMES = 60
_SHOWN_PROBLEMS = 8


class Histogram:
    """Milliseconds counted in steps of 0.1 up to 10 s, so that hours take no more room than a minute."""

    _STEP_MS = 0.1
    _STEPS = 100_000

    def __init__(self) -> None:
        self.count = 0
        self._counts = array("Q", bytes(8 * self._STEPS))

    def add(self, milliseconds: float) -> None:
        self.count += 1
        self._counts[min(self._STEPS - 1, max(0, round(milliseconds / self._STEP_MS)))] += 1

    def percentile(self, percent: float) -> float | None:
        """The value that ``percent`` (0 to 100) of all are not above (nearest rank); ``None`` without any."""
        if not self.count:
            return None
        rank, seen = max(1.0, self.count * percent / 100), 0
        for step, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                return round(step * self._STEP_MS, 1)
        raise AssertionError("unreachable: the counts add up to `count`")


class LiveStats:
    """What has been shown so far. ``started_at`` is when the person began to wait (``perf_counter``)."""

    def __init__(self, started_at: float) -> None:
        self.frames_shown = 0
        self.frames_paused = 0
        self.frames_with_boxes = 0
        self.cameras_lost = 0
        self.first_box_seconds: float | None = None
        self.ages = Histogram()
        self.lags = Histogram()
        self._started_at = started_at
        self._first_shown_at = 0.0
        self._last_shown_at = 0.0
        self._paused_seconds = 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT_FRAMES)

    def shown(self, *, read_at: float, shown_at: float, boxes: int, lag_ms: float | None) -> None:
        """Count one frame: read and shown on the clock of ``perf_counter``, with so many boxes.

        ``lag_ms`` is how much older the frame is that the boxes were found on, ``None``
        while there is none.
        """
        if not self.frames_shown:
            self._first_shown_at = shown_at
        self._last_shown_at = shown_at
        self.frames_shown += 1
        age_ms = (shown_at - read_at) * 1000
        self.ages.add(age_ms)
        self._recent.append((shown_at, age_ms))
        if lag_ms is not None:
            self.lags.add(lag_ms)
        if boxes:
            self.frames_with_boxes += 1
            if self.first_box_seconds is None:
                self.first_box_seconds = shown_at - self._started_at

    def resumed(self, *, frames: int, seconds: float) -> None:
        """The person went on after a pause in which so many frames were read."""
        self.frames_paused += frames
        self._paused_seconds += seconds
        self._recent.clear()

    @property
    def fps(self) -> float:
        """Frames a second from the first to the last one shown, pauses left out; 0 with fewer than two."""
        seconds = self._last_shown_at - self._first_shown_at - self._paused_seconds
        return (self.frames_shown - 1) / seconds if seconds > 0 else 0.0

    @property
    def recent_fps(self) -> float:
        """Frames a second over the last two seconds or so."""
        seconds = self._recent[-1][0] - self._recent[0][0] if self._recent else 0.0
        return (len(self._recent) - 1) / seconds if seconds > 0 else 0.0

    @property
    def recent_age_ms(self) -> float:
        """The median age of the frames of the last two seconds or so, when they reached the screen."""
        ages = sorted(age for _, age in self._recent)
        return ages[len(ages) // 2] if ages else 0.0


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
    ``person``, ``ctrl-c`` or ``error``.
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
        """Raise what ended the run, if it was not meant: a camera that died, or Ctrl-C (exit code 130)."""
        if self.error is not None:
            raise self.error
        if self.ended == "ctrl-c":
            raise KeyboardInterrupt


def _plainly(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_plainly(inner)}" for name, inner in value.items()) or "none"
    return str(value)


def _milliseconds(value: float | None) -> str:
    return "no time yet" if value is None else f"{value:.1f} ms"

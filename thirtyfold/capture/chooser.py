"""When to take a photo, and of which frame. Pure: the only clock is that of the frames."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from thirtyfold.capture.frames import Frame
from thirtyfold.capture.quality import BLACK, WHITE, Measure, Verdict, judge, measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds. ``warm_up``: a camera sets its exposure. ``new_shot``: a person reads and moves.

    ``leave``: a person leaves the picture. ``patience``: so long a camera may give only bad frames.
    """

    warm_up: float = 0.7
    new_shot: float = 2.0
    leave: float = 4.0
    patience: float = 4.0


TIMING = Timing()
# How far back the sharpest frame is looked for.
_RECENT_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A frame to keep. ``despite``: what was wrong with it, where nothing better came."""

    frame: Frame
    measured: Measure
    despite: tuple[str, ...] = ()


class Chooser:
    """Is offered every frame in turn, and says which one to keep.

    A frame is due ``every`` seconds after the one before. A bad one is refused and the next
    is tried. A live camera that gives only bad ones for ``patience`` seconds gets its best one
    taken all the same: a dim room or a noisy webcam must not stop the work. ``refused`` counts the
    reasons.
    """

    def __init__(self, *, every: float, live: bool, fps: float, keep_all: bool, timing: Timing = TIMING) -> None:
        self.refused: Counter[str] = Counter()
        self.verdict = Verdict()
        self._every = every
        self._live = live
        self._keep_all = keep_all
        self._patience = timing.patience
        # Timestamps are rounded to milliseconds: 0.099 s is the frame of 0.1 s.
        self._tolerance = 0.0 if live else min(0.5 / fps, 0.5 * every)
        self._due = timing.warm_up if live else 0.0
        self._previous: Measure | None = None
        self._best: Choice | None = None
        self._refusing_since: float | None = None
        self._recent: deque[tuple[float, float]] = deque()

    def due_in(self, seconds: float) -> float:
        """Seconds of the source's clock until a photo is due, 0 if it is overdue."""
        return max(0.0, self._due - seconds)

    def wait_until(self, seconds: float) -> None:
        """No photo before ``seconds`` of the source's clock."""
        self._due = max(self._due, seconds)
        self._forget_refused()

    def offer(self, frame: Frame) -> Choice | None:
        """The frame to keep now: this one, or the best of those refused; ``None`` if none."""
        if self._keep_all:
            is_due = frame.seconds + self._tolerance >= self._due
            return Choice(frame=frame, measured=measure(frame.pixels)) if is_due else None
        measured = measure(frame.pixels)
        recent_sharpness = self._recent_sharpness(frame, measured)
        if frame.seconds + self._tolerance < self._due:
            self.verdict = Verdict()
            return None
        self.verdict = judge(measured, self._previous, recent_sharpness=recent_sharpness)
        choice = Choice(frame=frame, measured=measured, despite=self.verdict.reasons)
        if self.verdict.good:
            return choice
        self.refused.update(self.verdict.reasons)
        return self._refuse(choice)

    def took(self, choice: Choice, *, at_seconds: float) -> None:
        """``choice`` was saved: the next one is due ``every`` seconds after ``at_seconds``."""
        self._previous = choice.measured
        self._due = at_seconds + self._every
        self._forget_refused()

    def _refuse(self, choice: Choice) -> Choice | None:
        if not self._live:
            return None
        now = choice.frame.seconds
        self._refusing_since = now if self._refusing_since is None else self._refusing_since
        if self._best is None or _worth(choice) > _worth(self._best):
            self._best = choice
        return self._best if now - self._refusing_since >= self._patience else None

    def _forget_refused(self) -> None:
        self._best = None
        self._refusing_since = None

    def _recent_sharpness(self, frame: Frame, measured: Measure) -> float:
        if frame.name is not None:  # the pictures of a folder have nothing to do with each other
            return 0.0
        self._recent.append((frame.seconds, measured.sharpness))
        while self._recent[0][0] < frame.seconds - _RECENT_SECONDS:
            self._recent.popleft()
        return max(sharpness for _, sharpness in self._recent)


def _worth(choice: Choice) -> tuple[int, float]:
    return (-sum(1 for reason in choice.despite if reason in (BLACK, WHITE)), choice.measured.sharpness)

"""The numbers of a live run: counted while it runs, in memory that does not grow."""

from __future__ import annotations

from array import array
from collections import deque

_RECENT_FRAMES = 60


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
    """What has been shown so far. ``started_at`` is when the person began to wait (``perf_counter``).

    ``frames_dropped`` counts those that were read, and left out, before the one that was shown last.
    """

    def __init__(self, started_at: float) -> None:
        self.frames_shown = 0
        self.frames_paused = 0
        self.frames_dropped = 0
        self.frames_with_boxes = 0
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

"""Which object is which from picture to picture, and where it is now. Pure: the time comes in with what was found.

After SORT (Bewley et al., "Simple Online and Realtime Tracking", 2016): boxes are carried along by their
speed, and what is found overlaps them or is new. From ByteTrack (Zhang et al., 2022) comes the second look:
a weak detection may steer an object that is known, but none begins with one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from thirtyfold.predict.matching import match
from thirtyfold.sample import Annotation, BoxXyxy


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """How patient the tracker is. Shares are of the box's side, the square root of its area.

    ``min_hits``: an object is shown once it was found so often in a row. ``keep_seconds``: how long it
    stays after it was last found (longer where the model itself is slower than that). ``min_iou``: what
    overlaps less is another object. ``weak_share``: of the threshold; a detection from there on steers,
    but neither begins an object nor keeps one alive. ``measured_share`` is how far a model's box is off,
    ``acceleration_share`` how suddenly things move (spectral density, per s³).

    The last two and ``coast_seconds`` were chosen with ``benchmarks/track.py``.
    """

    min_hits: int = 2
    keep_seconds: float = 0.5
    min_iou: float = 0.2
    weak_share: float = 0.5
    measured_share: float = 0.02
    acceleration_share: float = 8.0
    coast_seconds: float = 0.1


# From this long between two looks on, a second hit would be waited for visibly.
_SLOW_LOOK_SECONDS = 0.2
_SLOWEST_LOOK_SECONDS = 5.0
_KEEP_LOOKS = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One object. ``id`` counts from 1 and is never given twice.

    ``annotation`` is steadied and moved to the time that was asked for; ``detected`` is what the model
    said last, as it said it, at ``seen_seconds``. ``hits`` counts how often it was found.
    """

    id: int
    annotation: Annotation
    detected: Annotation
    hits: int
    seen_seconds: float


class Tracker:
    """Give it what was found and when (:meth:`update`), ask it what is there (:meth:`at`)."""

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self.settings = settings or TrackSettings()
        self.objects_seen = 0
        self._tracks: list[_Tracked] = []
        self._last_id = 0
        self._updated_seconds: float | None = None
        self._look_seconds = 0.0

    def update(self, annotations: Sequence[Annotation], seconds: float, *, threshold: float) -> None:
        """What was found in the picture of ``seconds`` on the source's clock, which must not run backwards."""
        if self._updated_seconds is not None:
            # A gap (a pause, a camera that was away) is not the model's pace, and is forgotten after some looks.
            since = min(max(0.0, seconds - self._updated_seconds), _SLOWEST_LOOK_SECONDS)
            self._look_seconds = since if not self._look_seconds else 0.7 * self._look_seconds + 0.3 * since
        self._updated_seconds = seconds
        strong = [found for found in annotations if (found.score or 0.0) >= threshold]
        weak_from = threshold * self.settings.weak_share
        weak = [found for found in annotations if weak_from <= (found.score or 0.0) < threshold]
        here = [track for track in self._tracks if self._lives(track, seconds)]
        left, new = self._steer(here, strong, seconds, strong=True)
        lost, _ = self._steer(left, weak, seconds, strong=False)
        for track in lost:
            track.missed = True
        self._tracks = [track for track in here if self._lives(track, seconds)]
        for found in new:
            self._last_id += 1
            self._tracks.append(_Tracked(self._last_id, found, seconds, self.settings))
        for track in self._tracks:
            if not track.shown and (track.hits >= self.settings.min_hits or self._look_seconds > _SLOW_LOOK_SECONDS):
                track.shown = True
                self.objects_seen += 1

    def at(self, seconds: float) -> tuple[Track, ...]:
        """The objects that are there at ``seconds``, oldest first, moved on by their speed if that is later."""
        return tuple(track.as_seen(seconds) for track in self._tracks if track.shown and self._lives(track, seconds))

    def _steer(
        self, tracks: Sequence[_Tracked], found: Sequence[Annotation], seconds: float, *, strong: bool
    ) -> tuple[list[_Tracked], list[Annotation]]:
        """Give each track what overlaps it; returns the tracks and the detections that are left."""
        there = [track.as_seen(seconds).annotation for track in tracks]
        pairs = [pair for pair in match(there, found) if pair[2] >= self.settings.min_iou]
        for t, f, _ in pairs:
            tracks[t].correct(found[f], seconds, strong=strong)
        taken_tracks, taken_found = {t for t, _, _ in pairs}, {f for _, f, _ in pairs}
        return (
            [track for t, track in enumerate(tracks) if t not in taken_tracks],
            [annotation for f, annotation in enumerate(found) if f not in taken_found],
        )

    def _lives(self, track: _Tracked, seconds: float) -> bool:
        if not track.shown:
            return not track.missed
        keep_seconds = max(self.settings.keep_seconds, _KEEP_LOOKS * self._look_seconds)
        return seconds - track.strong_seconds <= keep_seconds


class _Tracked:
    """A track with its filters, changed in place."""

    def __init__(self, number: int, found: Annotation, seconds: float, settings: TrackSettings) -> None:
        self.id = number
        self.detected = found
        self.hits = 1
        self.shown = False
        self.missed = False
        self.seen_seconds = self.strong_seconds = seconds
        self._settings = settings
        self._lines = [_Steady(value, _side(found.box_xyxy), settings) for value in _centre_wh(found.box_xyxy)]

    def correct(self, found: Annotation, seconds: float, *, strong: bool) -> None:
        side = _side(found.box_xyxy)
        for line, value in zip(self._lines, _centre_wh(found.box_xyxy), strict=True):
            line.correct(value, seconds - self.seen_seconds, side)
        self.detected, self.seen_seconds = found, seconds
        if strong:
            self.hits += 1
            self.strong_seconds = seconds

    def as_seen(self, seconds: float) -> Track:
        since = max(0.0, seconds - self.seen_seconds)
        # A speed that was measured over a few frames is not true for long: it dies away.
        coast = self._settings.coast_seconds
        ahead = coast * (1 - math.exp(-since / coast)) if coast > 0 else 0.0
        cx, cy, width, height = (line.value + line.speed * ahead for line in self._lines)
        width, height = max(1.0, width), max(1.0, height)
        box_xyxy = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        return Track(
            id=self.id,
            annotation=_moved(self.detected, box_xyxy),
            detected=self.detected,
            hits=self.hits,
            seen_seconds=self.seen_seconds,
        )


class _Steady:
    """A Kalman filter of one number that moves at a nearly constant speed (Bar-Shalom et al., 2001, ch. 6.2.2)."""

    def __init__(self, value: float, side: float, settings: TrackSettings) -> None:
        self.value, self.speed = value, 0.0
        self._settings = settings
        # How unsure: of the value, of both together, of the speed (a side a second).
        self._vv, self._vs, self._ss = (settings.measured_share * side) ** 2, 0.0, side**2

    def correct(self, measured: float, seconds: float, side: float) -> None:
        density = self._settings.acceleration_share * side**2
        self.value += self.speed * seconds
        self._vv += seconds * (2 * self._vs + seconds * self._ss) + density * seconds**3 / 3
        self._vs += seconds * self._ss + density * seconds**2 / 2
        self._ss += density * seconds
        gain = 1 / (self._vv + (self._settings.measured_share * side) ** 2)
        value_gain, speed_gain = self._vv * gain, self._vs * gain
        off = measured - self.value
        self.value += value_gain * off
        self.speed += speed_gain * off
        self._ss -= speed_gain * self._vs
        self._vs *= 1 - value_gain
        self._vv *= 1 - value_gain


def _moved(annotation: Annotation, box_xyxy: BoxXyxy) -> Annotation:
    """``annotation`` shifted and stretched so that its box is ``box_xyxy``; a polygon goes along."""
    cx, cy, width, height = _centre_wh(annotation.box_xyxy)
    to_cx, to_cy, to_width, to_height = _centre_wh(box_xyxy)
    sx, sy = to_width / max(width, 1e-6), to_height / max(height, 1e-6)
    return replace(
        annotation, points=tuple((to_cx + (x - cx) * sx, to_cy + (y - cy) * sy) for x, y in annotation.points)
    )


def _centre_wh(box_xyxy: BoxXyxy) -> tuple[float, float, float, float]:
    left, top, right, bottom = box_xyxy
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _side(box_xyxy: BoxXyxy) -> float:
    _, _, width, height = _centre_wh(box_xyxy)
    return max(1.0, math.sqrt(max(0.0, width * height)))

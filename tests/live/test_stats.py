from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from thirtyfold.errors import CameraError
from thirtyfold.live.result import LiveResult
from thirtyfold.live.stats import Histogram, LiveStats


def test_percentiles_agree_with_numpy_to_a_tenth_of_a_millisecond() -> None:
    values = np.random.default_rng(0).gamma(2.0, 20.0, 5000)
    histogram = Histogram()
    for value in values:
        histogram.add(float(value))
    for percent in (50, 95, 99):
        expected = float(np.percentile(values, percent, method="inverted_cdf"))
        assert histogram.percentile(percent) == pytest.approx(expected, abs=0.051)


def test_a_histogram_takes_no_more_room_the_longer_it_runs_and_no_value_breaks_it() -> None:
    histogram = Histogram()
    assert histogram.percentile(50) is None
    before = sys.getsizeof(histogram._counts)
    for value in [-1.0, 0.0, 1e12] * 1000:
        histogram.add(value)
    assert sys.getsizeof(histogram._counts) == before
    assert (histogram.percentile(1), histogram.percentile(99)) == (0.0, 9999.9)


def test_the_numbers_of_frames_shown_at_known_times_are_exact() -> None:
    stats = LiveStats(started_at=9.0)
    for number in range(11):
        at = 10.0 + number * 0.1
        stats.shown(read_at=at - 0.020, shown_at=at, boxes=int(number >= 5), lag_ms=None if number == 0 else 33.0)
    assert stats.frames_shown == 11
    assert stats.fps == pytest.approx(10.0)
    assert stats.recent_fps == pytest.approx(10.0)
    assert stats.ages.percentile(50) == 20.0
    assert stats.lags.count == 10
    assert stats.frames_with_boxes == 6
    assert stats.first_box_seconds == pytest.approx(1.5)


def test_a_pause_slows_nothing_down() -> None:
    stats = LiveStats(started_at=0.0)
    for at in (1.0, 1.1, 1.2):
        stats.shown(read_at=at, shown_at=at, boxes=0, lag_ms=None)
    stats.resumed(frames=600, seconds=60.0)
    for at in (61.3, 61.4):
        stats.shown(read_at=at, shown_at=at, boxes=0, lag_ms=None)
    assert stats.frames_paused == 600
    assert stats.fps == pytest.approx(4 / 0.4)


def test_one_frame_or_none_has_no_speed() -> None:
    stats = LiveStats(started_at=0.0)
    assert (stats.fps, stats.recent_fps, stats.recent_age_ms) == (0.0, 0.0, 0.0)
    stats.shown(read_at=1.0, shown_at=1.1, boxes=1, lag_ms=0.0)
    assert stats.fps == 0.0


def result(**changes: object) -> LiveResult:
    values: dict[str, object] = {
        "source": "camera 0",
        "run": Path("runs/detect/1"),
        "view": "none",
        "threshold": 0.5,
        "ended": "source",
        "seconds": 2.0,
        "frames_read": 60,
        "frames_shown": 50,
        "frames_dropped": 10,
        "frames_paused": 0,
        "frames_detected": 40,
        "frames_with_boxes": 30,
        "fps": 25.0,
        "model_ms": 12.3,
        "age_ms_p50": 5.0,
        "age_ms_p95": 9.0,
        "boxes_lag_ms_p50": 0.0,
        "boxes_lag_ms_p95": 33.0,
        "first_box_seconds": 0.7,
    }
    return LiveResult(**(values | changes))  # type: ignore[arg-type]


def test_the_promised_keys_are_there_and_the_facts_read_well() -> None:
    promised = "frames_read frames_shown frames_dropped fps model_ms age_ms_p50 age_ms_p95 first_box_seconds"
    assert set(promised.split()) <= set(result().to_dict())
    facts = result().facts()
    assert facts["frames"] == "50 shown of 60 read, 10 dropped"
    assert facts["first box"] == "after 0.70 s"
    assert result(first_box_seconds=None, model_ms=None).facts()["first box"] == "none"


def test_what_the_extras_did_stands_in_both() -> None:
    extras = {"crops": {"folder": "cut", "files": 3}, "count": {"file": "c.csv", "door": {"entered": {"face": 2}}}}
    told = result(extras=extras, objects_seen=2, cameras_lost=1)
    assert told.to_dict()["crops"] == {"folder": "cut", "files": 3}
    assert (told.to_dict()["objects_seen"], told.to_dict()["cameras_lost"]) == (2, 1)
    facts = told.facts()
    assert facts["crops"] == "folder: cut, files: 3"
    assert facts["count"] == "file: c.csv, door: entered face 2"
    assert facts["camera"] == "was lost 1 times"


def test_a_death_and_ctrl_c_are_raised_after_the_summary_and_a_plain_end_is_not() -> None:
    result().raise_if_cut_short()
    result(ended="person").raise_if_cut_short()
    with pytest.raises(CameraError, match="gone"):
        result(ended="error", error=CameraError("gone")).raise_if_cut_short()
    with pytest.raises(KeyboardInterrupt):
        result(ended="ctrl-c").raise_if_cut_short()

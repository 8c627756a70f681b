from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from thirtyfold.predict.track import Track, Tracker, TrackSettings
from thirtyfold.sample import Annotation, BoxXyxy


def face(left: float, top: float = 100.0, *, side: float = 80.0, score: float = 0.9, label: str = "face") -> Annotation:
    return Annotation.from_box(label, (left, top, left + side, top + side), score=score)


def feed(tracker: Tracker, found: list[Annotation], frame: int, *, fps: float = 30.0) -> tuple[Track, ...]:
    tracker.update(found, frame / fps, threshold=0.5)
    return tracker.at(frame / fps)


def test_an_object_keeps_its_identity_while_it_moves_and_another_gets_its_own() -> None:
    tracker = Tracker()
    for frame in range(30):
        shown = feed(tracker, [face(400 - 5 * frame), face(100 + 5 * frame, 300)], frame)
    assert [(track.id, round(track.detected.box_xyxy[1])) for track in shown] == [(1, 100), (2, 300)]
    assert tracker.objects_seen == 2
    assert shown[0].hits == 30


def test_two_of_one_kind_that_pass_each_other_keep_their_identities() -> None:
    tracker = Tracker()
    for frame in range(60):
        shown = feed(tracker, [face(50 + 6 * frame, 100), face(410 - 6 * frame, 150)], frame)
    assert {track.id: round(track.detected.box_xyxy[1]) for track in shown} == {1: 100, 2: 150}


def test_boxes_appear_with_the_second_hit_and_one_that_flickers_never_does() -> None:
    tracker = Tracker()
    assert feed(tracker, [face(100)], 0) == ()
    assert len(feed(tracker, [face(100)], 1)) == 1
    for frame in range(2, 40):
        shown = feed(tracker, [face(100), *([face(400)] if frame % 2 else [])], frame)
        assert [track.id for track in shown] == [1]
    assert tracker.objects_seen == 1


def test_a_slow_model_need_not_see_an_object_twice() -> None:
    tracker = Tracker()
    feed(tracker, [], 0, fps=2)
    assert [track.id for track in feed(tracker, [face(100)], 1, fps=2)] == [1]
    # ... and its objects do not die between two looks, nor at one that missed them.
    assert len(tracker.at(0.95)) == 1
    assert len(feed(tracker, [], 2, fps=2)) == 1
    assert feed(tracker, [], 5, fps=2) == ()


def test_short_misses_are_survived_and_long_ones_are_the_end() -> None:
    tracker = Tracker()
    for frame in range(10):
        feed(tracker, [face(100)], frame)
    for frame in range(10, 20):
        assert [track.id for track in feed(tracker, [], frame)] == [1]
    assert [track.id for track in feed(tracker, [face(100)], 20)] == [1]
    for frame in range(21, 60):
        shown = feed(tracker, [], frame)
    assert shown == ()
    feed(tracker, [face(100)], 60)
    assert [track.id for track in feed(tracker, [face(100)], 61)] == [2], "numbers are never given twice"


def test_a_weak_detection_steers_but_neither_begins_an_object_nor_keeps_it_alive() -> None:
    tracker = Tracker()
    for frame in range(5):
        assert feed(tracker, [face(100, score=0.3)], frame) == ()
    for frame in range(5, 10):
        feed(tracker, [face(100)], frame)
    (track,) = feed(tracker, [face(110, score=0.3)], 10)
    assert track.detected.score == 0.3
    assert track.annotation.box_xyxy[0] > 103
    for frame in range(11, 40):
        shown = feed(tracker, [face(110, score=0.3)], frame)
    assert shown == ()


def test_labels_are_never_mixed() -> None:
    tracker = Tracker()
    for frame in range(5):
        shown = feed(tracker, [face(100, label="cat"), face(102, label="dog")], frame)
    assert sorted(track.annotation.label for track in shown) == ["cat", "dog"]
    assert {track.annotation.label for track in feed(tracker, [face(100, label="cat")], 5)} == {"cat", "dog"}
    for frame in range(6, 40):
        shown = feed(tracker, [face(100, label="cat")], frame)
    assert [track.annotation.label for track in shown] == ["cat"]


def test_a_shaking_box_shakes_less_and_does_not_trail_one_that_moves() -> None:
    random = np.random.default_rng(0)
    tracker = Tracker()
    truth, raw, steady = [], [], []
    for frame in range(120):
        left = 100 + 4.0 * frame
        found = face(left + float(random.normal(0, 1.5)))
        shown = feed(tracker, [found], frame)
        if frame >= 15:
            truth.append(left)
            raw.append(found.box_xyxy[0])
            steady.append(shown[0].annotation.box_xyxy[0])

    def shake(lefts: list[float]) -> float:
        return float(np.std(np.diff(lefts, 2)))

    assert shake(steady) < 0.7 * shake(raw)
    # It moves 4 pixels a frame: a fifth of a frame late at most.
    assert abs(float(np.mean(np.subtract(steady, truth)))) < 0.8


def test_between_two_looks_a_box_goes_on_and_does_not_run_away() -> None:
    tracker = Tracker()
    for frame in range(30):
        feed(tracker, [face(100 + 4.0 * frame)], frame)

    def left_after(seconds: float) -> float:
        return tracker.at(29 / 30 + seconds)[0].annotation.box_xyxy[0]

    assert left_after(0) == pytest.approx(216, abs=1.0)
    assert left_after(1 / 30) == pytest.approx(220, abs=1.5)
    assert left_after(0.45) < 216 + 4.0 * 30 * 0.11


def test_what_the_model_said_is_kept_as_it_said_it() -> None:
    tracker = Tracker()
    for frame in range(10):
        found = face(100 + 9 * (frame % 2))
        shown = feed(tracker, [found], frame)
    assert shown[0].detected == found
    assert shown[0].annotation != found
    assert (shown[0].annotation.label, shown[0].annotation.score) == ("face", 0.9)


def test_a_polygon_moves_along_with_its_box() -> None:
    tracker = Tracker(TrackSettings(min_hits=1))
    triangle = Annotation(label="leaf", points=((100, 100), (180, 100), (140, 180)), kind="polygon", score=0.9)
    tracker.update([triangle], 0.0, threshold=0.5)
    (track,) = tracker.at(0.0)
    assert track.annotation.kind == "polygon"
    assert np.allclose(track.annotation.points, triangle.points)


def test_a_clock_that_stands_still_or_a_gap_breaks_nothing() -> None:
    tracker = Tracker()
    for seconds in (0.0, 0.0, 0.1, 0.1, 500.0, 500.0):
        tracker.update([face(100)], seconds, threshold=0.5)
    (track,) = tracker.at(500.0)
    assert all(np.isfinite(track.annotation.box_xyxy))
    assert track.id == 2, "who was there eight minutes ago may be somebody else"


def test_the_real_clip_has_one_person_from_end_to_end(shared: Callable[[str], object]) -> None:
    from thirtyfold.capture.camera import open_camera
    from thirtyfold.predict.detectors import Haar

    camera = open_camera(str(shared("data/clips/milk.mkv")))
    detector, tracker = Haar(), Tracker()
    lefts: list[tuple[float, float]] = []
    boxes: list[BoxXyxy] = []
    while (frame := camera.read()) is not None:
        tracker.update(detector(frame.pixels), frame.seconds, threshold=detector.threshold)
        first = [track for track in tracker.at(frame.seconds) if track.id == 1]
        if first:
            lefts.append((first[0].detected.box_xyxy[0], first[0].annotation.box_xyxy[0]))
            boxes.append(first[0].annotation.box_xyxy)
    camera.close()
    assert len(boxes) >= 45
    raw, steady = np.array(lefts).T
    assert np.abs(np.diff(steady, 2)).mean() < 0.7 * np.abs(np.diff(raw, 2)).mean()
    assert all(abs(b[0] - a[0]) < 0.2 * (a[2] - a[0]) for a, b in pairwise(boxes)), "no leaps"

from __future__ import annotations

import threading
import time

import pytest

from tests.live.scripted import ScriptedCamera
from tests.waiting import PATIENCE_SECONDS
from thirtyfold.capture.frames import NewestFrame
from thirtyfold.images import Pixels
from thirtyfold.live.detector import DetectorThread
from thirtyfold.sample import Annotation


class GatedModel:
    """Finds one box; each call waits until ``gate`` is open."""

    model_ms = 1.0

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.calls = 0

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        assert self.gate.wait(PATIENCE_SECONDS)
        self.calls += 1
        return (Annotation.from_box("face", (0, 0, 10, 10), score=threshold),)


class FailingModel:
    model_ms = 1.0

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        raise RuntimeError("a model that fails")


def test_a_model_that_never_answers_holds_up_nobody() -> None:
    model = GatedModel()
    frames = NewestFrame(ScriptedCamera(50, fps=500), paced=True)
    detector = DetectorThread(frames, model, floor=0.05)
    frames.start()
    detector.start()
    index = -1
    while (frame := frames.get(index, PATIENCE_SECONDS)) is not None:
        index = frame.index
        assert detector.get(index, patience=0.001) is None
    assert index == 49
    model.gate.set()
    detector.stop()
    frames.stop()
    # The frame it was held at, and the newest one then: what came between was never queued.
    assert model.calls <= 2


def test_a_quick_model_gives_the_boxes_of_the_very_frame() -> None:
    model = GatedModel()
    model.gate.set()
    frames = NewestFrame(ScriptedCamera(20, fps=50), paced=True)
    detector = DetectorThread(frames, model, floor=0.05)
    frames.start()
    detector.start()
    index = -1
    while (frame := frames.get(index, PATIENCE_SECONDS)) is not None:
        index = frame.index
        detection = detector.get(index, patience=PATIENCE_SECONDS)
        assert detection is not None
        assert detection.frame.index >= index
        assert detection.annotations[0].score == 0.05
    detector.stop()
    frames.stop()


def test_what_the_model_raises_reaches_the_one_who_shows() -> None:
    frames = NewestFrame(ScriptedCamera(50, fps=50), paced=True)
    detector = DetectorThread(frames, FailingModel(), floor=0.05)
    frames.start()
    detector.start()
    with pytest.raises(RuntimeError, match="a model that fails"):
        detector.get(0, patience=PATIENCE_SECONDS)
    detector.stop()
    frames.stop()


def test_stopping_needs_no_start_and_may_be_done_twice() -> None:
    detector = DetectorThread(NewestFrame(ScriptedCamera(1), paced=True), GatedModel(), floor=0.05)
    detector.stop()
    detector.stop()


@pytest.mark.parametrize("slow", ["model", "taker"])
def test_handed_over_every_frame_is_looked_at_and_none_is_lost_whoever_is_slower(slow: str) -> None:
    class Model(GatedModel):
        def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
            if slow == "model":
                time.sleep(0.005)
            return super().__call__(pixels, threshold=threshold)

    model = Model()
    model.gate.set()
    frames = NewestFrame(ScriptedCamera(30), paced=False)
    detector = DetectorThread(frames, model, floor=0.05, hand_over=True)
    frames.start()
    detector.start()
    taken, index = [], -1
    while index < 29:
        detection = detector.next(index, PATIENCE_SECONDS)
        assert detection is not None
        index = detection.frame.index
        taken.append(index)
        if slow == "taker":
            time.sleep(0.005)
    assert taken == list(range(30))
    assert detector.next(29, PATIENCE_SECONDS) is None
    assert detector.ended
    detector.stop()
    frames.stop()


def test_one_who_has_stopped_taking_does_not_keep_it_from_stopping() -> None:
    model = GatedModel()
    model.gate.set()
    frames = NewestFrame(ScriptedCamera(30), paced=False)
    detector = DetectorThread(frames, model, floor=0.05, hand_over=True)
    frames.start()
    detector.start()
    assert detector.next(-1, PATIENCE_SECONDS) is not None
    detector.stop()
    frames.stop()
    assert model.calls <= 3


def test_what_the_model_raises_reaches_who_waits_for_the_next_too() -> None:
    frames = NewestFrame(ScriptedCamera(50, fps=50), paced=True)
    detector = DetectorThread(frames, FailingModel(), floor=0.05)
    frames.start()
    detector.start()
    with pytest.raises(RuntimeError, match="a model that fails"):
        detector.next(-1, PATIENCE_SECONDS)
    detector.stop()
    frames.stop()

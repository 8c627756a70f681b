from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo
from tests.live.scripted import ENDLESS, ScriptedCamera, ScriptedView, in_turn
from tests.waiting import PATIENCE_SECONDS
from thirtyfold import screen
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import CameraError, ModelError, NotInstalledError, UsageError
from thirtyfold.images import Pixels, read_rgb
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.result import LiveResult
from thirtyfold.live.view import Command
from thirtyfold.predict.artifact import load_artifact
from thirtyfold.predict.runtime import Predictor
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


@pytest.fixture
def with_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were one: the view of these tests needs none."""
    monkeypatch.setattr(screen, "window_problem", lambda: None)


def live(run: Path, camera: ScriptedCamera, view: ScriptedView | None = None, **options: Any) -> LiveResult:
    return run_live(
        run,
        LiveOptions(view="none" if view is None else "window", **options),
        open_source=lambda source: camera,
        open_window=lambda title: view or pytest.fail("a window was opened"),
    )


def test_the_numbers_add_up_and_the_camera_is_closed(tiny_run: Path) -> None:
    camera = ScriptedCamera(40)
    result = live(tiny_run, camera)
    assert result.ended == "source"
    assert result.frames_read == 40
    assert result.frames_read == result.frames_shown + result.frames_dropped
    assert 1 <= result.frames_detected <= result.frames_read
    assert 1 <= result.frames_with_boxes <= result.frames_shown
    assert result.first_box_seconds is not None
    assert (result.age_ms_p50 or 0) <= (result.age_ms_p95 or -1)
    assert result.model_ms is not None
    assert camera.closed


def test_every_picture_shown_has_its_numbers_and_boxes_and_the_view_is_closed(
    tiny_run: Path, with_screen: None
) -> None:
    view = ScriptedView()
    result = live(tiny_run, ScriptedCamera(20), view)
    assert len(view.pictures) == result.frames_shown
    assert view.closed
    assert not np.array_equal(view.pictures[-1], draw_photo(3)[0])


def test_the_picture_says_how_many_frames_were_dropped_however_often_it_is_drawn(
    tiny_run: Path, with_screen: None
) -> None:
    class Slow(ScriptedView):
        def show(self, pixels: Pixels) -> None:
            super().show(pixels)
            time.sleep(0.03)

    view = Slow()
    result = live(tiny_run, ScriptedCamera(60, fps=100), view)
    assert result.frames_dropped > 10
    assert [state.dropped for state in view.states] == sorted(state.dropped for state in view.states)
    assert view.states[-1].dropped == result.frames_dropped


def test_stop_ends_it_with_frames_left(tiny_run: Path, with_screen: None) -> None:
    camera = ScriptedCamera(ENDLESS)
    result = live(tiny_run, camera, ScriptedView(in_turn({5: [Command.STOP]})))
    assert result.ended == "person"
    assert result.frames_shown == 5
    assert camera.closed


def test_max_seconds_ends_it(tiny_run: Path) -> None:
    result = live(tiny_run, ScriptedCamera(ENDLESS), max_seconds=0.3)
    assert result.ended == "max-seconds"
    assert result.seconds >= 0.3


class GatedPredictor(Predictor):
    """The real model; from its second call on (the first is the warm-up) it waits for ``gate``."""

    gate: threading.Event
    calls = 0

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        self.calls += 1
        if self.calls > 1:
            assert self.gate.wait(PATIENCE_SECONDS)
        return super().__call__(pixels, threshold=threshold)


def test_the_picture_never_waits_for_the_model(tiny_run: Path, with_screen: None) -> None:
    gate = threading.Event()

    def load_gated(run: Path, threshold: float | None) -> Predictor:
        predictor = GatedPredictor(*load_artifact(run), name=str(run), threshold=threshold)
        predictor.gate = gate
        return predictor

    def open_the_gate_late(shown: int) -> Sequence[Command]:
        if shown >= 25:
            gate.set()
        return [Command.STOP] if shown >= 50 else []

    result = run_live(
        tiny_run,
        LiveOptions(view="window"),
        open_source=lambda source: ScriptedCamera(ENDLESS),
        open_window=lambda title: ScriptedView(open_the_gate_late),
        load_model=load_gated,
    )
    # With a picture that waited for its boxes, 25 could not have been shown, and the gate never opened.
    assert result.frames_shown >= 25
    assert result.frames_with_boxes <= result.frames_shown - 24
    assert result.frames_detected < result.frames_shown


def test_what_the_model_raises_ends_the_loop_and_keeps_the_video(tiny_run: Path, tmp_path: Path) -> None:
    class Failing(Predictor):
        calls = 0

        def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
            self.calls += 1
            if self.calls > 30:
                raise RuntimeError("the model fails")
            return super().__call__(pixels, threshold=threshold)

    camera = ScriptedCamera(ENDLESS)
    with pytest.raises(RuntimeError, match="the model fails"):
        run_live(
            tiny_run,
            LiveOptions(view="none", save=tmp_path / "out.mp4"),
            open_source=lambda source: camera,
            load_model=lambda run, threshold: Failing(*load_artifact(run), name="model", threshold=threshold),
        )
    assert camera.closed
    assert cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) >= 1


def test_a_camera_that_dies_gives_a_summary_first_and_its_error_then(tiny_run: Path, tmp_path: Path) -> None:
    result = live(tiny_run, ScriptedCamera(15, dies=True), save=tmp_path / "out.mp4")
    assert result.ended == "error"
    assert result.frames_read == 15
    assert result.saved == tmp_path / "out.mp4"
    assert "stopped sending pictures" in result.to_dict()["problems"][0]
    with pytest.raises(CameraError, match="stopped sending pictures"):
        result.raise_if_cut_short()


def test_a_camera_that_gives_nothing_at_all_is_an_error_at_once(tiny_run: Path) -> None:
    with pytest.raises(CameraError, match="stopped sending pictures"):
        live(tiny_run, ScriptedCamera(0, dies=True))


def test_a_run_that_is_none_closes_the_camera_that_was_opening(tmp_path: Path) -> None:
    camera = ScriptedCamera(10)
    with pytest.raises(ModelError):
        live(tmp_path, camera)
    assert camera.closed


def test_a_video_that_cannot_be_closes_the_camera_too(tiny_run: Path, tmp_path: Path) -> None:
    camera = ScriptedCamera(10)
    with pytest.raises(UsageError, match="a video file was expected"):
        live(tiny_run, camera, save=tmp_path / "out.txt")
    assert camera.closed


def test_a_saved_frame_has_the_boxes_of_that_very_frame(tiny_run: Path, tmp_path: Path, with_screen: None) -> None:
    dataset = Dataset(tmp_path / "faces")
    view = ScriptedView(in_turn({10: [Command.SAVE], 12: [Command.STOP]}), from_first_box=True)
    result = live(tiny_run, ScriptedCamera(ENDLESS), view, review_dataset=dataset.root)
    (sample,) = read_samples(dataset)
    assert result.reviewed == (sample.image_path,)
    assert (sample.session or "").startswith("review-")
    (box,) = [annotation.box_xyxy for annotation in sample.annotations or ()]
    pixels, (truth,) = draw_photo(3)
    moved = round(truth.box_xyxy[0] - box[0])
    saved = read_rgb(sample.image_path).astype(int)
    # The camera had moved the face so far on this very frame (the model sees every second pixel) ...
    differences = [np.abs(saved - np.roll(pixels, -shift, axis=1)) for shift in range(moved - 2, moved + 3)]
    difference = min(differences, key=lambda array: float(array.mean()))
    assert difference.mean() < 7
    # ... and no numbers are burnt in.
    assert difference[:40].mean(axis=-1).max() < 50


def test_the_threshold_can_be_turned_and_decides_what_is_saved(
    tiny_run: Path, tmp_path: Path, with_screen: None
) -> None:
    dataset = Dataset(tmp_path / "faces")
    up = [Command.THRESHOLD_UP] * 12
    view = ScriptedView(in_turn({10: [*up, Command.SAVE], 12: [Command.STOP]}), from_first_box=True)
    result = live(tiny_run, ScriptedCamera(ENDLESS), view, review_dataset=dataset.root)
    assert result.threshold == 1.0
    assert [sample.annotations for sample in read_samples(dataset)] == [()]
    down = [Command.THRESHOLD_DOWN] * 30
    view = ScriptedView(in_turn({10: down, 12: [Command.STOP]}))
    result = live(tiny_run, ScriptedCamera(ENDLESS), view, review_dataset=dataset.root)
    assert result.threshold == 0.05


def test_a_pause_holds_the_picture_and_what_came_meanwhile_is_not_called_dropped(
    tiny_run: Path, with_screen: None
) -> None:
    camera = ScriptedCamera(ENDLESS)
    polls, given = 0, []

    def pause_for_20_polls(shown: int) -> Sequence[Command]:
        nonlocal polls
        polls += shown >= 5
        if polls not in (1, 20):
            return [Command.STOP] if polls > 20 and shown > 10 else []
        given.append(camera.given)
        return [Command.PAUSE]

    result = live(tiny_run, camera, ScriptedView(pause_for_20_polls))
    meanwhile = given[1] - given[0]
    assert meanwhile >= 5
    # The one that was being read when the pause began is shown or dropped, and so is the one when it ended.
    assert result.frames_paused >= meanwhile - 2
    assert result.frames_read == result.frames_shown + result.frames_dropped + result.frames_paused


def test_the_video_has_the_duration_of_the_source(tiny_run: Path, tmp_path: Path) -> None:
    live(tiny_run, ScriptedCamera(15, fps=10.0), save=tmp_path / "out.mp4")
    reader = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    # What comes before the first picture that is shown is not in it: on a busy machine some frames.
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(15, abs=4)


def test_a_window_that_cannot_be_is_an_error_and_auto_goes_on_without(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "window_problem", lambda: "there is no screen")
    with pytest.raises(NotInstalledError, match=r"there is no screen.*--view none"):
        run_live(tiny_run, LiveOptions(view="window"), open_source=no_camera)
    result = run_live(tiny_run, LiveOptions(view="auto", port=0), open_source=lambda source: ScriptedCamera(3))
    assert result.view == "web"


def no_camera(source: str) -> ScriptedCamera:
    pytest.fail("the camera was switched on for nothing")


def test_real_clips_go_through_with_their_own_pace(tiny_run: Path, shared: Callable[[str], Path]) -> None:
    clip = shared("data/clips/milk.mkv")
    result = run_live(tiny_run, LiveOptions(source=str(clip), view="none"))
    reader = cv2.VideoCapture(str(clip))
    frames, fps = 0, reader.get(cv2.CAP_PROP_FPS)
    while reader.grab():
        frames += 1
    assert result.frames_read == frames
    assert result.seconds >= (frames - 1) / fps

"""What a run does besides showing boxes: blur, count, cut out, start a program, a second model, other sources."""

from __future__ import annotations

import csv
import json
import math
import shlex
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.capture.sources import mjpeg_server
from tests.drawn import SKIN_RGB, draw_photo
from tests.live.scripted import ENDLESS, ScriptedCamera, ScriptedView, in_turn
from tests.waiting import PATIENCE_SECONDS
from thirtyfold import screen
from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.frames import Camera, Frame
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels, read_rgb, write_jpeg
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.result import LiveResult
from thirtyfold.live.view import Command
from thirtyfold.predict.runtime import Predictor, load
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


@pytest.fixture(autouse=True)
def with_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were one: the view of these tests needs none."""
    monkeypatch.setattr(screen, "window_problem", lambda: None)


def live(run: Path, camera: Camera, view: ScriptedView | None = None, **options: Any) -> LiveResult:
    load_model = options.pop("load_model", None)
    return run_live(
        run,
        LiveOptions(view="none" if view is None else "window", **options),
        open_source=lambda source: camera,
        open_window=lambda title: view or pytest.fail("a window was opened"),
        load_model=load_model,
    )


# A face has more than 50 such pixels; a few may look like some where the video's JPEG rounds colours.
JPEG_NOISE = 8


def eyes_and_mouth(pixels: Pixels) -> int:
    """Pixels of the drawn face's black eyes and red mouth that have skin all around them."""
    skin = (np.abs(pixels.astype(int) - np.array(SKIN_RGB)).max(axis=-1) < 40).astype(np.uint8)
    filled = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    features = (filled == 1) & ((pixels.max(axis=-1) < 80) | ((pixels[..., 0] > 110) & (pixels[..., 1] < 70)))
    return int(features.sum())


class Slow(Predictor):
    """The real model, slowed down."""

    seconds = 0.03

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        time.sleep(self.seconds)
        return super().__call__(pixels, threshold=threshold)


def slow(run: Path, threshold: float | None) -> Predictor:
    predictor = load(run, threshold=threshold)
    predictor.__class__ = Slow
    return predictor


def test_the_face_that_the_tests_look_for_is_seen_without_blur(tiny_run: Path) -> None:
    view = ScriptedView()
    live(tiny_run, ScriptedCamera(10), view)
    assert min(eyes_and_mouth(picture) for picture in view.pictures) > 50


def test_with_blur_no_picture_and_no_frame_of_the_video_shows_a_face_the_first_included(
    tiny_run: Path, tmp_path: Path
) -> None:
    view = ScriptedView()
    result = live(tiny_run, ScriptedCamera(40), view, blur=True, save=tmp_path / "out.avi")
    assert len(view.pictures) == result.frames_shown >= 2
    assert max(eyes_and_mouth(picture) for picture in view.pictures) <= JPEG_NOISE
    reader = cv2.VideoCapture(str(tmp_path / "out.avi"))
    recorded = []
    while (read := reader.read())[0]:
        recorded.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    reader.release()
    assert recorded
    assert max(eyes_and_mouth(picture) for picture in recorded) <= JPEG_NOISE


def test_with_blur_no_picture_is_shown_before_the_model_has_seen_it_however_slow_it_is(tiny_run: Path) -> None:
    view = ScriptedView()
    result = live(tiny_run, ScriptedCamera(60), view, blur=True, load_model=slow)
    assert 2 <= len(view.pictures) == result.frames_shown
    assert result.frames_shown <= result.frames_detected
    assert result.boxes_lag_ms_p95 == 0
    assert max(eyes_and_mouth(picture) for picture in view.pictures) <= JPEG_NOISE


def test_with_blur_turning_the_threshold_up_or_hiding_the_label_uncovers_nobody(tiny_run: Path) -> None:
    from thirtyfold.live.view import HideLabels

    nobody = [*[Command.THRESHOLD_UP] * 12, HideLabels(labels=frozenset({"face"}))]
    view = ScriptedView(in_turn({5: nobody, 20: [Command.STOP]}))
    result = live(tiny_run, ScriptedCamera(ENDLESS), view, blur=True)
    assert result.threshold == 1.0
    assert max(eyes_and_mouth(picture) for picture in view.pictures) <= JPEG_NOISE


def test_a_held_picture_that_is_drawn_again_is_blurred_too(tiny_run: Path) -> None:
    polls = 0

    def pause_for_20_polls(shown: int) -> Sequence[Command]:
        nonlocal polls
        polls += shown >= 5
        steps = {1: [Command.PAUSE], 8: [Command.THRESHOLD_UP], 20: [Command.PAUSE], 40: [Command.STOP]}
        return steps.get(polls, [])

    view = ScriptedView(pause_for_20_polls)
    live(tiny_run, ScriptedCamera(ENDLESS), view, blur=True)
    assert max(eyes_and_mouth(picture) for picture in view.pictures) <= JPEG_NOISE


@pytest.mark.parametrize("keep", [False, True])
def test_with_blur_the_c_key_saves_nothing_unless_originals_may_be_kept(
    tiny_run: Path, tmp_path: Path, keep: bool
) -> None:
    view = ScriptedView(in_turn({5: [Command.SAVE], 10: [Command.STOP]}), from_first_box=True)
    dataset = Dataset(tmp_path / "faces")
    live(tiny_run, ScriptedCamera(ENDLESS), view, blur=True, keep_originals=keep, review_dataset=dataset.root)
    if not keep:
        assert not dataset.root.exists()
        assert any("--keep-originals" in state.message for state in view.states)
        return
    (sample,) = read_samples(dataset)
    assert eyes_and_mouth(read_rgb(sample.image_path)) > 50


def test_what_would_save_originals_or_is_for_nothing_is_refused_before_anything_starts() -> None:
    for options, said in (
        ({"blur": True, "crops": Path("x")}, "--keep-originals"),
        ({"keep_originals": True}, "--blur"),
        ({"zones": ("a=0,0,1,1",)}, "--count"),
        ({"lines": ("a=0,0,0,0",), "count": Path("x.csv")}, "no length"),
        ({"crops_limit": 0}, "--crops-limit"),
        ({"on_detect_every": -1.0}, "--on-detect-every"),
        ({"on_detect_every": math.nan}, "--on-detect-every"),
        ({"max_seconds": math.nan}, "--max-seconds"),
        ({"blur": True, "source": "browser"}, "--blur"),
    ):
        with pytest.raises(UsageError, match=said):
            LiveOptions(**options)  # type: ignore[arg-type]


def test_a_program_that_is_not_there_closes_the_camera_and_leaves_nothing_behind(
    tiny_run: Path, tmp_path: Path
) -> None:
    camera = ScriptedCamera(10)
    with pytest.raises(UsageError, match="no program"):
        live(tiny_run, camera, on_detect="no-such-program", count=tmp_path / "c.csv", crops=tmp_path / "crops",
             save=tmp_path / "out.mp4")  # fmt: skip
    assert camera.closed
    assert list(tmp_path.iterdir()) == []


def test_counting_cutting_out_and_a_program_in_one_run(tiny_run: Path, tmp_path: Path) -> None:
    code = "import json, sys; open(sys.argv[1], 'w').write(json.dumps(json.load(sys.stdin)))"
    hook = shlex.join([sys.executable, "-c", code, str(tmp_path / "facts.json")])
    gate = ScriptedView(lambda shown: [Command.STOP] if shown > 20 and (tmp_path / "facts.json").exists() else [])
    result = live(
        tiny_run,
        ScriptedCamera(3000, fps=60),
        gate,
        count=tmp_path / "counts.csv",
        zones=("all=0,0,1,1",),
        crops=tmp_path / "crops",
        on_detect=hook,
    )
    assert result.objects_seen >= 1
    numbers = result.to_dict()
    assert numbers["count"]["all"] == {"entered": {"face": result.objects_seen}}
    assert numbers["crops"]["files"] == len(list((tmp_path / "crops").rglob("*.jpg"))) >= 1
    assert numbers["on_detect"]["started"] == 1
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["objects"][0]["label"] == "face"
    rows = list(csv.DictReader((tmp_path / "counts.csv").read_text().splitlines()))
    assert rows[0]["objects"] == "1"
    assert "entered" in str(result.facts()["count"])


def test_without_track_boxes_are_as_found_and_objects_are_counted_all_the_same(tiny_run: Path) -> None:
    for track in (True, False):
        result = live(tiny_run, ScriptedCamera(40, fps=60), track=track, fast=True)
        assert result.objects_seen == 1
        # A steadied box appears with the second hit.
        assert result.frames_with_boxes == (39 if track else 40)


def test_a_second_model_looks_at_what_the_first_one_finds(tiny_run: Path, tmp_path: Path) -> None:
    view = ScriptedView(in_turn({10: [Command.SAVE], 12: [Command.STOP]}), from_first_box=True)
    dataset = Dataset(tmp_path / "faces")
    result = live(tiny_run, ScriptedCamera(ENDLESS), view, then=tiny_run, review_dataset=dataset.root)
    assert result.frames_with_boxes >= 1
    assert {label for state in view.states for label in state.found} == {"face: face"}
    (sample,) = read_samples(dataset)
    (annotation,) = sample.annotations or ()
    # A label file has what it can be trained with.
    assert (annotation.label, dict(annotation.extra)) == ("face", {})


class NeverTheSame(ScriptedCamera):
    """A file of which every second frame is empty."""

    def read(self) -> Frame | None:
        frame = super().read()
        if frame is not None and frame.index % 2:
            return replace(frame, pixels=draw_photo(3, face=False)[0])
        return frame


def test_fast_every_frame_is_looked_at_and_shown_with_its_own_boxes_and_is_in_the_video(
    tiny_run: Path, tmp_path: Path
) -> None:
    # At its own pace this would take hours.
    view = ScriptedView()
    result = live(
        tiny_run, NeverTheSame(40, fps=0.01), view, fast=True, track=False, save=tmp_path / "out.avi", load_model=slow
    )
    assert result.frames_read == result.frames_shown == result.frames_detected == 40
    assert result.frames_with_boxes == 20
    assert [sum(state.found.values()) for state in view.states][:40] == [1, 0] * 20
    assert cv2.VideoCapture(str(tmp_path / "out.avi")).get(cv2.CAP_PROP_FRAME_COUNT) == 40


def test_a_pause_of_a_fast_file_loses_no_frame(tiny_run: Path) -> None:
    polls = 0

    def pause_for_20_polls(shown: int) -> Sequence[Command]:
        nonlocal polls
        polls += shown >= 5
        return [Command.PAUSE] if polls in (1, 20) else []

    result = live(tiny_run, ScriptedCamera(40), ScriptedView(pause_for_20_polls), fast=True)
    assert (result.frames_read, result.frames_shown, result.frames_paused) == (40, 40, 0)


def test_every_picture_of_a_folder_has_its_own_boxes_and_nobody_lives_on_from_one_to_the_next(
    tiny_run: Path, tmp_path: Path
) -> None:
    for number, face in enumerate([True, False, True, False, True]):
        write_jpeg(tmp_path / f"{number}.jpg", draw_photo(3, face=face)[0])
    view = ScriptedView()
    result = live(tiny_run, open_camera(str(tmp_path)), view, fast=True, load_model=slow)
    assert result.frames_shown == 5
    assert [sum(state.found.values()) for state in view.states][:5] == [1, 0, 1, 0, 1]
    assert result.objects_seen == 3


def test_a_slow_model_never_holds_up_the_picture_and_the_picture_says_how_old_its_boxes_are(tiny_run: Path) -> None:
    view = ScriptedView()

    class FiveFramesSlow(Predictor):
        """Gives its answer when five more pictures were shown."""

        def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
            wanted, given_up_at = len(view.pictures) + 5, time.monotonic() + PATIENCE_SECONDS
            while threshold is not None and len(view.pictures) < wanted and not view.closed:
                assert time.monotonic() < given_up_at, "the picture waits for the model"
                time.sleep(0.005)
                if camera.closed or len(view.pictures) > 80:
                    break
            return super().__call__(pixels, threshold=threshold)

    def open_slow(run: Path, threshold: float | None) -> Predictor:
        predictor = load(run, threshold=threshold)
        predictor.__class__ = FiveFramesSlow
        return predictor

    camera = ScriptedCamera(ENDLESS, fps=60)
    view.script = lambda shown: [Command.STOP] if shown > 80 else []
    result = live(tiny_run, camera, view, load_model=open_slow)
    assert result.frames_shown >= 81
    assert 2 <= result.frames_detected <= result.frames_shown / 5 + 1
    lags = [state.lag_ms for state in view.states if state.lag_ms is not None]
    assert max(lags) > 0
    assert (result.boxes_lag_ms_p95 or 0) > 0


class Leaving(ScriptedCamera):
    """A live camera that is away after its tenth frame, until ``back`` is set; by its clock for a minute."""

    lost = False

    def __init__(self, back: threading.Event) -> None:
        super().__init__(ENDLESS, fps=100)
        self.live = True
        self._back = back

    def read(self) -> Frame | None:
        if self.given == 10:
            self.lost = True
            self._back.wait(PATIENCE_SECONDS)
            self.lost = False
        time.sleep(0.01)
        frame = super().read()
        return frame if frame is None or frame.index < 10 else replace(frame, seconds=frame.seconds + 60)

    def close(self) -> None:
        super().close()
        self._back.set()


def test_a_camera_that_is_lost_is_said_on_the_standing_picture_until_it_is_back(tiny_run: Path, tmp_path: Path) -> None:
    back = threading.Event()
    seen: list[int] = []

    def script(shown: int) -> Sequence[Command]:
        if not back.is_set() and [state for state in view.states if "camera lost" in state.message]:
            seen.append(shown)
            if len(seen) > 60:
                back.set()
        return [Command.STOP] if back.is_set() and shown > seen[-1] + 20 else []

    view = ScriptedView(script)
    result = live(tiny_run, Leaving(back), view, save=tmp_path / "out.avi")
    assert result.ended == "person"
    assert result.cameras_lost == 1
    assert result.error is None
    assert "camera lost" not in view.states[-1].message
    assert result.frames_shown >= 20
    # The standing picture with the words on it: the strip in the middle is there, and the frame is the same.
    standing = view.pictures[seen[0] - 1]
    assert (standing[110:125, :100] == 0).mean() > 0.3
    # What was not filmed is not in the video as a minute of standing picture.
    frames = cv2.VideoCapture(str(tmp_path / "out.avi")).get(cv2.CAP_PROP_FRAME_COUNT)
    assert frames <= result.frames_read + 5


def test_while_the_camera_is_lost_stop_still_works(tiny_run: Path) -> None:
    view = ScriptedView(lambda shown: [Command.STOP] if any("camera lost" in s.message for s in view.states) else [])
    result = live(tiny_run, Leaving(threading.Event()), view)
    assert result.ended == "person"
    assert result.cameras_lost == 1


def test_a_real_stream_that_is_cut_comes_back_by_itself(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thirtyfold.capture.live_camera.PATIENT_PAUSES_SECONDS", (0.3,))
    said: list[str] = []

    class Said:
        def say(self, text: str) -> None:
            said.append(text)

        bar: Callable[..., Any]

    from thirtyfold.progress import SILENT

    Said.bar = staticmethod(SILENT.bar)
    with mjpeg_server([25, None]) as server:
        address = server.url.replace("http://", "http://me:secret@")
        view = ScriptedView(
            lambda shown: [Command.STOP] if any("is back" in line for line in said) and shown > 45 else []
        )
        result = run_live(
            tiny_run,
            LiveOptions(source=address, view="window"),
            progress=Said(),
            open_window=lambda title: view,
        )
    assert result.ended == "person"
    assert result.cameras_lost == 1
    assert result.frames_read > 25
    assert any("lost, trying again" in line for line in said)
    assert "secret" not in json.dumps(result.to_dict()) + "".join(said)

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.capture.sources import ScriptedCamera, black, mjpeg_server, moving_photo, write_video
from tests.heard import Heard
from thirtyfold import files
from thirtyfold.capture import records
from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.chooser import Timing
from thirtyfold.capture.frames import Frame
from thirtyfold.capture.live_camera import LiveCamera
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.capture.preview import Action, State
from thirtyfold.capture.session import capture
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.samples import capture_sessions, read_samples
from thirtyfold.errors import CameraError, DataError, NothingToDo, UsageError
from thirtyfold.images import Pixels, encode_jpeg, read_size, write_jpeg
from thirtyfold.workspace import Dataset

QUICK = Timing(warm_up=0.05, new_shot=0.05, leave=0.1, patience=0.5)


class KeyPresses:
    """A person at the window: an action for every frame shown, by the number of photos taken."""

    def __init__(self, press: Callable[[State], Action | None]) -> None:
        self.states: list[State] = []
        self.closed = False
        self._press = press

    def show(self, pixels: Pixels, state: State) -> Action | None:
        self.states.append(state)
        return self._press(state)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "walk.avi", [moving_photo(index) for index in range(24)], fps=10)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "faces")


def _options(source: Path | str, count: int = 5, every: float = 0.2, **more: object) -> CaptureOptions:
    return CaptureOptions(source=str(source), count=count, every=every, **more)  # type: ignore[arg-type]


def _lines(dataset: Dataset) -> list[dict[str, object]]:
    return [row for row in files.read_json_lines(dataset.captures_path) if "image" in row]


def test_photos_come_with_a_line_each_that_fits_them(video: Path, dataset: Dataset) -> None:
    result = capture(dataset, _options(video))
    assert result.images == tuple(f"walk_{number:04d}.jpg" for number in range(1, 6))
    assert [path.name for path in dataset.image_paths()] == list(result.images)
    lines = _lines(dataset)
    assert [line["image"] for line in lines] == list(result.images)
    assert [line["seconds"] for line in lines] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    for line in lines:
        data = (dataset.images_dir / str(line["image"])).read_bytes()
        assert line["sha256"] == hashlib.sha256(data).hexdigest()
        assert line["session"] == "walk" and line["source"] == str(video)
        assert float(str(line["sharpness"])) > 25 and 0 < float(str(line["exposure"])) < 1
    assert capture_sessions(dataset) == dict.fromkeys(result.images, "walk")
    assert result.ended == "done"
    result.raise_if_cut_short()
    assert json.loads(json.dumps(result.to_dict()))["taken"] == 5


def test_a_photo_is_the_frame_at_quality_95(video: Path, dataset: Dataset) -> None:
    capture(dataset, _options(video, count=1))
    frame = open_camera(str(video)).read()
    assert frame is not None
    assert (dataset.images_dir / "walk_0001.jpg").read_bytes() == encode_jpeg(frame.pixels, quality=95)


def test_unguided_photos_are_unlabelled(video: Path, dataset: Dataset) -> None:
    capture(dataset, _options(video))
    assert all(sample.annotations is None for sample in read_samples(dataset))


def test_the_same_recording_again_goes_on_where_it_ended(video: Path, dataset: Dataset) -> None:
    capture(dataset, _options(video, count=5))
    before = {path.name: path.read_bytes() for path in dataset.image_paths()}
    again = capture(dataset, _options(video, count=5))
    assert again.images == tuple(f"walk_{number:04d}.jpg" for number in range(6, 11))
    assert {path.name: path.read_bytes() for path in dataset.image_paths()[:5]} == before
    assert [line["seconds"] for line in _lines(dataset)[5:]] == pytest.approx([1.0, 1.2, 1.4, 1.6, 1.8])
    assert set(capture_sessions(dataset).values()) == {"walk"}, "two sessions would tear it over the split"
    capture(dataset, _options(video, count=5))
    with pytest.raises(NothingToDo, match="already"):
        capture(dataset, _options(video, count=5))


def test_a_named_session_goes_on_and_another_one_starts_anew(video: Path, dataset: Dataset) -> None:
    capture(dataset, _options(video, count=2, session="kitchen"))
    capture(dataset, _options(video, count=2, session="kitchen"))
    capture(dataset, _options(video, count=1, session="../Flur 1", keep_all=True))
    assert [path.name for path in dataset.image_paths()] == [
        "Flur-1_0001.jpg",
        "kitchen_0001.jpg",
        "kitchen_0002.jpg",
        "kitchen_0003.jpg",
        "kitchen_0004.jpg",
    ]


def test_foreign_files_are_never_written_over(video: Path, dataset: Dataset) -> None:
    dataset.images_dir.mkdir(parents=True)
    (dataset.images_dir / "walk_0007.json").write_text("somebody's notes")
    (dataset.images_dir / "WALK_0009.PNG").write_bytes(b"somebody's picture")
    result = capture(dataset, _options(video, count=2))
    assert result.images == ("walk_0010.jpg", "walk_0011.jpg")
    assert (dataset.images_dir / "walk_0007.json").read_text() == "somebody's notes"


def test_blurred_black_and_identical_frames_are_refused_and_keep_all_keeps_them(tmp_path: Path) -> None:
    frames = [moving_photo(0), black(), moving_photo(0), moving_photo(3)]
    video = write_video(tmp_path / "v.avi", frames, fps=10)
    heard = Heard()
    result = capture(Dataset(tmp_path / "a"), _options(video, count=4, every=0.1), progress=heard)
    assert len(result.images) == 2
    assert result.refused == {"black": 1, "the same as the photo before": 1}
    assert result.ended == "source ended"
    assert "only 2 photos in 4 frames" in heard.lines[-1] and "--keep-all" in heard.lines[-1]
    result.raise_if_cut_short()  # the file ended as files do
    kept = capture(Dataset(tmp_path / "b"), _options(video, count=4, every=0.1, keep_all=True))
    assert len(kept.images) == 4


def test_a_file_without_one_good_frame_is_bad_data(tmp_path: Path, dataset: Dataset) -> None:
    video = write_video(tmp_path / "dark.avi", [black()] * 5)
    with pytest.raises(DataError, match=r"none of its 5 frames was kept \(5 black\)"):
        capture(dataset, _options(video))
    assert dataset.image_paths() == []


def test_the_demo_comes_labelled_with_true_empties(dataset: Dataset) -> None:
    result = capture(dataset, _options("demo:1", count=12, every=1.0))
    samples = read_samples(dataset)
    assert len(samples) == 12
    empty = [sample for sample in samples if sample.annotations == ()]
    assert result.empty == len(empty) >= 1
    assert result.labelled == 12 - len(empty)
    assert all(sample.annotations is not None and sample.session == "demo-1" for sample in samples)


def test_a_recording_of_nothing_becomes_verified_empty(video: Path, dataset: Dataset) -> None:
    result = capture(dataset, _options(video, count=3, shots="empty"))
    assert result.empty == 3
    assert [sample.annotations for sample in read_samples(dataset)] == [(), (), ()]
    label_file = labelme_json.read(dataset.images_dir / "walk_0001.json")
    assert (label_file.image_path, label_file.width, label_file.height) == ("walk_0001.jpg", 160, 120)


def test_a_folder_is_taken_picture_by_picture_and_never_changed(tmp_path: Path, dataset: Dataset) -> None:
    source = tmp_path / "phone" / "photos"
    for number in range(3):
        write_jpeg(source / f"IMG_{number}.jpg", moving_photo(number))
    (source / "IMG_9.jpg").write_bytes(b"\xff\xd8 cut")
    before = {path: path.read_bytes() for path in source.iterdir()}
    result = capture(dataset, _options(source, count=10, every=60))
    assert len(result.images) == 3
    assert [line["source_image"] for line in _lines(dataset)] == ["IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg"]
    assert result.session == "phone"
    assert {path: path.read_bytes() for path in source.iterdir()} == before
    with pytest.raises(DataError, match=r"1 pictures were left out.*IMG_9"):
        result.raise_if_cut_short()


def test_the_folder_one_stands_in_gives_its_session_a_name(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, folder in enumerate(("phone", "camera/photos")):
        write_jpeg(tmp_path / folder / "a.jpg", moving_photo(number))
        monkeypatch.chdir(tmp_path / folder)
        assert capture(dataset, _options(".", count=1)).session == ("phone", "camera")[number]


def test_the_dataset_cannot_be_its_own_source(video: Path, dataset: Dataset) -> None:
    capture(dataset, _options(video, count=2))
    for source in (dataset.root, dataset.images_dir):
        with pytest.raises(UsageError, match="the dataset itself"):
            capture(dataset, _options(source))


def test_a_camera_guides_through_the_shots_and_writes_the_negatives(dataset: Dataset) -> None:
    heard = Heard()
    with mjpeg_server([None], fps=60) as server:
        options = _options(server.url.replace("//", "//me:secret@"), count=10, every=0.02, session="room")
        result = capture(dataset, options, progress=heard, timing=QUICK)
    assert len(result.images) == 10 and result.ended == "done"
    shots = [line["shot"] for line in _lines(dataset)]
    assert shots[0] == "Look straight at the camera" and str(shots[-1]).startswith("Leave the picture")
    assert len(set(shots)) == 10
    assert [sample.annotations for sample in read_samples(dataset)] == [None] * 9 + [()]
    assert sum("photos)" in said for said in heard.lines) == 10
    assert "secret" not in dataset.captures_path.read_text()


def test_a_new_visit_to_a_camera_is_a_new_session(dataset: Dataset) -> None:
    sessions = set()
    with mjpeg_server([None, None], fps=60) as server:
        for _ in range(2):
            result = capture(dataset, _options(server.url, count=1, shots="none"), timing=Timing(warm_up=0.6))
            sessions.add(result.session)
    assert len(sessions) == 2
    assert len(dataset.image_paths()) == 2


def test_a_stream_that_dies_half_way_is_told_with_what_was_saved(dataset: Dataset) -> None:
    heard = Heard()
    with mjpeg_server([40], fps=20) as server:
        camera = open_camera(server.url)
        assert isinstance(camera, LiveCamera)
        camera._pauses_seconds = (0.02, 5.0)
        options = _options(server.url, count=50, every=0.05, shots="none")
        result = capture(dataset, options, progress=heard, camera=camera, timing=QUICK)
    assert any("no picture" in said for said in heard.lines), "a person is not left waiting without a word"
    assert result.ended == "camera died"
    assert 1 <= len(result.images) < 50
    with pytest.raises(CameraError, match=rf"{len(result.images)} of 50 photos are saved"):
        result.raise_if_cut_short()
    assert len(records.kept(dataset)) == len(result.images)


def test_a_camera_that_was_away_sets_its_exposure_before_the_next_photo(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thirtyfold.capture.session._SILENT_POLLS", 20)
    person = KeyPresses(lambda state: None)
    away_before = 3

    class Unplugged(ScriptedCamera):
        def read(self) -> Frame | None:
            frame = super().read()
            if frame is not None and frame.index > 0:
                # Shown once more may have been the frame before; shown twice, the last one was considered.
                seen = len(person.states) + (25 if frame.index == away_before else 2)
                while len(person.states) < seen and not self.closed:
                    time.sleep(0.005)
            return frame

    camera = Unplugged([(seconds, moving_photo(index)) for index, seconds in enumerate((0, 1, 1.1, 9, 9.2, 9.6, 9.7))])
    options = _options("0", count=2, every=1.0, shots="none")
    result = capture(dataset, options, camera=camera, preview=person, timing=Timing(warm_up=0.5))
    assert result.ended == "done"
    assert [line["seconds"] for line in _lines(dataset)] == [1, 9.6]


def test_a_live_camera_that_shows_only_black_does_not_stop_the_work(dataset: Dataset) -> None:
    with mjpeg_server([None], fps=60) as server:
        server.jpegs = [encode_jpeg(black())]
        heard = Heard()
        options = _options(server.url, count=1, every=0.05, shots="none")
        result = capture(dataset, options, progress=heard, timing=QUICK)
    assert len(result.images) == 1
    assert any("kept although it is black" in said for said in heard.lines)


def test_a_camera_that_is_turned_on_its_side_gives_photos_and_labels_of_both_sizes(dataset: Dataset) -> None:
    upright = np.ascontiguousarray(np.rot90(moving_photo(1)))
    camera = ScriptedCamera([(0.0, moving_photo(0)), (1.0, upright)], live=False)
    result = capture(dataset, _options("0", count=2, every=1.0, session="s", shots="empty"), camera=camera)
    assert result.ended == "done"
    sizes = [(sample.width, sample.height) for sample in read_samples(dataset)]
    assert sizes == [(160, 120), (120, 160)]
    for path, size_wh in zip(dataset.image_paths(), sizes, strict=True):
        label_file = labelme_json.read(path.with_suffix(".json"))
        assert (label_file.width, label_file.height) == size_wh == read_size(path)


def _slow_frames(count: int) -> list[tuple[float, Pixels]]:
    return [(index / 1000, moving_photo(index)) for index in range(count)]


def test_space_takes_one_now_and_b_takes_the_last_back(dataset: Dataset) -> None:
    # The first photo comes by itself, as every recording begins with one.
    taken: list[int] = []

    def press(state: State) -> Action | None:
        taken.append(state.taken)
        if 2 not in taken:
            return Action.TAKE if state.taken == 1 and 1 not in taken[:-1] else None
        return Action.BACK if state.taken == 2 else Action.STOP

    person = KeyPresses(press)
    camera = ScriptedCamera(_slow_frames(400), live=False)
    options = _options("0", count=9, every=3600, session="s", shots="empty")
    result = capture(dataset, options, camera=camera, preview=person, timing=QUICK)
    assert result.ended == "stopped" and person.closed and camera.closed
    assert len(result.images) == 1 and result.discarded == 1
    assert sorted(path.name for path in (dataset.root / "discarded").iterdir()) == ["s_0002.jpg", "s_0002.json"]
    assert [path.name for path in dataset.image_paths()] == ["s_0001.jpg"]
    assert list(records.kept(dataset)) == ["s_0001.jpg"]
    assert result.empty == 1
    more = capture(dataset, options, camera=ScriptedCamera([(0.0, moving_photo(999))], live=False), timing=QUICK)
    assert more.images == ("s_0003.jpg",), "the number of a photo taken back is not used again"
    assert not more.adopted


def test_a_recording_whose_only_photo_was_taken_back_is_no_bad_file(dataset: Dataset) -> None:
    person = KeyPresses(lambda state: Action.BACK if state.taken else None)
    camera = ScriptedCamera([(0.0, moving_photo(1))], live=False)
    result = capture(dataset, _options("0", session="s"), camera=camera, preview=person)
    assert (result.ended, result.images, result.discarded) == ("source ended", (), 1)


def test_nothing_is_taken_back_where_nothing_was_taken(dataset: Dataset) -> None:
    person = KeyPresses(lambda state: Action.BACK if state.taken == 0 else Action.STOP)
    camera = ScriptedCamera([(0.0, black()), *_slow_frames(50)], live=False)
    result = capture(dataset, _options("0", every=3600), camera=camera, preview=person)
    assert result.discarded == 0


def test_a_photo_whose_line_was_lost_by_a_power_cut_is_found_again(video: Path, dataset: Dataset) -> None:
    capture(dataset, _options(video, count=3))
    lines = dataset.captures_path.read_text().splitlines()
    torn = "\n".join(lines[:-1]) + "\n" + lines[-1][:40]
    dataset.captures_path.write_text(torn)
    records.append(dataset, {"started_at": "somebody else's line"})
    write_jpeg(dataset.images_dir / "holiday_0001.jpg", moving_photo(9))
    result = capture(dataset, _options(video, count=1))
    assert result.adopted == ("walk_0003.jpg",)
    assert result.images == ("walk_0004.jpg",)
    sessions = capture_sessions(dataset)
    assert sessions["walk_0003.jpg"] == "walk"
    assert "holiday_0001.jpg" not in sessions, "a stranger's photo is not claimed"


def test_two_captures_at_once_do_not_mix(video: Path, dataset: Dataset) -> None:
    with dataset.lock("test"), pytest.raises(UsageError, match="another thirtyfold command"):
        capture(dataset, _options(video))


def test_a_session_without_a_name_is_refused(video: Path, dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="--session"):
        capture(dataset, _options(video, session=" "))


def test_the_real_clips_give_the_hundred_photos_of_the_main_job(
    shared: Callable[[str], Path], dataset: Dataset
) -> None:
    for clip in sorted(shared("data/clips").glob("*.mkv")):
        assert len(capture(dataset, _options(clip, count=13, every=0.1)).images) == 13
    assert len(dataset.image_paths()) == 104
    assert len(set(capture_sessions(dataset).values())) == 8


def test_real_webcam_photos_come_in_as_they_are(shared: Callable[[str], Path], dataset: Dataset) -> None:
    result = capture(dataset, _options(shared("data/webcam_faces/images"), count=30, keep_all=True))
    assert len(result.images) == 30
    assert result.session == "webcam_faces"

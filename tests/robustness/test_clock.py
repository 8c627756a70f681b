"""A clock that goes backwards: summer time ends, a battery is empty, a server sets it right in the middle."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.drawn import draw_photo, write_dataset
from tests.robustness.commands import tree
from thirtyfold.annotate.staging import PHOTOS, bring_home, finish, stage
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.capture import records
from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.capture.session import capture
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.live.review import save_for_review
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation
from thirtyfold.workspace import MODEL_CARD, Dataset, find_run, find_unfinished_run

NOON = datetime(2026, 10, 25, 12, 0, 0, tzinfo=UTC)


class Backwards:
    """Every time it is asked an hour less."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> datetime:
        self.asked += 1
        return NOON - timedelta(hours=self.asked)


def set_back(path: Path, *, hours: float) -> None:
    """The file was written, by its time, so many hours before now."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - round(hours * 3600e9)))


def test_capture_numbers_its_photos_on_whatever_the_clock_says(tmp_path: Path) -> None:
    dataset, now = Dataset(tmp_path / "faces"), Backwards()
    options = CaptureOptions(source="demo", count=4, every=0.1, preview=False, shots="none", session="kitchen")
    for _ in range(2):
        assert len(capture(dataset, options, camera=DemoCamera(1), now=now).images) == 4
    names = [path.name for path in dataset.image_paths()]
    assert names == [f"kitchen_{number:04d}.jpg" for number in range(1, 9)]
    taken_at = [str(records.kept(dataset)[name]["taken_at"]) for name in names]
    assert taken_at == sorted(taken_at, reverse=True), "the clock did go backwards"
    split = split_dataset(dataset, SplitOptions(val=0.25, test=0.25))
    # Blocks of time: by number, as they were taken.
    assert [split.parts[name] for name in names] == ["train"] * 4 + ["val"] * 2 + ["test"] * 2


def test_two_visits_at_the_same_time_of_the_clock_are_two_sessions(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    options = CaptureOptions(source="0", count=2, every=0.1, preview=False, shots="none")

    class Webcam(DemoCamera):
        live = True

    sessions = {capture(dataset, options, camera=Webcam(seed), now=lambda: NOON).session for seed in (1, 2, 3)}
    assert sessions == {"20261025-120000", "20261025-120000-2", "20261025-120000-3"}


def test_frames_kept_while_live_never_meet_an_older_name(tmp_path: Path) -> None:
    dataset, now = Dataset(tmp_path / "faces"), Backwards()
    for seed in range(30):
        pixels, found = draw_photo(seed)
        save_for_review(dataset, pixels, found, source="0", predicted_by="haar", now=now())
    assert len(dataset.image_paths()) == 30
    assert len(records.kept(dataset)) == 30
    assert {path.stem.rpartition("_")[0] for path in dataset.image_paths()} == {
        "review-2026-10-25",
        "review-2026-10-24",
    }


def test_copies_are_found_there_though_they_seem_older_than_their_photos(tmp_path: Path) -> None:
    dataset = Dataset(write_dataset(tmp_path / "faces", sessions=3, per_session=1))
    options = AugmentOptions(factor=2, workers=1)
    assert augment_dataset(dataset, options).made == 2
    before = tree(dataset.augmented_dir)
    for path in dataset.augmented_dir.rglob("*"):
        set_back(path, hours=48)
    assert augment_dataset(dataset, options).made == 0
    assert tree(dataset.augmented_dir) == before


@pytest.mark.parametrize("cut_off", [False, True], ids=["closed", "cut off"])
def test_a_box_that_seems_older_than_the_label_it_corrects_is_brought_home(tmp_path: Path, cut_off: bool) -> None:
    dataset = Dataset(write_dataset(tmp_path / "faces", sessions=1, per_session=2))
    (first, _) = dataset.image_paths()
    staging, _, _ = stage(dataset, dataset.image_paths())
    saved = staging.folder / PHOTOS / "0001.json"
    drawn = Annotation.from_box("face", (1, 2, 30, 40))
    labelme_json.write(
        saved, labelme_json.LabelFile(image_path="0001.jpg", width=320, height=240, annotations=(drawn,))
    )
    set_back(saved, hours=1)
    if cut_off:
        bring_home(dataset, SILENT)
    else:
        finish(staging, SILENT)
    assert labelme_json.read(dataset.label_path(first)).annotations == (drawn,)


def test_the_latest_run_is_that_of_the_highest_number_though_it_seems_older(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        folder = tmp_path / "detect" / str(number)
        folder.mkdir(parents=True)
        (folder / MODEL_CARD).write_text("{}")
        set_back(folder / MODEL_CARD, hours=number)
        set_back(folder, hours=number)
    assert find_run("latest", tmp_path).name == "10"
    assert find_unfinished_run("latest", tmp_path).name == "10"
    # Another task's run counts by when it was written.
    (tmp_path / "classify" / "3").mkdir(parents=True)
    (tmp_path / "classify" / "3" / MODEL_CARD).write_text("{}")
    assert find_run("latest", tmp_path) == tmp_path / "classify" / "3"
    assert find_run("latest", tmp_path, task="detect").name == "10"


def test_a_demo_camera_has_no_clock_of_its_own() -> None:
    camera, other = DemoCamera(3), DemoCamera(3)
    for _ in range(5):
        frame, twin = camera.read(), other.read()
        assert frame is not None
        assert twin is not None
        assert frame.seconds == twin.seconds
        assert np.array_equal(frame.pixels, twin.pixels)

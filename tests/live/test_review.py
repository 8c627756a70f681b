from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.drawn import draw_photo, write_dataset
from thirtyfold import files
from thirtyfold.annotate.progress import labelling_progress
from thirtyfold.datasets.samples import capture_sessions, read_samples
from thirtyfold.errors import DataError, UsageError
from thirtyfold.files import write_bytes
from thirtyfold.images import read_rgb
from thirtyfold.live.review import Reviewer, save_for_review
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

NOON = datetime(2025, 3, 4, 12, 0, 1, tzinfo=timezone(timedelta(hours=1)))
FOUND = (Annotation.from_box("face", (10.123456, 20, 110, 140), score=0.87654321),)


def save(dataset: Dataset, annotations: tuple[Annotation, ...] = FOUND) -> Path:
    return save_for_review(
        dataset, draw_photo(1)[0], annotations, source="camera 0", predicted_by="runs/detect/1", now=NOON
    )


def test_a_saved_frame_is_a_photo_with_labels_in_a_session_of_the_day(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    path = save(dataset)
    assert path == tmp_path / "faces" / "images" / "review-2025-03-04_0001.jpg"
    (sample,) = read_samples(dataset)
    assert sample.session == "review-2025-03-04"
    (annotation,) = sample.annotations or ()
    assert (annotation.label, annotation.score) == ("face", 0.8765)
    assert annotation.box_xyxy == (10.12, 20, 110, 140)
    assert abs(read_rgb(path).astype(int) - draw_photo(1)[0]).mean() < 6
    raw = json.loads(path.with_suffix(".json").read_text())
    assert raw["imageData"] is None
    assert raw["imagePath"] == path.name
    assert raw["thirtyfold"] == {"predicted_by": "runs/detect/1", "source": "camera 0"}
    assert sample.machine_made


def test_a_frame_without_boxes_is_no_verified_empty_one_as_the_model_may_have_missed_something(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    save(dataset, ())
    (sample,) = read_samples(dataset)
    assert (sample.annotations, sample.machine_made) == ((), True)
    assert labelling_progress(dataset, ["face"]).empty == 0


def test_names_never_collide_and_nothing_that_was_there_changes(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=2)
    (root / "images" / "review-2025-03-04_0001.png").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in (root / "images").iterdir()}
    sessions = capture_sessions(Dataset(root))
    names = [save(Dataset(root)).name for _ in range(3)]
    assert names == [f"review-2025-03-04_000{number}.jpg" for number in (2, 3, 4)]
    assert {path: path.read_bytes() for path in before} == before
    assert capture_sessions(Dataset(root)) == sessions | dict.fromkeys(names, "review-2025-03-04")


def test_while_another_command_holds_the_dataset_nothing_is_saved_and_it_is_said(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    reviewer = Reviewer(dataset, source="camera 0", predicted_by="runs/detect/1")
    with dataset.lock("test"):
        with pytest.raises(UsageError, match="another thirtyfold command"):
            save(dataset)
        reviewer.save(draw_photo(1)[0], FOUND)
        reviewer.close()
    assert reviewer.saved == []
    assert len(reviewer.problems) == 1
    assert "another thirtyfold command" in reviewer.problems[0]
    assert not (tmp_path / "faces" / "images").exists()


def test_a_photo_that_cannot_be_written_leaves_no_labels_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_is_full(path: Path, data: bytes, **how: object) -> None:
        if path.suffix == ".jpg":
            raise DataError(f"{path}: the disk is full")
        write_bytes(path, data)

    monkeypatch.setattr(files, "write_bytes", disk_is_full)
    with pytest.raises(DataError, match="disk is full"):
        save(Dataset(tmp_path / "faces"))
    assert list((tmp_path / "faces" / "images").iterdir()) == []


def test_frames_that_come_faster_than_they_are_saved_are_refused_and_not_piled_up(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    reviewer = Reviewer(dataset, source="camera 0", predicted_by="runs/detect/1")
    refused, disk_is_slow = 0, threading.Event()
    reviewer._pool.submit(disk_is_slow.wait)
    for _ in range(40):
        try:
            reviewer.save(draw_photo(1)[0], FOUND)
        except UsageError as error:
            assert "still being written" in str(error)
            refused += 1
    disk_is_slow.set()
    reviewer.close()
    assert refused == 24
    assert len(reviewer.saved) == 16


def test_closing_waits_until_every_frame_is_saved(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    reviewer = Reviewer(dataset, source="camera 0", predicted_by="runs/detect/1")
    for _ in range(3):
        reviewer.save(draw_photo(1)[0], FOUND)
    reviewer.close()
    assert len(reviewer.saved) == len(set(reviewer.saved)) == len(read_samples(dataset)) == 3

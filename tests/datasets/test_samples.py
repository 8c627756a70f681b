from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.drawn import draw_photo, write_dataset, write_label
from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.datasets.samples import labels_of, read_samples, session_from_name
from thirtyfold.errors import FileDataError, LabelError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.workspace import Dataset


def test_webcam_faces_are_read_as_they_are(shared: Callable[[str], Path]) -> None:
    samples = read_samples(Dataset(shared("data/webcam_faces")))
    assert len(samples) == 30
    assert all((sample.width, sample.height) == (640, 480) for sample in samples)
    by_name = {sample.image_path.stem: sample for sample in samples}
    assert by_name["17"].annotations is not None
    assert [annotation.label for annotation in by_name["17"].annotations] == ["17"]
    assert sum(len(sample.annotations or ()) for sample in samples) == 31


def test_clip_frames_are_read_from_the_folder_itself_with_their_clip_as_session(
    shared: Callable[[str], Path],
) -> None:
    samples = read_samples(Dataset(shared("data/clip_frames")), group_by="^([a-z]+)_")
    assert len(samples) == 96
    assert labels_of(samples) == {"face": 96}
    sessions = [sample.session for sample in samples]
    assert {sessions.count(session) for session in sessions} == {12}
    assert "milk" in sessions


def test_unlabelled_and_verified_empty_photos_are_told_apart(tmp_path: Path) -> None:
    pixels, _ = draw_photo(1, face=False)
    for name in ("empty", "unlabelled"):
        write_jpeg(tmp_path / "images" / f"{name}.jpg", pixels)
    write_label(tmp_path / "images" / "empty.jpg", [])
    empty, unlabelled = read_samples(Dataset(tmp_path))
    assert empty.annotations == ()
    assert unlabelled.annotations is None


def test_a_models_labels_are_told_apart_from_a_persons(drawn_dataset: Path) -> None:
    path = drawn_dataset / "images" / "0003.json"
    labelme_json.write(path, machine_made.marked(labelme_json.read(path), predicted_by="runs/detect/1"))
    samples = read_samples(Dataset(drawn_dataset))
    assert [sample.image_path.stem for sample in samples if sample.machine_made] == ["0003"]


def test_broken_photos_and_labels_are_collected_or_raised(drawn_dataset: Path) -> None:
    images = drawn_dataset / "images"
    (images / "0003.jpg").write_bytes(b"not a picture")
    (images / "0005.json").write_text("{")
    problems: list[FileDataError] = []
    samples = read_samples(Dataset(drawn_dataset), problems=problems)
    assert len(samples) == 18
    assert [problem.path.name for problem in problems] == ["0003.jpg", "0005.json"]
    with pytest.raises(FileDataError, match=r"0003\.jpg"):
        read_samples(Dataset(drawn_dataset))


def test_labels_drawn_on_a_picture_of_another_size_are_refused(tmp_path: Path) -> None:
    pixels, annotations = draw_photo(1)
    write_jpeg(tmp_path / "images" / "a.jpg", pixels)
    write_label(tmp_path / "images" / "a.jpg", annotations, width=240, height=320)
    with pytest.raises(LabelError, match=r"240x320, but a\.jpg is 320x240"):
        read_samples(Dataset(tmp_path))


def test_a_photo_lying_on_its_side_has_the_size_of_the_upright_one(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    sideways = Image.Exif()
    sideways[0x0112] = 6
    Image.new("RGB", (320, 240)).save(tmp_path / "images" / "a.jpg", exif=sideways)
    (sample,) = read_samples(Dataset(tmp_path))
    assert (sample.width, sample.height) == (240, 320)


def test_sessions_come_from_the_capture_log(tmp_path: Path) -> None:
    samples = read_samples(Dataset(write_dataset(tmp_path / "faces", sessions=2, per_session=2)))
    assert [sample.session for sample in samples] == ["s0", "s0", "s1", "s1"]


def test_a_session_expression_must_be_valid_and_match_every_photo() -> None:
    assert session_from_name("^([a-z]+)_", "milk_002.jpg") == "milk"
    assert session_from_name("^[a-z]+", "milk_002.jpg") == "milk"
    assert session_from_name("^(x)?milk", "milk_002.jpg") == "milk"
    with pytest.raises(UsageError, match=r"does not match 17\.jpg"):
        session_from_name("^([a-z]+)_", "17.jpg")
    with pytest.raises(UsageError, match="not a regular expression"):
        session_from_name("([", "17.jpg")

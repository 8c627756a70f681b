from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drawn import draw_photo, write_dataset, write_label
from thirtyfold.annotate.progress import labelling_progress
from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.errors import DataError
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


def test_labelled_empty_and_unlabelled_photos_are_counted_apart(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=2, per_session=5, empty_every=5)
    (root / "images" / "0003.json").unlink()
    progress = labelling_progress(Dataset(root), ["face"])
    assert (progress.photos, progress.labelled, progress.empty) == (10, 7, 2)
    assert progress.unlabelled == ("0003.jpg",)
    assert progress.labels == {"face": 7}
    assert progress.facts()["still unlabelled"] == "1: 0003.jpg"
    progress.raise_if_wrong()


def test_photos_that_only_a_model_labelled_are_counted_apart_from_those_of_people(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=6, empty_every=6)
    before = labelling_progress(Dataset(root), ["face"])
    assert (before.labelled, before.empty, before.machine_made) == (5, 1, ())
    for name in ("0002.json", "0006.json"):  # one with a face, one without
        path = root / "images" / name
        labelme_json.write(path, machine_made.marked(labelme_json.read(path), predicted_by="runs/detect/1"))
    progress = labelling_progress(Dataset(root), ["face"])
    assert (progress.photos, progress.labelled, progress.empty, progress.unlabelled) == (6, 4, 0, ())
    assert progress.labels == {"face": 4}
    assert progress.to_dict()["machine_made"] == ["0002.jpg", "0006.jpg"]
    assert progress.facts()["a model's boxes, to look at"] == "2: 0002.jpg, 0006.jpg"
    progress.raise_if_wrong()


def test_a_label_that_is_not_on_the_list_is_named_with_its_file(drawn_dataset: Path) -> None:
    path = drawn_dataset / "images" / "0002.jpg"
    write_label(path, [*draw_photo(2)[1], Annotation.from_box("Face", (1, 2, 30, 40))])
    progress = labelling_progress(Dataset(drawn_dataset), ["face", "hand"])
    assert progress.unlisted == {str(path.with_suffix(".json")): ("Face",)}
    with pytest.raises(DataError, match=r"not on the list \(face, hand\) in .*0002.json.*--labels face,hand,Face"):
        progress.raise_if_wrong()


def test_a_broken_label_file_is_named_and_the_others_are_counted(drawn_dataset: Path) -> None:
    (drawn_dataset / "images" / "0004.json").write_text('{"shapes": [')
    progress = labelling_progress(Dataset(drawn_dataset), ["face"])
    assert (progress.photos, progress.labelled, len(progress.broken)) == (20, 19, 1)
    with pytest.raises(DataError, match=r"0004.json: is not JSON"):
        progress.raise_if_wrong()


def test_labels_in_a_folder_of_their_own_count(drawn_dataset: Path) -> None:
    (drawn_dataset / "labels").mkdir()
    for path in (drawn_dataset / "images").glob("*.json"):
        path.rename(drawn_dataset / "labels" / path.name)
    assert labelling_progress(Dataset(drawn_dataset), ["face"]).labelled == 20


def test_the_real_frames_are_all_labelled(shared: Callable[[str], Path]) -> None:
    progress = labelling_progress(Dataset(shared("data/clip_frames")), ["face"])
    assert (progress.photos, progress.labelled, progress.labels) == (96, 96, {"face": 96})
    progress.raise_if_wrong()

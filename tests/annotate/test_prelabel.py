from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.annotate.finders import SkinFinder
from tests.annotate.test_labelme_app import pretend
from tests.drawn import draw_photo, write_label
from tests.heard import Heard
from thirtyfold.annotate.labelme_app import annotate
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.prelabel import drop_prelabels, prelabel
from thirtyfold.annotate.progress import labelling_progress
from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import DataError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.predict.detectors import open_detector
from thirtyfold.predict.matching import iou
from thirtyfold.workspace import Dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Four photos: one that a person has labelled, two with a face and no label, one with nothing on it."""
    for number in (1, 2, 3, 4):
        write_jpeg(tmp_path / "faces" / "images" / f"{number:04d}.jpg", draw_photo(number, face=number != 4)[0])
    write_label(tmp_path / "faces" / "images" / "0001.jpg", draw_photo(1)[1])
    return Dataset(tmp_path / "faces")


def contents(dataset: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in dataset.images_dir.iterdir()}


def draw(dataset: Dataset, **more: object) -> object:
    return prelabel(dataset, SkinFinder(), predicted_by="skin", labels=["face"], **more)  # type: ignore[arg-type]


def test_unlabelled_photos_get_machine_made_labels_and_the_others_stay_as_they_are(dataset: Dataset) -> None:
    before = contents(dataset)
    result = prelabel(dataset, SkinFinder(), predicted_by="skin", labels=["face"])
    assert (result.photos, result.boxes, result.empty, result.problems) == (3, 2, 1, ())
    assert (
        str(result) == "skin drew 2 boxes in 3 photos, found nothing in 1 of them; they count once a person has looked"
    )
    after = contents(dataset)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"0002.json", "0003.json", "0004.json"}
    sample = read_samples(dataset)[1]
    assert sample.machine_made
    (face,) = sample.annotations or ()
    assert iou(face.box_xyxy, draw_photo(2)[1][0].box_xyxy) > 0.8
    raw = json.loads(after["0002.json"])
    assert raw["thirtyfold"]["predicted_by"] == "skin"
    assert raw["shapes"][0]["score"] == 0.8
    assert raw["imageData"] is None


def test_a_photo_where_nothing_was_found_is_not_verified_empty(dataset: Dataset) -> None:
    draw(dataset)
    status = labelling_progress(dataset, ["face"])
    assert (status.labelled, status.empty, status.unlabelled) == (1, 0, ())
    assert status.machine_made == ("0002.jpg", "0003.jpg", "0004.jpg")


def test_drawing_again_does_only_what_is_missing(dataset: Dataset) -> None:
    draw(dataset)
    before = contents(dataset)
    finder = SkinFinder()
    result = prelabel(dataset, finder, predicted_by="other", labels=["face"])
    assert (result.photos, finder.calls) == (0, 0)
    assert "every photo has its labels" in str(result)
    assert contents(dataset) == before


def test_only_labels_on_the_list_are_drawn_and_a_detector_that_knows_none_of_them_is_refused(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match=r"finds person, and none of that is on the list \(face, hand\)"):
        prelabel(dataset, SkinFinder("person"), predicted_by="skin", labels=["face", "hand"])
    finder = SkinFinder("person")
    finder_knowing_both = type("Both", (), {"classes": ("face", "person"), "__call__": lambda self, px: finder(px)})()
    result = prelabel(dataset, finder_knowing_both, predicted_by="skin", labels=["face"])
    assert (result.photos, result.boxes) == (3, 0)


def test_taking_them_away_restores_the_folder_byte_for_byte(dataset: Dataset) -> None:
    before = contents(dataset)
    draw(dataset)
    heard = Heard()
    assert drop_prelabels(dataset, progress=heard) == 3
    assert contents(dataset) == before
    assert heard.lines == ["took away the boxes of 3 photos that nobody had looked at"]
    assert drop_prelabels(dataset) == 0


def test_what_somebody_changed_or_settled_or_kept_while_live_is_not_taken_away(dataset: Dataset) -> None:
    draw(dataset)
    changed, settled, empty = (dataset.images_dir / f"000{number}.json" for number in (2, 3, 4))
    # Edited in another program, which kept the mark; settled by a person; and a frame of `live`.
    label_file = labelme_json.read(changed)
    labelme_json.write(changed, replace(label_file, annotations=()))
    labelme_json.write(settled, machine_made.looked_at(labelme_json.read(settled)))
    live = machine_made.marked(labelme_json.LabelFile(image_path="0004.jpg", width=320, height=240), predicted_by="r/1")
    labelme_json.write(empty, live)
    before = contents(dataset)
    heard = Heard()
    assert drop_prelabels(dataset, progress=heard) == 0
    assert contents(dataset) == before
    assert "2 photos keep a model's boxes" in heard.lines[0]


def test_labels_that_another_program_saved_anew_without_a_change_can_still_be_taken_away(dataset: Dataset) -> None:
    draw(dataset)
    path = dataset.images_dir / "0002.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "version": "7.0.0", "flags": {"blurred": False}}))
    assert drop_prelabels(dataset) == 3


def test_photos_that_cannot_be_read_are_named_and_the_rest_goes_on(dataset: Dataset) -> None:
    (dataset.images_dir / "0000.jpg").write_bytes(b"no picture")
    heard = Heard()
    result = prelabel(dataset, SkinFinder(), predicted_by="skin", labels=["face"], progress=heard)
    assert result.photos == 3
    assert len(result.problems) == 1
    assert "0000.jpg" in heard.lines[0]
    assert not (dataset.images_dir / "0000.json").exists()


def test_of_two_photos_that_share_a_label_file_the_first_is_labelled_and_never_written_over(dataset: Dataset) -> None:
    shutil.copyfile(dataset.images_dir / "0004.jpg", dataset.images_dir / "0002.png")
    draw(dataset)
    assert labelme_json.read(dataset.images_dir / "0002.json").image_path == "0002.jpg"


def test_labels_of_a_session_that_was_cut_off_come_home_before_anything_is_drawn_over_them(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    save = 'save("0003.jpg", [face]); import shutil; shutil.copytree("..", "../../copy")'
    annotate(dataset, AnnotateOptions(), labelme=pretend(save))
    (dataset.images_dir / "0003.json").unlink()
    (dataset.root.parent / "copy" / ".annotating").rename(dataset.root / ".annotating")
    heard = Heard()
    prelabel(dataset, SkinFinder(), predicted_by="skin", labels=["face"], progress=heard)
    assert heard.lines[0] == "a session was cut off: its labels of 1 photo are now in place"
    assert labelme_json.read(dataset.images_dir / "0003.json").annotations[0].points == ((9.5, 8.0), (30.0, 40.25))


def test_a_dataset_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for call in (draw, drop_prelabels):
        with pytest.raises(DataError, match="no such dataset"):
            call(Dataset(tmp_path / "gone"))  # type: ignore[operator]
    assert not (tmp_path / "gone").exists()


def test_haar_draws_on_real_frames_and_all_of_it_can_be_taken_away(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    for path in sorted(shared("data/clip_frames").glob("sister_*.jpg")):
        (tmp_path / "images").mkdir(exist_ok=True)
        shutil.copyfile(path, tmp_path / "images" / path.name)
    result = prelabel(Dataset(tmp_path), open_detector("haar"), predicted_by="haar", labels=["face"])
    assert result.photos == 12
    assert result.boxes >= 12
    assert drop_prelabels(Dataset(tmp_path)) == 12

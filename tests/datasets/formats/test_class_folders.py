from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.datasets.formats.label_samples import box, entry, read_as, run, write_as, write_photo
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import DataError
from thirtyfold.workspace import Dataset


def test_the_folder_is_the_class_and_labelme_shows_it_as_a_ticked_flag(tmp_path: Path) -> None:
    write_photo(tmp_path / "a/train/dog/1.jpg")
    write_photo(tmp_path / "a/valid/cat/1.jpg")
    result = run(tmp_path / "a", tmp_path / "b", "labelme")
    assert result.from_ == "folders"
    raw = json.loads((tmp_path / "b/images/1.json").read_text())
    assert (raw["flags"], raw["shapes"]) == ({"dog": True}, [])
    parts = json.loads((tmp_path / "b/split.json").read_text())["photos"]
    assert {name: row["part"] for name, row in parts.items()} == {"1.jpg": "train", "1-2.jpg": "val"}
    assert result.losses.totals() == {"renamed": (1, 1)}


def test_a_class_of_the_whole_photo_is_never_taken_for_a_photo_with_nothing_in_it(tmp_path: Path) -> None:
    write_photo(tmp_path / "a/dog/1.jpg")
    run(tmp_path / "a", tmp_path / "b", "labelme")
    (sample,) = read_samples(Dataset(tmp_path / "b"))
    assert (sample.annotations, sample.tags) == (None, ("dog",))


def test_folders_to_labelme_to_folders_is_the_same_tree(tmp_path: Path) -> None:
    names = ["train/dog/a.jpg", "train/cat/b.jpg", "test/dog/c.jpg", "val/cat/d.jpg"]
    for name in names:
        write_photo(tmp_path / "a" / name)
    run(tmp_path / "a", tmp_path / "b", "labelme")
    result = run(tmp_path / "b", tmp_path / "c", "folders")
    assert sorted(p.relative_to(tmp_path / "c").as_posix() for p in (tmp_path / "c").rglob("*.jpg")) == sorted(names)
    assert not result.losses.by_file


def test_shapes_and_second_classes_and_photos_without_one_are_accounted_for(tmp_path: Path) -> None:
    entries = [
        entry(write_photo(tmp_path / "p/a.jpg"), [box("x", 1, 1, 3, 3)] * 2, tags=("dog", "wet")),
        entry(write_photo(tmp_path / "p/b.jpg"), [], tags=()),
    ]
    losses = write_as("folders", entries, tmp_path / "out")
    assert losses.by_file["a.jpg"] == {"shapes": 2, "tags": 1}
    assert losses.by_file["b.jpg"] == {"no_class": 1, "verified_empty": 1}
    assert [p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.jpg")] == ["dog/a.jpg"]


@pytest.mark.parametrize("tag", ["..", "a/b", "train", ".hidden", "images"])
def test_a_class_that_cannot_be_a_folder_gets_a_name_that_can(tmp_path: Path, tag: str) -> None:
    photo = write_photo(tmp_path / "p/a.jpg")
    losses = write_as("folders", [entry(photo, None, tags=(tag,))], tmp_path / "out")
    (placed,) = (tmp_path / "out").rglob("a.jpg")
    assert len(placed.relative_to(tmp_path / "out").parts) == 2
    assert losses.by_file == {"a.jpg": {"renamed": 1}}
    assert len(read_as("folders", tmp_path / "out").entries[0].sample.tags) == 1


def test_two_classes_never_share_a_folder_though_no_system_can_have_their_names(tmp_path: Path) -> None:
    tags = ("a:b", "a/b", "a_b", "Cat", "cat")
    entries = [entry(write_photo(tmp_path / f"p/{n}.jpg"), None, tags=(tag,)) for n, tag in enumerate(tags)]
    losses = write_as("folders", entries, tmp_path / "out")
    folders = {path.name: path.parent.name for path in (tmp_path / "out").rglob("*.jpg")}
    assert folders == {"0.jpg": "a_b-3", "1.jpg": "a_b-2", "2.jpg": "a_b", "3.jpg": "Cat", "4.jpg": "cat-2"}
    assert set(losses.by_file) == {"0.jpg", "1.jpg", "4.jpg"}


def test_a_dataset_of_boxes_alone_is_refused(tmp_path: Path) -> None:
    write_as("labelme", [entry(write_photo(tmp_path / "p/a.jpg"), [box("x", 1, 1, 3, 3)])], tmp_path / "a")
    with pytest.raises(DataError, match="No photo has a class"):
        run(tmp_path / "a", tmp_path / "b", "folders")
    assert not (tmp_path / "b").exists()

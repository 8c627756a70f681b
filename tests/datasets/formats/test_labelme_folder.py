from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import png_header
from tests.datasets.formats.label_samples import box, entry, read_as, run, tree_bytes, write_as, write_photo
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import read_split
from thirtyfold.workspace import Dataset


def _label(image: str, *shapes: dict[str, Any], **more: Any) -> str:
    raw = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": image, "imageData": None}
    return json.dumps(raw | {"imageHeight": 30, "imageWidth": 40} | more)


def _rectangle(label: str, *points: list[float]) -> dict[str, Any]:
    return {"label": label, "points": list(points), "group_id": None, "shape_type": "rectangle", "flags": {}}


@pytest.mark.parametrize("version", ["4.5.6", "5.5.0", "6.3.1", "7.1.0"])
def test_labels_in_a_folder_of_their_own_with_windows_paths_become_siblings(tmp_path: Path, version: str) -> None:
    write_photo(tmp_path / "a/images/one.jpg")
    (tmp_path / "a/labels").mkdir()
    shape = _rectangle("x", [20, 15], [3, 4])
    (tmp_path / "a/labels/one.json").write_text(_label("..\\images\\one.jpg", shape, version=version))
    result = run(tmp_path / "a", tmp_path / "b", "labelme")
    assert (result.from_, result.losses.by_file) == ("labelme", {})
    (sample,) = read_samples(Dataset(tmp_path / "b"))
    assert [shape.points for shape in sample.annotations or ()] == [((20, 15), (3, 4))]


def test_four_corners_of_x_anylabeling_are_read_as_a_box(tmp_path: Path) -> None:
    write_photo(tmp_path / "one.jpg")
    corners = _rectangle("x", [3, 4], [20, 4], [20, 15], [3, 15])
    (tmp_path / "one.json").write_text(_label("one.jpg", corners))
    (shape,) = read_as("labelme", tmp_path).entries[0].sample.annotations or ()
    assert (shape.kind, shape.points) == ("rectangle", ((3, 4), (20, 15)))


def test_every_key_we_do_not_know_is_still_there_after_a_walk_through_coco(tmp_path: Path) -> None:
    write_photo(tmp_path / "a/one.jpg")
    shape = _rectangle("x", [3, 4], [20, 15]) | {
        "description": "left one",
        "flags": {"blurred": True},
        "mine": [1, {"a": 2}],
    }
    more = {"flags": {"night": True, "rain": False}, "camera": {"iso": 400}}
    (tmp_path / "a/one.json").write_text(_label("one.jpg", shape, **more))
    run(tmp_path / "a", tmp_path / "b", "coco")
    result = run(tmp_path / "b", tmp_path / "c", "labelme")
    raw = json.loads((tmp_path / "c/images/one.json").read_text())
    assert raw["flags"] == {"night": True, "rain": False}
    assert raw["camera"] == {"iso": 400}
    found = raw["shapes"][0]
    assert {key: found[key] for key in ("description", "flags", "mine")} == {
        key: shape[key] for key in ("description", "flags", "mine")
    }
    assert not result.losses.by_file


def test_a_photo_that_is_only_inside_of_the_label_file_comes_out_byte_for_byte(tmp_path: Path) -> None:
    data = write_photo(tmp_path / "p/one.jpg").read_bytes()
    (tmp_path / "a").mkdir()
    embedded = base64.b64encode(data).decode()
    (tmp_path / "a/one.json").write_text(
        _label("C:\\photos\\one.jpg", _rectangle("x", [3, 4], [20, 15]), imageData=embedded)
    )
    result = run(tmp_path / "a", tmp_path / "b", "yolo")
    assert (tmp_path / "b/images/one.jpg").read_bytes() == data
    assert result.pictures == {"taken out of label files": 1}


@pytest.mark.parametrize("name", ["one.exe", "one.jp\0g", "one.\n", "..", ""])
def test_an_embedded_photo_is_never_given_the_ending_of_another_kind_of_file(tmp_path: Path, name: str) -> None:
    embedded = base64.b64encode(write_photo(tmp_path / "p/one.jpg").read_bytes()).decode()
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.json").write_text(_label(name, imageData=embedded))
    run(tmp_path / "a", tmp_path / "b", "labelme")
    assert [path.name for path in Dataset(tmp_path / "b").image_paths()] == ["one.jpg"]


@pytest.mark.parametrize(
    "data", ["é", "AAAA", "no base64", base64.b64encode(png_header(30_000, 30_000)).decode()], ids=str
)
def test_an_embedded_photo_that_cannot_be_unpacked_is_named(tmp_path: Path, data: str) -> None:
    (tmp_path / "one.json").write_text(_label("one.jpg", imageData=data))
    label_set = read_as("labelme", tmp_path)
    assert not label_set.entries
    assert '"imageData"' in label_set.problems[0].reason


@pytest.mark.parametrize("path", ["../../secret.jpg", "/etc/passwd", "..\\..\\secret.jpg"])
def test_a_path_that_leads_out_of_the_folder_is_named_and_not_followed(tmp_path: Path, path: str) -> None:
    write_photo(tmp_path / "secret.jpg")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/one.json").write_text(_label(path, _rectangle("x", [3, 4], [20, 15])))
    label_set = read_as("labelme", tmp_path / "a/b")
    assert not label_set.entries
    assert "is not in" in label_set.problems[0].reason


def test_a_photo_whose_label_file_is_broken_is_named_and_not_taken_for_unlabelled(tmp_path: Path) -> None:
    write_photo(tmp_path / "one.jpg")
    write_photo(tmp_path / "two.jpg")
    (tmp_path / "one.json").write_text('{"shapes": [')
    label_set = read_as("labelme", tmp_path)
    assert [e.name for e in label_set.entries] == ["two.jpg"]
    assert [problem.path.name for problem in label_set.problems] == ["one.json"]


def test_sessions_parts_and_classes_come_over_and_the_rest_of_the_tool_reads_them(tmp_path: Path) -> None:
    entries = [
        entry(write_photo(tmp_path / "p/a.jpg"), [box("x", 1, 1, 3, 3)], session="s1", split="train"),
        entry(write_photo(tmp_path / "p/b.jpg"), None, session="s2", split="test", extra={"capture": {"shot": "left"}}),
    ]
    write_as("labelme", entries, tmp_path / "a", class_names=["z", "x"])
    dataset = Dataset(tmp_path / "a")
    assert [sample.session for sample in read_samples(dataset)] == ["s1", "s2"]
    split = read_split(dataset)
    assert (split.parts, split.leak_free) == ({"a.jpg": "train", "b.jpg": "test"}, True)
    read = read_as("labelme", tmp_path / "a")
    assert [e.sample.split for e in read.entries] == ["train", "test"]
    assert read.entries[1].extra == {"capture": {"shot": "left"}}
    assert read.class_names == ("z", "x")


def test_a_split_without_sessions_does_not_claim_to_be_free_of_leaks(tmp_path: Path) -> None:
    entries = [entry(write_photo(tmp_path / f"p/{part}.jpg"), [], split=part) for part in ("train", "val")]
    write_as("labelme", entries, tmp_path / "a")
    split = read_split(Dataset(tmp_path / "a"))
    assert not split.leak_free
    assert "not known" in split.note


def test_the_source_is_byte_for_byte_what_it_was(tmp_path: Path) -> None:
    write_as("labelme", [entry(write_photo(tmp_path / "p/a.jpg"), [box("x", 1, 1, 3, 3)])], tmp_path / "a")
    before = tree_bytes(tmp_path / "a")
    for to in ("coco", "yolo", "voc", "masks", "labelme"):
        run(tmp_path / "a", tmp_path / to, to)
    assert tree_bytes(tmp_path / "a") == before

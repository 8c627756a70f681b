from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests.datasets.formats.label_samples import box, entry, polygon, read_as, run, write_as, write_photo
from thirtyfold.datasets.formats import regions, rle
from thirtyfold.errors import LabelError, UsageError
from thirtyfold.sample import Annotation

# pycocotools 2.0.11 on NumPy 2.4; theirs to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def _write(
    root: Path, annotations: list[dict[str, Any]], *, images: list[dict[str, Any]] | None = None, **more: Any
) -> Path:
    write_photo(root / "images" / "one.jpg")
    document = {
        "images": images or [{"id": 7, "file_name": "one.jpg", "width": 40, "height": 30}],
        "annotations": [
            {"id": number, "image_id": 7, "category_id": 3, **a} for number, a in enumerate(annotations, 10)
        ],
        "categories": [{"id": 3, "name": "face", "supercategory": "person"}, {"id": 1, "name": "hand"}],
        **more,
    }
    (root / "annotations.json").write_text(json.dumps(document))
    return root


def _shapes(root: Path) -> tuple[Annotation, ...]:
    label_set = read_as("coco", root)
    assert not label_set.problems
    return label_set.entries[0].sample.annotations or ()


def test_a_box_is_left_top_width_height_from_the_outer_corner(tmp_path: Path) -> None:
    (shape,) = _shapes(_write(tmp_path, [{"bbox": [3.5, 4, 10, 5.25]}]))
    assert (shape.label, shape.kind, shape.box_xyxy) == ("face", "rectangle", (3.5, 4, 13.5, 9.25))


def test_rings_of_one_object_share_a_group_and_become_one_object_again(tmp_path: Path) -> None:
    rings = [[0, 0, 5, 0, 5, 5], [10.5, 10, 20, 10, 20, 20.25]]
    _write(tmp_path / "a", [{"segmentation": rings, "iscrowd": 0}, {"segmentation": [rings[0]], "iscrowd": 0}])
    first, second, alone = _shapes(tmp_path / "a")
    assert first.group == second.group is not None
    assert alone.group is None
    run(tmp_path / "a", tmp_path / "b", "labelme")
    run(tmp_path / "b", tmp_path / "c", "coco")
    written = json.loads((tmp_path / "c/annotations/instances.json").read_text())
    assert [a["segmentation"] for a in written["annotations"]] == [rings, [rings[0]]]
    assert [a["id"] for a in written["annotations"]] == [10, 11]
    assert written["images"][0]["id"] == 7
    assert written["categories"][0] == {"id": 3, "name": "face", "supercategory": "person"}


@pytest.mark.parametrize("packed", [True, False])
def test_run_length_masks_keep_their_holes_through_labelme_and_back(tmp_path: Path, packed: bool) -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[3:20, 5:30] = True
    mask[8:12, 10:20] = False
    counts = rle.encode(mask)["counts"]
    if not packed:
        runs = mask.ravel(order="F").astype(np.int8)
        edges = np.flatnonzero(np.diff(runs)) + 1
        counts = np.diff([0, *edges, runs.size]).tolist()
    _write(
        tmp_path / "a", [{"segmentation": {"size": [30, 40], "counts": counts}, "iscrowd": 1, "bbox": [5, 3, 25, 17]}]
    )
    (shape,) = _shapes(tmp_path / "a")
    assert np.array_equal(regions.mask_of(shape, (40, 30)), mask)
    run(tmp_path / "a", tmp_path / "b", "labelme")
    run(tmp_path / "b", tmp_path / "c", "coco")
    written = json.loads((tmp_path / "c/annotations/instances.json").read_text())["annotations"][0]
    assert np.array_equal(coco_mask.decode(written["segmentation"]), mask)
    assert (written["iscrowd"], written["bbox"], written["area"]) == (1, [5, 3, 25, 17], mask.sum())


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ({"size": [30, 40], "counts": [100]}, "cover 100 pixels"),
        ({"size": [30, 40], "counts": "0"}, "cover 0 pixels"),
        ({"size": [30, 40], "counts": "zzzzzzzzzzzz"}, "broken"),
        ({"size": [30, 40], "counts": [1300, -100]}, "list of lengths"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, r"size \[30, 40\]"),
        ([[1, 2, 3, 4]], "three corners"),
        ([[1, 2, 3, 4, 5, float("nan")]], "no number"),
        ([[1, 2, 3, 4, 5, 10**400]], "no number"),
        ([[1, 2, 3, 4, 5, 1e308]], "farther away"),
    ],
)
def test_a_broken_outline_is_named_and_the_rest_is_read(tmp_path: Path, segmentation: object, reason: str) -> None:
    root = _write(tmp_path, [{"segmentation": segmentation}, {"bbox": [1, 1, 5, 5]}])
    label_set = read_as("coco", root)
    assert len(label_set.entries[0].sample.annotations or ()) == 1
    (problem,) = label_set.problems
    with pytest.raises(LabelError, match=rf"annotations\[0\] of one.jpg.*{reason}"):
        raise problem


def test_annotations_of_unknown_images_and_categories_are_named(tmp_path: Path) -> None:
    root = _write(tmp_path, [{"bbox": [1, 1, 5, 5], "category_id": 99}, {"bbox": [1, 1, 5, 5], "image_id": 8}])
    reasons = " ".join(problem.reason for problem in read_as("coco", root).problems)
    assert "category 99" in reasons
    assert "image 8" in reasons


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "../../../outside.jpg", "..\\..\\outside.jpg"])
def test_a_file_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    write_photo(tmp_path / "outside.jpg")
    root = _write(tmp_path / "a" / "b", [], images=[{"id": 7, "file_name": name, "width": 40, "height": 30}])
    label_set = read_as("coco", root)
    assert not label_set.entries
    assert "is not in" in label_set.problems[0].reason


def test_folders_that_do_not_exist_and_other_letters_are_forgiven(tmp_path: Path) -> None:
    image = {"id": 7, "file_name": "scans of 2019/ONE.JPG", "width": 40, "height": 30}
    label_set = read_as("coco", _write(tmp_path, [{"bbox": [1, 1, 5, 5]}], images=[image]))
    assert label_set.entries[0].sample.image_path == tmp_path / "images/one.jpg"
    assert "found by their bare name" in label_set.notes[0]


def test_a_photo_that_could_be_either_of_two_is_not_guessed(tmp_path: Path) -> None:
    write_photo(tmp_path / "other" / "one.jpg")
    image = {"id": 7, "file_name": "nowhere/one.jpg", "width": 40, "height": 30}
    assert "could be any of" in read_as("coco", _write(tmp_path, [], images=[image])).problems[0].reason
    image["file_name"] = "other/one.jpg"
    assert read_as("coco", _write(tmp_path, [], images=[image])).entries[0].sample.image_path.parent.name == "other"


def test_pycocotools_loads_what_we_write_and_sees_the_same_areas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_photo(tmp_path / "p" / "one.jpg")
    hole = np.zeros((30, 40), np.bool_)
    hole[2:12, 2:12] = True
    hole[5:8, 5:8] = False
    shapes = [
        polygon("face", (1, 1), (21, 1), (21, 11), (1, 11)),
        regions.mask_annotation("hand", hole),
        box("face", 3, 4, 13, 9),
        polygon("hand", (20, 20), (30, 20), (30, 25), (20, 25), group=4),
        polygon("hand", (31, 20), (36, 20), (36, 25), (31, 25), group=4),
    ]
    write_as("coco", [entry(photo, shapes)], tmp_path / "out")
    coco = COCO(tmp_path / "out/annotations/instances.json")
    capsys.readouterr()
    rows = coco.loadAnns(coco.getAnnIds())
    assert [row["bbox"] for row in rows] == [[1, 1, 20, 10], [2, 2, 10, 10], [3, 4, 10, 5], [20, 20, 16, 5]]
    assert [row["area"] for row in rows] == [200, 91, 50, 75]
    assert [coco.annToMask(row).sum() for row in rows if row["segmentation"]] == [200, 91, 75]
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["face", "hand"]


def test_an_unlabelled_photo_and_a_verified_empty_one_stay_what_they_are(tmp_path: Path) -> None:
    entries = [entry(write_photo(tmp_path / "p/a.jpg"), None), entry(write_photo(tmp_path / "p/b.jpg"), [])]
    write_as("coco", entries, tmp_path / "out")
    assert [e.sample.annotations for e in read_as("coco", tmp_path / "out").entries] == [None, ()]


def test_a_photo_without_annotations_in_a_foreign_file_counts_as_unlabelled_and_that_is_said(tmp_path: Path) -> None:
    label_set = read_as("coco", _write(tmp_path, []))
    assert label_set.entries[0].sample.annotations is None
    assert "count as unlabelled" in " ".join(label_set.notes)


def test_an_area_or_box_of_the_other_tool_is_kept_only_while_it_fits_the_outline(tmp_path: Path) -> None:
    ring = [2.0, 2.0, 22.0, 2.0, 22.0, 12.0, 2.0, 12.0]
    _write(tmp_path / "a", [{"segmentation": [ring], "area": 203, "bbox": [1, 1, 22, 12]}])
    label_set = read_as("coco", tmp_path / "a")
    kept = label_set.entries[0]
    moved = replace(
        kept.sample, annotations=(replace(kept.sample.annotations[0], points=((30, 20), (35, 20), (35, 25))),)
    )  # type: ignore[index]
    write_as("coco", [kept], tmp_path / "b")
    write_as("coco", [replace(kept, sample=moved)], tmp_path / "c")
    same, other = (
        json.loads((tmp_path / n / "annotations/instances.json").read_text())["annotations"][0] for n in "bc"
    )
    assert (same["area"], same["bbox"]) == (203, [1, 1, 22, 12])
    assert (other["area"], other["bbox"]) == (12.5, [30, 20, 5, 5])


@pytest.mark.parametrize("box", [[10**400, 1, 5, 5], [1e308, 1, 1e308, 5], [1, 1, True, 5], "1,1,5,5", None])
def test_a_broken_box_is_named_and_the_rest_is_read(tmp_path: Path, box: object) -> None:
    label_set = read_as("coco", _write(tmp_path, [{"bbox": box}, {"bbox": [1, 1, 5, 5]}]))
    assert len(label_set.entries[0].sample.annotations or ()) == 1
    assert "annotations[0] of one.jpg: its bbox" in label_set.problems[0].reason


@pytest.mark.parametrize("number", [10**400, float("nan"), float("inf"), True, "0.5"])
def test_a_score_or_an_area_that_is_no_number_is_not_taken_for_one(tmp_path: Path, number: object) -> None:
    ring = [1, 1, 9, 1, 9, 9]
    (shape,) = _shapes(_write(tmp_path / "a", [{"segmentation": [ring], "area": number, "score": number}]))
    assert shape.score is None
    run(tmp_path / "a", tmp_path / "b", "coco")
    (row,) = json.loads((tmp_path / "b/annotations/instances.json").read_text())["annotations"]
    assert row["area"] == 32


def test_files_that_number_their_categories_otherwise_keep_their_classes_apart(tmp_path: Path) -> None:
    for part, label in (("train", "cat"), ("val", "dog")):
        write_photo(tmp_path / "a/images" / f"{part}.jpg")
        document = {
            "images": [{"id": 1, "file_name": f"{part}.jpg"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
            "categories": [{"id": 1, "name": label}],
        }
        (tmp_path / "a" / f"instances_{part}.json").write_text(json.dumps(document))
    run(tmp_path / "a", tmp_path / "b", "coco")
    labels = {
        e.name: [shape.label for shape in e.sample.annotations or ()] for e in read_as("coco", tmp_path / "b").entries
    }
    assert labels == {"train.jpg": ["cat"], "val.jpg": ["dog"]}


@pytest.mark.parametrize("to", ["labelme", "coco", "voc", "yolo"])
def test_our_own_keys_may_hold_anything_where_somebody_else_wrote_them(tmp_path: Path, to: str) -> None:
    hostile = {"voc": 5, "labelme": "x", "coco": ["y"], "capture": 3}
    image = {"id": 7, "file_name": "one.jpg", "thirtyfold": {"labelled": True, "session": "s", "extra": hostile}}
    other = {"id": 8, "file_name": "two.jpg", "thirtyfold": {"labelled": True, "extra": {"labelme": {"flags": [1]}}}}
    box = {"bbox": [1, 1, 5, 5], "thirtyfold": {"extra": {"voc": 5, "imglab": [1]}, "group": "x"}}
    write_photo(tmp_path / "a/images/two.jpg")
    run(_write(tmp_path / "a", [box], images=[image, other]), tmp_path / "b", to)
    assert len(read_as(to, tmp_path / "b").entries) == 2


@pytest.mark.parametrize("name", [None, {"en": "cat"}, 7, True])
def test_a_category_whose_name_is_no_text_is_called_as_it_is_written(tmp_path: Path, name: object) -> None:
    root = _write(tmp_path / "a", [{"bbox": [1, 1, 5, 5], "category_id": 1}], categories=[{"id": 1, "name": name}])
    run(root, tmp_path / "b", "coco")
    assert [shape.label for shape in _shapes(tmp_path / "b")] == [str(name)]


def test_what_is_called_json_and_is_no_file_is_passed_over(tmp_path: Path) -> None:
    root = _write(tmp_path, [{"bbox": [1, 1, 5, 5]}])
    (root / "folder.json").mkdir()
    (root / "link.json").symlink_to("nowhere.json")
    assert len(_shapes(root)) == 1


def test_a_file_name_longer_than_any_path_is_found_by_its_end(tmp_path: Path) -> None:
    image = {"id": 7, "file_name": "x" * 5000 + "/one.jpg", "width": 40, "height": 30}
    assert len(read_as("coco", _write(tmp_path, [], images=[image])).entries) == 1


def test_two_files_on_the_same_photos_are_refused_by_name(tmp_path: Path) -> None:
    root = _write(tmp_path, [])
    (root / "instances_b.json").write_bytes((root / "annotations.json").read_bytes())
    with pytest.raises(UsageError, match=r"both describe one.jpg"):
        read_as("coco", root)


def test_each_parts_file_means_the_photos_of_its_own_folder(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "valid")):
        write_photo(tmp_path / part / "1.jpg", seed=number)
        document = {
            "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5 + number, 5]}],
            "categories": [{"id": 1, "name": "face"}],
        }
        (tmp_path / part / "_annotations.coco.json").write_text(json.dumps(document))
    entries = read_as("coco", tmp_path).entries
    found = {
        e.sample.image_path.parent.name: (e.sample.split, (e.sample.annotations or ())[0].box_xyxy[2]) for e in entries
    }
    assert found == {"train": ("train", 6), "valid": ("val", 7)}


def test_files_called_train_and_val_are_the_parts(tmp_path: Path) -> None:
    entries = [
        entry(write_photo(tmp_path / f"p/{part}.jpg"), [box("a", 1, 1, 3, 3)], split=None if part == "none" else part)
        for part in ("train", "val", "test", "none")
    ]
    write_as("coco", entries, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out/annotations").iterdir())
    assert names == ["instances_test.json", "instances_train.json", "instances_unassigned.json", "instances_val.json"]
    found = {e.name: e.sample.split for e in read_as("coco", tmp_path / "out").entries}
    assert found == {"none.jpg": None, "test.jpg": "test", "train.jpg": "train", "val.jpg": "val"}

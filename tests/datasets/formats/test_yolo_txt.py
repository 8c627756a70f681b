from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.datasets.formats.label_samples import box, entry, polygon, read_as, run, write_as, write_photo
from thirtyfold.datasets.formats import regions
from thirtyfold.errors import LabelError


def _yolo(root: Path, rows: str | None, *, config: str = "train: images\nval: images\nnames: [face, hand]\n") -> Path:
    write_photo(root / "images/one.jpg")
    if rows is not None:
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels/one.txt").write_text(rows)
    if config:
        (root / "data.yaml").write_text(config)
    return root


def _second_reader(root: Path, label_path: Path, size_wh: tuple[int, int]) -> list[tuple[str, np.ndarray]]:
    """Class and pixel corners, as the format's page says: class, middle, size in shares, or class and corners."""
    names = yaml.safe_load((root / "data.yaml").read_text())["names"]
    found = []
    for line in label_path.read_text().splitlines():
        number, *shares = line.split()
        values = np.array(shares, np.float64).reshape(-1, 2) * size_wh
        if len(values) == 2:
            values = np.array([values[0] - values[1] / 2, values[0] + values[1] / 2])
        assert (values >= -1e-6).all()
        assert (values <= np.array(size_wh) + 1e-6).all()
        found.append((names[int(number)], values))
    return found


def test_another_reader_finds_our_boxes_where_they_were(tmp_path: Path) -> None:
    shapes = [box("hand", 3.25, 4, 13.5, 9), box("face", 0, 0, 40, 30)]
    write_as(
        "yolo", [entry(write_photo(tmp_path / "p/one.jpg"), shapes)], tmp_path / "out", class_names=["hand", "cup"]
    )
    rows = _second_reader(tmp_path / "out", tmp_path / "out/labels/one.txt", (40, 30))
    assert [name for name, _ in rows] == ["hand", "face"]
    for (_, corners), shape in zip(rows, shapes, strict=True):
        assert np.allclose(corners.ravel(), shape.box_xyxy, atol=1e-5)
    config = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert config["names"] == {0: "hand", 1: "cup", 2: "face"}


def test_a_row_as_the_format_page_shows_it(tmp_path: Path) -> None:
    (shape,) = read_as("yolo", _yolo(tmp_path, "1 0.5 0.5 0.25 0.2\n")).entries[0].sample.annotations or ()
    assert shape.label == "hand"
    assert shape.box_xyxy == pytest.approx((15, 12, 25, 18))


def test_a_row_of_corners_is_an_outline_and_a_sixth_column_the_score(tmp_path: Path) -> None:
    rows = "0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.5 0.5 0.25 0.2 0.75\n"
    outline, scored = read_as("yolo", _yolo(tmp_path, rows)).entries[0].sample.annotations or ()
    assert outline.kind == "polygon"
    assert np.allclose(outline.points, [(4, 3), (20, 3), (20, 15)])
    assert scored.score == 0.75


def test_boxes_and_outlines_are_never_mixed_in_one_dataset(tmp_path: Path) -> None:
    entries = [
        entry(write_photo(tmp_path / "p/a.jpg"), [box("a", 1, 1, 5, 5)]),
        entry(write_photo(tmp_path / "p/b.jpg"), [polygon("a", (1, 1), (9, 1), (9, 9))]),
    ]
    losses = write_as("yolo", entries, tmp_path / "out")
    lengths = {
        len(line.split()) for path in (tmp_path / "out/labels").iterdir() for line in path.read_text().splitlines()
    }
    assert lengths == {7, 9}
    assert losses.totals() == {"box_to_polygon": (1, 1)}


def test_no_file_is_unlabelled_and_an_empty_one_is_verified_empty_both_ways(tmp_path: Path) -> None:
    assert read_as("yolo", _yolo(tmp_path / "a", None)).entries[0].sample.annotations is None
    assert read_as("yolo", _yolo(tmp_path / "b", "")).entries[0].sample.annotations == ()
    photos = [write_photo(tmp_path / f"p/{name}.jpg") for name in "xy"]
    write_as("yolo", [entry(photos[0], None), entry(photos[1], [])], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/labels").iterdir()] == ["y.txt"]


def test_what_reaches_over_the_edge_is_cut_as_trainers_refuse_it_and_that_is_noted(tmp_path: Path) -> None:
    shapes = [box("a", -5, 2, 10, 40), box("a", 50, 50, 60, 60)]
    losses = write_as("yolo", [entry(write_photo(tmp_path / "p/one.jpg"), shapes)], tmp_path / "out")
    ((_, corners),) = _second_reader(tmp_path / "out", tmp_path / "out/labels/one.txt", (40, 30))
    assert np.allclose(corners.ravel(), (0, 2, 10, 30))
    assert losses.by_file == {"one.jpg": {"clipped": 1, "outside": 1}}


def test_a_mask_becomes_its_outlines_and_the_hole_is_noted(tmp_path: Path) -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[2:12, 2:12] = mask[20:25, 20:30] = True
    mask[5:8, 5:8] = False
    photo = write_photo(tmp_path / "p/one.jpg")
    losses = write_as("yolo", [entry(photo, [regions.mask_annotation("a", mask)])], tmp_path / "out")
    rows = _second_reader(tmp_path / "out", tmp_path / "out/labels/one.txt", (40, 30))
    assert [corners.round(5).tolist() for _, corners in rows] == [
        [[2, 2], [12, 2], [12, 12], [2, 12]],
        [[20, 20], [30, 20], [30, 25], [20, 25]],
    ]
    assert losses.by_file == {"one.jpg": {"holes": 1, "mask_to_polygon": 1, "torn": 1}}


def test_areas_to_be_ignored_are_not_taught_as_objects(tmp_path: Path) -> None:
    crowd = box("a", 1, 1, 9, 9)
    crowd = type(crowd)(label="a", points=crowd.points, extra={"coco": {"iscrowd": 1}})
    losses = write_as("yolo", [entry(write_photo(tmp_path / "p/one.jpg"), [crowd])], tmp_path / "out")
    assert (tmp_path / "out/labels/one.txt").read_text() == ""
    assert losses.by_file == {"one.jpg": {"ignored": 1}}


@pytest.mark.parametrize(
    "names", ["names: [face, hand]", "names: {0: face, 1: hand}", "nc: 2\nnames:\n  - face\n  - hand"]
)
@pytest.mark.parametrize("folder", ["../valid/images", "/home/somebody/set/valid/images", "valid/images", "./valid"])
def test_folders_of_other_machines_and_layouts_are_found(tmp_path: Path, names: str, folder: str) -> None:
    write_photo(tmp_path / "train/images/a.jpg")
    write_photo(tmp_path / "valid/images/b.jpg")
    (tmp_path / "valid/labels").mkdir()
    (tmp_path / "valid/labels/b.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text(f"train: train/images\nval: {folder}\n{names}\n")
    one, two = read_as("yolo", tmp_path).entries
    assert (one.sample.split, one.sample.annotations) == ("train", None)
    assert (two.sample.split, [shape.label for shape in two.sample.annotations or ()]) == ("val", ["hand"])


def test_classes_txt_beside_photos_and_labels_names_the_classes(tmp_path: Path) -> None:
    write_photo(tmp_path / "one.jpg")
    (tmp_path / "one.txt").write_text("2 0.5 0.5 0.1 0.1\n")
    (tmp_path / "classes.txt").write_text("zebra\ndog\ncat\n")
    result = run(tmp_path, tmp_path.parent / "out", "labelme")
    assert result.from_ == "yolo"
    assert result.class_names == ("zebra", "dog", "cat")
    assert (tmp_path.parent / "out/labels.txt").read_text() == "zebra\ndog\ncat\n"


def test_the_same_folder_for_train_and_val_is_no_division(tmp_path: Path) -> None:
    assert read_as("yolo", _yolo(tmp_path, "")).entries[0].sample.split is None


def test_parts_are_folders_and_come_back(tmp_path: Path) -> None:
    entries = [
        entry(write_photo(tmp_path / f"p/{part}.jpg"), [box("a", 1, 1, 3, 3)], split=None if part == "none" else part)
        for part in ("train", "val", "none")
    ]
    write_as("yolo", entries, tmp_path / "out")
    config = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert (config["train"], config["val"], "test" in config) == ("images/train", "images/val", False)
    found = {e.name: e.sample.split for e in read_as("yolo", tmp_path / "out").entries}
    assert found == {"none.jpg": None, "train.jpg": "train", "val.jpg": "val"}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("0 0.5 0.5\n", "line 1 has 3 columns"),
        ("0 0.5 0.5 0.1 0.1\nface 0.5 0.5 0.1 0.1\n", "line 2 holds something that is no number"),
        ("0 200 100 50 50\n", "line 1 is in pixels"),
        ("0 nan 0.5 0.1 0.1\n", "broken"),
        ("nan 0.5 0.5 0.1 0.1\n", "no class number"),
        ("inf 0.5 0.5 0.1 0.1\n", "no class number"),
        ("-1 0.5 0.5 0.1 0.1\n", "no class number"),
        ("0.5 0.5 0.5 0.1 0.1\n", "no class number"),
        ("0 0.5 0.5 0.1 0.1 0.2 0.2 0.3\n", "line 1 has 8 columns"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, rows: str, reason: str) -> None:
    (problem,) = read_as("yolo", _yolo(tmp_path, rows)).problems
    assert problem.path.name == "one.txt"
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("names: [2024-99-99]", "is not YAML"),
        ("names: [a]\nnc: " + "9" * 5000, "is not YAML"),
        ("names: [", "is not YAML"),
        ("names: [[a, b]]", "class 0 has a list in place of a name"),
        ("names: {a: 0}", "must be a list"),
        ("x: &x [a]\nnames: *x", "aliases"),
    ],
)
def test_a_broken_data_yaml_is_named(tmp_path: Path, config: str, reason: str) -> None:
    with pytest.raises(LabelError, match=rf"data\.yaml: .*{reason}"):
        read_as("yolo", _yolo(tmp_path, "", config=config))


def test_yaml_that_unfolds_is_refused_before_it_does(tmp_path: Path) -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(LabelError, match="aliases"):
        read_as("yolo", _yolo(tmp_path, "", config="\n".join([*lines, "names: [*a11]"])))


def test_a_part_that_was_listed_and_never_exported_is_empty(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        write_photo(tmp_path / part / "images" / f"{part}.jpg")
    listed = "".join(
        f"{key}: ../{name}/images\n" for key, name in (("train", "train"), ("val", "valid"), ("test", "test"))
    )
    (tmp_path / "data.yaml").write_text(f"{listed}names: [a]\n")
    assert [e.sample.split for e in read_as("yolo", tmp_path).entries] == ["train", "val"]


@pytest.mark.parametrize("place", ["x" * 5000, "a**.txt", "*.txt", '"a\\0b"', "//server/share", "[", "."])
def test_a_place_that_is_no_folder_here_is_not_an_error(tmp_path: Path, place: str) -> None:
    config = f"val: '{place}'\nnames: [a]\n" if not place.startswith('"') else f"val: {place}\nnames: [a]\n"
    (entry_,) = read_as("yolo", _yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n", config=config)).entries
    assert entry_.sample.split == ("val" if place == "." else None)


def test_key_points_are_refused_aloud(tmp_path: Path) -> None:
    config = "train: images\nnames: [person]\nkpt_shape: [17, 3]\n"
    with pytest.raises(LabelError, match="kpt_shape"):
        read_as("yolo", _yolo(tmp_path, "", config=config))


def test_labels_without_a_photo_are_named(tmp_path: Path) -> None:
    root = _yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    (root / "labels/two.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (problem,) = read_as("yolo", root).problems
    assert problem.path.name == "two.txt"

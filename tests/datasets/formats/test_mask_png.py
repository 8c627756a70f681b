from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.formats.label_samples import box, entry, polygon, read_as, run, write_as, write_photo
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.index_png import colour_of
from thirtyfold.sample import Annotation


def _masks(root: Path, numbers: np.ndarray, *, labelmap: str = "", mode: str = "L") -> Path:
    write_photo(root / "images/one.jpg")
    (root / "masks").mkdir()
    image = Image.fromarray(numbers.astype(np.uint8))
    (image.convert(mode) if mode != "RGB" else image).save(root / "masks/one.png")
    if labelmap:
        (root / "labelmap.txt").write_text(labelmap)
    return root


def _numbers() -> np.ndarray:
    numbers = np.zeros((30, 40), np.uint8)
    numbers[2:20, 2:20] = 1
    numbers[5:9, 5:9] = 0
    numbers[22:28, 22:38] = 2
    numbers[0:3, 30:40] = 255
    return numbers


def test_every_region_becomes_a_shape_holes_included_and_255_an_area_to_ignore(tmp_path: Path) -> None:
    label_set = read_as(
        "masks", _masks(tmp_path, _numbers(), labelmap="background:0,0,0::\nfield:1,1,1::\nroad:2,2,2::\n")
    )
    shapes = {shape.label: shape for shape in label_set.entries[0].sample.annotations or ()}
    assert set(shapes) == {"field", "road", "__ignore__"}
    for label, number in (("field", 1), ("road", 2), ("__ignore__", 255)):
        assert np.array_equal(regions.mask_of(shapes[label], (40, 30)), _numbers() == number)
    assert label_set.class_names == ("field", "road")


@pytest.mark.parametrize(("to", "labels"), [("coco", {"field", "__ignore__"}), ("yolo", {"field"})])
def test_void_goes_into_formats_that_have_none(tmp_path: Path, to: str, labels: set[str]) -> None:
    numbers = np.where(_numbers() == 2, 0, _numbers())
    source = _masks(tmp_path / "a", numbers, labelmap="background:0,0,0::\nfield:1,1,1::\n")
    losses = run(source, tmp_path / "b", to).losses.totals()
    (entry_,) = read_as(to, tmp_path / "b").entries
    assert {shape.label for shape in entry_.sample.annotations or ()} == labels
    # What YOLO would teach as an object is left out.
    assert ("ignored" in losses) == (to == "yolo")


def test_masks_to_labelme_to_masks_is_the_same_pixels(tmp_path: Path) -> None:
    labelmap = "background:0,0,0::\nfield:1,1,1::\nunused:9,9,9::\nroad:2,2,2::\n"
    numbers = np.where(_numbers() == 2, 3, _numbers())
    run(_masks(tmp_path / "a", numbers, labelmap=labelmap), tmp_path / "b", "labelme")
    run(tmp_path / "b", tmp_path / "c", "masks")
    with Image.open(tmp_path / "c/masks/one.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), numbers)


def test_masks_in_colours_are_read_by_their_labelmap_or_by_the_colours_of_voc(tmp_path: Path) -> None:
    red = np.zeros((30, 40, 3), np.uint8)
    red[2:9, 2:9] = (250, 50, 83)
    named = _masks(tmp_path / "a", red, labelmap="background:0,0,0::\nfield:250,50,83::\n", mode="RGB")
    assert [shape.label for shape in read_as("masks", named).entries[0].sample.annotations or ()] == ["field"]
    red[2:9, 2:9] = colour_of(2)
    assert [
        s.label for s in read_as("masks", _masks(tmp_path / "b", red, mode="RGB")).entries[0].sample.annotations or ()
    ] == ["2"]
    red[2:9, 2:9] = (1, 2, 3)
    assert "colour 1,2,3" in read_as("masks", _masks(tmp_path / "c", red, mode="RGB")).problems[0].reason


def test_black_and_white_masks_are_one_class_and_not_void(tmp_path: Path) -> None:
    label_set = read_as("masks", _masks(tmp_path, (_numbers() == 1) * 255))
    assert [shape.label for shape in label_set.entries[0].sample.annotations or ()] == ["object"]
    assert "black and white" in label_set.notes[0]


def test_a_grey_picture_is_not_taken_for_a_mask(tmp_path: Path) -> None:
    grey = np.arange(1200).reshape(30, 40) % 251
    assert "a picture, not a mask" in read_as("masks", _masks(tmp_path, grey)).problems[0].reason


def test_a_folder_called_mask_holds_masks_and_no_photos(tmp_path: Path) -> None:
    (_masks(tmp_path, _numbers()) / "masks").rename(tmp_path / "mask")
    assert [e.name for e in read_as("masks", tmp_path).entries] == ["one.jpg"]


def test_a_labelmap_with_a_colour_that_cannot_be_still_names_its_class(tmp_path: Path) -> None:
    labelmap = f"background:0,0,0::\nfield:{'9' * 5000},1,1::\nroad:256,0,0::\n"
    label_set = read_as("masks", _masks(tmp_path, _numbers(), labelmap=labelmap))
    assert label_set.class_names == ("field", "road")


def test_small_shapes_stand_on_large_ones_and_both_are_accounted_for(tmp_path: Path) -> None:
    shapes = [box("small", 5, 5, 9, 9), polygon("large", (2, 2), (30, 2), (30, 20), (2, 20)), box("gone", 5, 5, 9, 9)]
    photo = write_photo(tmp_path / "p/one.jpg")
    losses = write_as("masks", [entry(photo, shapes)], tmp_path / "out", class_names=["small", "large", "gone"])
    with Image.open(tmp_path / "out/masks/one.png") as image:
        numbers = np.asarray(image)
    assert (numbers[5:9, 5:9] == 3).all()
    assert (numbers == 2).sum() == 28 * 18 - 16
    assert losses.by_file == {"one.jpg": {"covered": 1, "overlap": 1, "box_to_area": 1}}


def test_neighbours_of_one_class_grow_together_and_that_is_noted(tmp_path: Path) -> None:
    apart = [box("a", 2, 2, 6, 6), box("a", 7, 2, 9, 6)]
    corner = [box("a", 2, 2, 6, 6), box("a", 6, 6, 9, 9)]
    for number, (shapes, merged) in enumerate(((apart, None), (corner, 2))):
        photo = write_photo(tmp_path / f"p{number}/one.jpg")
        losses = write_as("masks", [entry(photo, shapes)], tmp_path / f"out{number}")
        assert losses.by_file["one.jpg"].get("merged") == merged


def test_an_area_to_be_ignored_is_void(tmp_path: Path) -> None:
    crowd = Annotation(label="a", points=((2, 2), (6, 6)), extra={"coco": {"iscrowd": 1}})
    photo = write_photo(tmp_path / "p/one.jpg")
    write_as("masks", [entry(photo, [crowd])], tmp_path / "out")
    with Image.open(tmp_path / "out/masks/one.png") as image:
        assert (np.asarray(image)[2:6, 2:6] == 255).all()


def test_no_mask_is_unlabelled_and_a_black_one_is_verified_empty(tmp_path: Path) -> None:
    photos = [write_photo(tmp_path / f"p/{name}.jpg") for name in "ab"]
    write_as("masks", [entry(photos[0], None, split="train"), entry(photos[1], [])], tmp_path / "out")
    assert (tmp_path / "out/masks/unassigned/b.png").is_file()
    found = read_as("masks", tmp_path / "out").entries
    assert [(e.sample.annotations, e.sample.split) for e in found] == [(None, "train"), ((), None)]


@pytest.mark.parametrize("label", ["a:b", "a b", "größe", "1"])
def test_labels_with_colons_blanks_and_umlauts_come_back(tmp_path: Path, label: str) -> None:
    photo = write_photo(tmp_path / "p/one.jpg")
    write_as("masks", [entry(photo, [box(label, 2, 2, 6, 6)])], tmp_path / "out")
    assert read_as("masks", tmp_path / "out").class_names == (label,)

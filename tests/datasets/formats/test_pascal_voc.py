from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.datasets.formats.label_samples import box, entry, polygon, read_as, run, write_as, write_photo
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.index_png import colour_of
from thirtyfold.sample import Annotation

# Written by hand after the development kit's description: the object fills columns 3 to 12 and
# rows 5 to 20, counted from 1, both included: 10 columns, 16 rows.
GOLDEN = """<annotation>
	<folder>JPEGImages</folder>
	<filename>one.png</filename>
	<size>
		<width>40</width>
		<height>30</height>
		<depth>3</depth>
	</size>
	<segmented>0</segmented>
	<object>
		<name>dog</name>
		<pose>Left</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>3</xmin>
			<ymin>5</ymin>
			<xmax>12</xmax>
			<ymax>20</ymax>
		</bndbox>
	</object>
</annotation>
"""


def _voc(root: Path, xml: str = GOLDEN) -> Path:
    write_photo(root / "JPEGImages/one.png")
    (root / "Annotations").mkdir()
    (root / "Annotations/one.xml").write_text(xml)
    return root


def _boxes_of_the_development_kit(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """VOCreadxml and the rule of VOCevaldet: a box is xmax - xmin + 1 pixels wide."""
    tree = ElementTree.parse(path)  # noqa: S314 - our own file
    return [
        (
            str(element.findtext("name")),
            tuple(int(str(element.findtext(f"bndbox/{side}"))) for side in ("xmin", "ymin", "xmax", "ymax")),
        )
        for element in tree.iter("object")
    ]


def test_a_box_over_given_pixels_has_their_outer_edges(tmp_path: Path) -> None:
    (shape,) = read_as("voc", _voc(tmp_path)).entries[0].sample.annotations or ()
    left, top, right, bottom = shape.box_xyxy
    assert (left, top, right, bottom) == (2, 4, 12, 20)
    assert (right - left, bottom - top) == (12 - 3 + 1, 20 - 5 + 1)


def test_the_golden_file_is_written_byte_for_byte(tmp_path: Path) -> None:
    shape = Annotation(label="dog", points=((2, 4), (12, 20)), extra={"voc": {"pose": "Left", "truncated": "1"}})
    write_as("voc", [entry(write_photo(tmp_path / "p/one.png"), [shape])], tmp_path / "out")
    assert (tmp_path / "out/Annotations/one.xml").read_text() == GOLDEN
    run(_voc(tmp_path / "in"), tmp_path / "labelme", "labelme")
    run(tmp_path / "labelme", tmp_path / "back", "voc")
    assert (tmp_path / "back/Annotations/one.xml").read_text() == GOLDEN


def test_the_whole_photo_is_from_one_to_its_size(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "p/one.png")
    write_as("voc", [entry(photo, [box("a", 0, 0, 40, 30), box("a", 39, 29, 40, 30)])], tmp_path / "out")
    rows = _boxes_of_the_development_kit(tmp_path / "out/Annotations/one.xml")
    assert rows == [("a", (1, 1, 40, 30)), ("a", (40, 30, 40, 30))]


@pytest.mark.parametrize("left", [0.0, 0.2, 0.49, 7.3, 7.5, 38.9, 39.9])
def test_fractions_move_by_half_a_pixel_at_most_and_thin_boxes_get_one_pixel(tmp_path: Path, left: float) -> None:
    photo = write_photo(tmp_path / "p/one.png")
    shapes = [box("a", left, 3.4, 40, 22.6), box("a", left, 3, left + 0.1, 4)]
    write_as("voc", [entry(photo, shapes)], tmp_path / "out")
    wide, thin = read_as("voc", tmp_path / "out").entries[0].sample.annotations or ()
    if left < 39.5:
        assert np.abs(np.subtract(wide.box_xyxy, shapes[0].box_xyxy)).max() <= 0.5
    assert thin.box_xyxy[2] - thin.box_xyxy[0] == 1
    assert 0 <= thin.box_xyxy[0] <= 39


def test_everything_the_xml_says_of_an_object_survives_labelme(tmp_path: Path) -> None:
    more = "<occluded>1</occluded><part><name>head</name></part><part><name>tail</name></part><difficult>1</difficult>"
    _voc(tmp_path / "a", GOLDEN.replace("<difficult>0</difficult>", more))
    run(tmp_path / "a", tmp_path / "b", "labelme")
    result = run(tmp_path / "b", tmp_path / "c", "voc")
    assert not result.losses.by_file
    element = ElementTree.parse(tmp_path / "c/Annotations/one.xml").find("object")  # noqa: S314
    assert element is not None
    assert [part.findtext("name") for part in element.findall("part")] == ["head", "tail"]
    assert (element.findtext("occluded"), element.findtext("difficult"), element.findtext("pose")) == ("1", "1", "Left")


def test_outlines_are_regions_with_the_colours_of_voc_and_255_for_void(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "p/one.png")
    shapes = [
        polygon("cat", (2, 2), (12, 2), (12, 12), (2, 12)),
        box("dog", 20, 20, 30, 28),
        polygon("__ignore__", (20, 2), (30, 2), (30, 8), (20, 8)),
    ]
    write_as("voc", [entry(photo, shapes)], tmp_path / "out", class_names=["ant", "cat", "dog"])
    with Image.open(tmp_path / "out/SegmentationClass/one.png") as image:
        assert image.mode == "P"
        palette = image.getpalette() or []
        classes = np.asarray(image)
    with Image.open(tmp_path / "out/SegmentationObject/one.png") as image:
        objects = np.asarray(image)
    assert [tuple(palette[3 * n : 3 * n + 3]) for n in (0, 1, 2, 15, 255)] == [
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (192, 128, 128), (224, 224, 192),
    ]  # fmt: skip
    assert (classes[2:12, 2:12] == 2).all()
    assert (classes[2:8, 20:30] == 255).all()
    assert set(np.unique(classes)) == {0, 2, 255}
    assert set(np.unique(objects)) == {0, 1, 3}
    read = read_as("voc", tmp_path / "out")
    assert [shape.kind for shape in read.entries[0].sample.annotations or ()] == ["polygon", "rectangle", "polygon"]
    assert read.class_names == ("ant", "cat", "dog", "__ignore__")


def test_pieces_and_holes_come_back_from_the_object_masks(tmp_path: Path) -> None:
    hole = np.zeros((30, 40), np.bool_)
    hole[2:12, 2:12] = True
    hole[5:8, 5:8] = False
    two = [polygon("b", (20, 2), (25, 2), (25, 9), group=3), polygon("b", (30, 20), (39, 20), (39, 29), group=3)]
    photo = write_photo(tmp_path / "p/one.png")
    write_as("voc", [entry(photo, [regions.mask_annotation("a", hole), *two])], tmp_path / "out")
    mask, first, second = read_as("voc", tmp_path / "out").entries[0].sample.annotations or ()
    assert np.array_equal(regions.mask_of(mask, (40, 30)), hole)
    assert first.group == second.group is not None
    for before, after in zip(two, (first, second), strict=True):
        assert np.array_equal(regions.mask_of(before, (40, 30)), regions.mask_of(after, (40, 30)))


def test_the_lists_of_image_sets_are_the_parts_even_with_blanks_in_names(tmp_path: Path) -> None:
    entries = [
        entry(write_photo(tmp_path / f"p/{part} copy 1.png"), [box("a", 1, 1, 3, 3)], split=part)
        for part in ("train", "val", "test")
    ]
    write_as("voc", entries, tmp_path / "out")
    main = tmp_path / "out/ImageSets/Main"
    assert (main / "trainval.txt").read_text() == "train copy 1\nval copy 1\n"
    (main / "val.txt").write_text("val copy 1  1\n")  # as the lists of one class have it
    found = {e.name: e.sample.split for e in read_as("voc", tmp_path / "out").entries}
    assert found == {"train copy 1.png": "train", "val copy 1.png": "val", "test copy 1.png": "test"}


def test_no_xml_is_unlabelled_and_no_object_is_verified_empty(tmp_path: Path) -> None:
    photos = [write_photo(tmp_path / f"p/{name}.png") for name in "ab"]
    write_as("voc", [entry(photos[0], None), entry(photos[1], [])], tmp_path / "out")
    assert [e.sample.annotations for e in read_as("voc", tmp_path / "out").entries] == [None, ()]


def test_a_box_that_starts_at_zero_is_kept_and_the_doubt_is_said(tmp_path: Path) -> None:
    label_set = read_as("voc", _voc(tmp_path, GOLDEN.replace("<xmin>3<", "<xmin>0<")))
    assert "counting from 1" in label_set.notes[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("<xmin>3</xmin>", "<xmin>three</xmin>"), "object 1 (dog) has no number as xmin"),
        (("<xmin>3</xmin>", "<xmin>nan</xmin>"), "no number"),
        (("<xmin>3</xmin>", "<xmin>1e308</xmin>"), "farther away than photos reach"),
        (("<name>dog</name>", ""), "object 1 has no name"),
        (("<segmented>0</segmented>", "<a>" * 20_000 + "</a>" * 20_000), "more than 50 levels deep"),
        (("</annotation>", ""), "is not XML"),
        (("<width>40<", "<width>41<"), "41x30"),
    ],
)
def test_a_broken_file_is_named_and_its_photo_is_not_taken_for_unlabelled(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    label_set = read_as("voc", _voc(tmp_path, GOLDEN.replace(*change)))
    assert not label_set.entries
    assert reason in label_set.problems[0].reason


def test_entities_that_unfold_are_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>' + GOLDEN.replace("dog", "&y;")
    outer = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + GOLDEN.replace("dog", "&x;")
    for number, text in enumerate((bomb, outer)):
        (problem,) = read_as("voc", _voc(tmp_path / str(number), text)).problems
        assert "entities" in problem.reason


def test_a_size_of_thousands_of_digits_is_no_size(tmp_path: Path) -> None:
    label_set = read_as("voc", _voc(tmp_path, GOLDEN.replace("<width>40<", f"<width>{'9' * 5000}<")))
    assert (label_set.entries[0].sample.width, label_set.problems) == (40, ())


@pytest.mark.parametrize(
    "keys",
    [
        5,
        ["a"],
        {"bndbox": 5},
        {"bndbox": ["a", "b", "c", "d"]},
        {"bndbox": [1, 2, 3, float("nan")]},
        {"a b": 1, "a><b": 2, 'a="1"': 3, "": 4, "1": 5, "ok": "\x01", "part": [{"na me": "\ud800"}]},
    ],
)
def test_what_another_program_put_into_our_keys_never_spoils_the_xml(tmp_path: Path, keys: object) -> None:
    shape = Annotation(label="dog", points=((2, 4), (12, 20)), extra={"voc": keys})
    photo = entry(write_photo(tmp_path / "p/one.png"), [shape], extra={"voc": {"size": keys, "folder": keys}})
    write_as("voc", [photo], tmp_path / "out")
    label_set = read_as("voc", tmp_path / "out")
    assert not label_set.problems
    assert [shape.box_xyxy for shape in label_set.entries[0].sample.annotations or ()] == [(2, 4, 12, 20)]


def test_the_palette_is_that_of_the_development_kit() -> None:
    assert [colour_of(n) for n in (0, 1, 2, 3, 4, 8, 20, 255)] == [
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (64, 0, 0), (0, 64, 128), (224, 224, 192),
    ]  # fmt: skip

"""Polygons, circles and masks are where their pixels are: after any transform, cut, in pieces, with holes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.augment.geometry import HEIGHT, SHAPES, WIDTH, compare, star
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.recipes import Recipe, Step
from thirtyfold.augment.transform import augment, make_copy
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.augmented import read_copies
from thirtyfold.datasets.formats.regions import fill, mask_annotation, mask_of, objects_of
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.images import Pixels, write_jpeg
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

# Pixels (Compared.breadth). Where edges lie along rows of pixel centres a hair decides about whole rows, which costs
# shapes narrower than this more than 0.02 of IoU; those are held to the distance between the edges alone.
BROAD = 40
# Pixels. A long edge on a row of pixel centres is a tie: both pictures are right to within so little.
TIE = 0.1
PHOTO = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def recipe(*steps: tuple[str, dict[str, object]]) -> Recipe:
    return Recipe(
        name="test",
        steps=tuple(Step(transform=name, probability=1.0, arguments=arguments) for name, arguments in steps),
    )


def crop(left: int, top: int, right: int, bottom: int) -> tuple[str, dict[str, object]]:
    return ("Crop", {"x_min": left, "y_min": top, "x_max": right, "y_max": bottom})


def polygon(*points: tuple[float, float], label: str = "hand", group: int | None = None) -> Annotation:
    return Annotation(label=label, kind="polygon", points=points, group=group)


@pytest.mark.slow
@settings(max_examples=2000)
@given(name=st.sampled_from(list(SHAPES)), shape=st.integers(0, 2**32 - 1), seed=st.integers(0, 2**64 - 1))
@example(name="bow_tie", shape=12560190, seed=12560190)  # 155 of 7,700 pixels differ, none by more than 0.063 px
def test_shapes_cover_what_their_warped_pictures_cover(name: str, shape: int, seed: int) -> None:
    compared = compare(SHAPES[name](random.Random(shape)), seed)
    assert compared.farthest <= 1.0  # in tips thinner than a pixel; elsewhere a quarter
    if compared.breadth >= BROAD:
        assert compared.iou >= 0.98 or compared.farthest <= TIE


@settings(max_examples=100)
@given(shape=st.integers(0, 2**32 - 1), seed=st.integers(0, 2**64 - 1))
def test_edges_bend_where_the_picture_bends(shape: int, seed: int) -> None:
    bent = recipe(("SmoothWarp", {"strength": (0.01, 0.04)}))
    compared = compare(star(random.Random(shape)), seed, bent)
    assert compared.farthest <= 0.5
    if compared.breadth >= BROAD:
        assert compared.iou >= 0.98 or compared.farthest <= TIE


def test_a_polygon_cut_in_two_becomes_two_with_a_group_nobody_has() -> None:
    bracket = polygon((20, 20), (280, 20), (280, 60), (60, 60), (60, 180), (280, 180), (280, 220), (20, 220))
    other = Annotation.from_box("face", (200, 100, 220, 120))
    taken = Annotation(label="nose", kind="point", points=((250.0, 110.0),), group=7)
    _, annotations = augment(PHOTO, [bracket, other, taken], recipe(crop(100, 0, WIDTH, HEIGHT)), 0)
    assert [(a.label, a.group, a.box_xyxy) for a in annotations] == [
        ("hand", 8, (0, 20, 180, 60)),
        ("hand", 8, (0, 180, 180, 220)),
        ("face", None, (100, 100, 120, 120)),
        ("nose", 7, (150, 110, 150, 110)),
    ]
    # The project reads them as one object again.
    assert [len(pieces) for pieces in objects_of(annotations)] == [2, 1, 1]


def test_pieces_keep_the_group_that_the_shape_had_and_two_cut_shapes_get_one_each() -> None:
    bracket = ((20, 20), (280, 20), (280, 60), (60, 60), (60, 180), (280, 180), (280, 220), (20, 220))
    shapes = [polygon(*bracket, group=3), polygon(*bracket), polygon(*bracket, label="foot")]
    _, annotations = augment(PHOTO, shapes, recipe(crop(100, 0, WIDTH, HEIGHT)), 0)
    assert [annotation.group for annotation in annotations] == [3, 3, 4, 4, 5, 5]


def test_pieces_that_are_cut_again_stay_one_object() -> None:
    comb = polygon(
        (0, 0), (300, 0), (300, 40), (40, 40), (40, 80), (300, 80), (300, 120), (40, 120), (40, 160), (300, 160),
        (300, 200), (0, 200),
    )  # fmt: skip
    steps = recipe(crop(60, 0, WIDTH, HEIGHT), ("HorizontalFlip", {}), crop(0, 20, 200, 180))
    _, annotations = augment(PHOTO, [comb], steps, 0, min_visible=0.1)
    assert len(annotations) == 3
    assert {annotation.group for annotation in annotations} == {1}


def test_an_object_of_several_polygons_is_judged_as_one() -> None:
    # A bus behind a pole: 100 x 100 in front, 20 x 100 behind, of which the crop leaves a quarter.
    pieces = [
        polygon((0, 0), (20, 0), (20, 100), (0, 100), group=1),
        polygon((40, 0), (140, 0), (140, 100), (40, 100), group=1),
    ]
    cut = recipe(crop(15, 0, WIDTH, HEIGHT))
    assert len(augment(PHOTO, pieces, cut, 0)[1]) == 2
    apart = [Annotation(label="bus", kind="polygon", points=piece.points) for piece in pieces]
    assert len(augment(PHOTO, apart, cut, 0)[1]) == 1
    nearly_gone = recipe(crop(101, 0, WIDTH, HEIGHT))  # 39 x 100 of 120 x 100
    assert augment(PHOTO, pieces, nearly_gone, 0)[1] == ()


def test_the_shares_of_all_pieces_count_together() -> None:
    bracket = polygon((0, 0), (100, 0), (100, 20), (20, 20), (20, 80), (100, 80), (100, 100), (0, 100))
    cut = recipe(crop(20, 0, WIDTH, HEIGHT))  # 2 x 80 x 20 of 5200 are left: 0.615
    assert len(augment(PHOTO, [bracket], cut, 0, min_visible=0.6)[1]) == 2
    assert augment(PHOTO, [bracket], cut, 0, min_visible=0.63)[1] == ()


def test_masks_move_with_their_holes_and_pieces_to_the_pixel() -> None:
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance = np.hypot(xs - 150, ys - 120)
    pixels = ((distance < 80) & (distance > 40)) | (distance < 10)
    mask = mask_annotation("ring", pixels)
    steps = recipe(crop(100, 30, 300, 200), ("HorizontalFlip", {}), ("Transpose", {}))
    _, (moved,) = augment(PHOTO, [mask], steps, 0)
    expected = pixels[30:200, 100:300][:, ::-1].T
    assert moved.kind == "mask"
    assert moved.extra.keys() == {"mask"}
    assert np.array_equal(mask_of(moved, (170, 200)), expected)


def test_masks_are_not_mirrored_into_the_border_nor_smeared_over_it() -> None:
    pixels = np.zeros((HEIGHT, WIDTH), np.bool_)
    pixels[100:140, 0:60] = True
    for border_mode in range(5):
        shift = recipe(("Affine", {"translate_px": (100, 100), "border_mode": border_mode}))
        _, (moved,) = augment(PHOTO, [mask_annotation("hand", pixels)], shift, 0)
        assert mask_of(moved, (WIDTH, HEIGHT)).sum() == 40 * 60


@pytest.mark.parametrize("border_mode", range(5))
def test_a_border_that_mirrors_the_picture_does_not_multiply_its_shapes(border_mode: int) -> None:
    box = Annotation.from_box("face", (100, 80, 180, 140))
    half = recipe(("Affine", {"scale": (0.5, 0.5), "border_mode": border_mode}))
    _, (moved,) = augment(PHOTO, [box], half, 0)
    assert moved.box_xyxy == pytest.approx((130, 100, 170, 130), abs=0.01)
    one_of = recipe(("OneOf", {"steps": (("Affine", 1.0, {"scale": (0.5, 0.5), "border_mode": border_mode}),)}))
    assert augment(PHOTO, [box], one_of, 0)[1] == (moved,)
    padded = recipe(("PadIfNeeded", {"min_height": 340, "min_width": 520, "border_mode": border_mode}))
    _, (moved,) = augment(PHOTO, [box], padded, 0)
    assert moved.box_xyxy == pytest.approx((200, 130, 280, 190), abs=0.01)


def test_a_mask_that_is_shrunk_to_nothing_or_cut_off_is_lost() -> None:
    pixels = np.zeros((HEIGHT, WIDTH), np.bool_)
    pixels[10:12, 10:12] = True
    mask = mask_annotation("dot", pixels)
    shrunk = make_copy(PHOTO, [mask], recipe(("Affine", {"scale": (0.1, 0.1)})), 0)
    assert (len(shrunk.annotations), shrunk.lost) in ((0, 1), (1, 0))  # by where the pixels' centres fall
    cut_off = make_copy(PHOTO, [mask], recipe(crop(20, 20, 60, 60)), 0)
    assert (cut_off.annotations, cut_off.lost) == ((), 1)


def test_lost_shapes_are_counted_by_what_was_given_not_by_pieces() -> None:
    bracket = polygon((20, 20), (280, 20), (280, 60), (60, 60), (60, 180), (280, 180), (280, 220), (20, 220))
    gone = Annotation.from_box("face", (0, 0, 50, 50))
    unknown = Annotation(label="box", kind="cuboid", points=((200.0, 100.0), (210.0, 110.0)))
    copy = make_copy(PHOTO, [bracket, gone, unknown], recipe(crop(100, 0, WIDTH, HEIGHT)), 0)
    assert (len(copy.annotations), copy.lost) == (2, 2)


def test_every_piece_of_a_cut_line_stays_with_one_group() -> None:
    strip = Annotation(label="wire", kind="linestrip", points=((50, 50), (150, 50), (150, 100), (50, 100), (50, 150)))
    _, annotations = augment(PHOTO, [strip], recipe(crop(0, 0, 100, HEIGHT)), 0)
    assert [(a.points, a.group) for a in annotations] == [
        (((50, 50), (100, 50)), 1),
        (((100, 100), (50, 100), (50, 150)), 1),
    ]


@pytest.mark.parametrize("kind", ["polygon", "rectangle", "circle", "line", "linestrip", "point", "points", "mask"])
def test_shapes_that_make_no_sense_come_through_without_an_exception(kind: str) -> None:
    strange: list[tuple[tuple[float, float], ...]] = [
        ((5, 5),), ((5, 5), (5, 5)), ((5, 5), (5, 5), (5, 5)), ((-1e6, -1e6), (1e6, 1e6)),
        ((1e-300, 0), (0, 1e-300), (-3, 4), (0, 0)), ((-10, 20), (400, 20), (-10, 20)),
        ((-50, -50), (-20, -50), (-20, -20)), ((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)),
    ]  # fmt: skip
    shapes = [Annotation(label="x", kind=kind, points=points) for points in strange]
    turn = recipe(("Affine", {"rotate": (33, 33), "scale": (1.3, 1.3)}), crop(30, 30, 200, 150))
    for seed in range(3):
        pixels, annotations = augment(PHOTO, shapes, turn, seed, min_visible=0.0)
        assert all(_in_frame(annotation, pixels) for annotation in annotations)


def _in_frame(annotation: Annotation, pixels: Pixels) -> bool:
    left, top, right, bottom = annotation.box_xyxy
    return left >= 0 and top >= 0 and right <= pixels.shape[1] and bottom <= pixels.shape[0]


def test_a_polygon_with_a_hole_keeps_it() -> None:
    ring = ((20, 20), (220, 20), (220, 220), (20, 220), (20, 20), (80, 80), (80, 160), (160, 160), (160, 80), (80, 80))
    pixels, annotations = augment(PHOTO, [polygon(*ring)], recipe(crop(100, 0, WIDTH, HEIGHT)), 0)
    size_wh = (pixels.shape[1], pixels.shape[0])
    covered = np.logical_or.reduce([mask_of(annotation, size_wh) for annotation in annotations])
    assert np.array_equal(covered, fill(ring, (WIDTH, HEIGHT))[:, 100:])


def test_copies_on_disk_have_the_pieces_and_the_classes_of_the_photo(tmp_path: Path) -> None:
    bracket = polygon((20, 20), (280, 20), (280, 60), (60, 60), (60, 180), (280, 180), (280, 220), (20, 220))
    write_jpeg(tmp_path / "images" / "a.jpg", PHOTO)
    label_file = labelme_json.LabelFile(
        image_path="a.jpg", width=WIDTH, height=HEIGHT, annotations=(bracket,), flags={"indoors": True, "night": False}
    )
    labelme_json.write(tmp_path / "images" / "a.json", label_file)
    (tmp_path / "recipe.yaml").write_text("steps:\n  - Crop: {p: 1, x_min: 100, y_min: 0, x_max: 320, y_max: 240}\n")
    dataset = Dataset(tmp_path)
    split_dataset(dataset, SplitOptions(val=0, test=0))
    result = augment_dataset(dataset, AugmentOptions(factor=2, recipe=str(tmp_path / "recipe.yaml")))
    assert (result.copies, result.shapes, result.lost, result.not_moved) == (2, 4, 0, {})
    for copy in read_copies(dataset):
        assert copy.tags == ("indoors",)
        assert copy.annotations is not None
        assert [annotation.group for annotation in copy.annotations] == [1, 1]

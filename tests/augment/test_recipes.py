"""The built-in recipes do what their line in `--list-recipes` says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.augment.recipes import LIGHT, MASK, MEDICAL, PHOTO, RECIPES, SEED, WEBCAM, Recipe, Step, recipe_rows
from thirtyfold.augment.transform import augment
from thirtyfold.sample import Annotation


def test_webcam_and_seed_are_what_copies_and_results_were_made_with() -> None:
    assert WEBCAM.fingerprint == "3dbab27851bca435"
    assert SEED.fingerprint == "009d3ff034bc9813"


def test_the_table_names_every_recipe_its_purpose_and_each_transform_once() -> None:
    rows = {name: (purpose, transforms.split(", ")) for name, purpose, transforms in recipe_rows()}
    assert list(rows) == ["webcam", "seed", "mask", "photo", "medical", "light", "covered"]
    for name, (purpose, transforms) in rows.items():
        assert purpose
        assert transforms == list(dict.fromkeys(step.transform for step in RECIPES[name].steps))


def test_light_changes_pixels_and_moves_nothing() -> None:
    pixels, annotations = draw_photo(3)
    changed = 0
    for seed in range(40):
        copy, moved = augment(pixels, annotations, LIGHT, seed)
        assert moved == tuple(annotations)
        assert copy.shape == pixels.shape
        changed += not np.array_equal(copy, pixels)
    assert changed > 30


def test_medical_keeps_grey_grey_and_left_on_the_left() -> None:
    colored, _ = draw_photo(3)
    grey = np.repeat(colored[..., :1], 3, axis=2)
    sides = [
        Annotation(label=side, points=((x, 120.0),), kind="point") for side, x in (("left", 120.0), ("right", 200))
    ]
    for seed in range(40):
        copy, moved = augment(grey, sides, MEDICAL, seed)
        assert (copy == copy[..., :1]).all()
        assert [point.label for point in moved] == ["left", "right"]
        assert moved[0].points[0][0] < moved[1].points[0][0]


def test_mask_fills_with_the_nearest_pixel_and_keeps_the_frame() -> None:
    white = np.full((120, 160, 3), 255, np.uint8)
    boxes = set()
    for seed in range(60):
        copy, moved = augment(white, [Annotation.from_box("face", (60, 40, 100, 80))], MASK, seed)
        assert copy.shape == white.shape
        assert (copy == 255).all()
        boxes.add(moved[0].box_xyxy)
    assert len(boxes) == 60
    widths = [right - left for left, _, right, _ in boxes]
    # Keras zooms by 1 / 0.85 at most; a turn of 20 degrees adds nothing to a round thing's box.
    assert 40 / 1.16 - 1 < min(widths) < 37
    assert 43 < max(widths) < 40 * 1.18 + 1


def test_photo_shows_things_nearer_and_farther() -> None:
    pixels, annotations = draw_photo(3, width=640, height=480)
    left, _, right, _ = annotations[0].box_xyxy
    scales = []
    for seed in range(60):
        copy, moved = augment(pixels, annotations, PHOTO, seed)
        scales += [(box.box_xyxy[2] - box.box_xyxy[0]) / (right - left) * 640 / copy.shape[1] for box in moved]
    assert min(scales) < 0.7
    assert max(scales) > 1.5


@pytest.mark.parametrize(
    ("transforms", "swapped"),
    [
        (["HorizontalFlip"], True),
        (["VerticalFlip"], True),
        (["Transpose"], True),
        (["HorizontalFlip", "VerticalFlip"], False),
        (["RandomRotate90"], False),
        (["Rotate", "RandomGamma"], False),
    ],
    ids=str,
)
def test_left_and_right_change_places_in_a_mirror_and_only_there(transforms: list[str], swapped: bool) -> None:
    labels = ("left_eye", "nose", "right_eye")
    points = [
        Annotation(label=label, points=((x, 50.0),), kind="point")
        for label, x in zip(labels, (40, 50, 60), strict=True)
    ]
    recipe = Recipe(
        name="test",
        steps=tuple(Step(transform=name, probability=1.0) for name in transforms),
        swap_on_mirror={"left_eye": "right_eye"},
    )
    _, moved = augment(np.zeros((100, 100, 3), np.uint8), points, recipe, 1)
    assert [point.label for point in moved] == list(reversed(labels) if swapped else labels)


def test_swapping_labels_changes_nothing_else_in_a_copy() -> None:
    pixels, annotations = draw_photo(3)
    swapping = Recipe(name="webcam", steps=WEBCAM.steps, swap_on_mirror={"face": "back"})
    for seed in range(30):
        plain, plain_moved = augment(pixels, annotations, WEBCAM, seed)
        copy, moved = augment(pixels, annotations, swapping, seed)
        assert np.array_equal(copy, plain)
        assert [box.points for box in moved] == [box.points for box in plain_moved]
    assert swapping.fingerprint != WEBCAM.fingerprint

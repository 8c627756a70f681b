"""Steps of pixel values done as one table give what they give one after the other, to the last bit."""

from __future__ import annotations

import random
from collections.abc import Mapping

import albumentations
import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.augment import lookups
from thirtyfold.augment.recipe_check import known_transforms
from thirtyfold.augment.recipes import LIGHT, RECIPES, Recipe, Step
from thirtyfold.augment.transform import augment, build
from thirtyfold.images import Pixels

NOISE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


def in_turn(pixels: Pixels, recipe: Recipe, seed: int) -> Pixels:
    """The witness: every step by albumentations itself, on the whole picture."""
    generator, python_random = np.random.default_rng(seed), random.Random(seed)
    for step in recipe.steps:
        transform = build(step)
        transform.set_random_state(generator, python_random)
        pixels = transform(image=pixels)["image"]
    return pixels


@pytest.mark.parametrize("name", sorted(lookups.LOOKUPS))
def test_every_lookup_is_one(name: str) -> None:
    assert name in known_transforms()
    transform = build(Step(transform=name, probability=1.0))
    assert lookups.is_lookup(transform)
    for seed in range(20):
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        expected = transform(image=NOISE)["image"]
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        assert np.array_equal(lookups.look_up(NOISE, lookups.table_of(transform), in_place=False), expected)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("RandomBrightnessContrast", {"brightness_by_max": False}), ("GaussianBlur", {}), ("HueSaturationValue", {})],
    ids=str,
)
def test_what_looks_at_the_picture_is_none(name: str, arguments: Mapping[str, object]) -> None:
    assert not lookups.is_lookup(build(Step(transform=name, probability=1.0, arguments=arguments)))


# Of those that albumentations alone can do.
@pytest.mark.parametrize("recipe", [one for one in RECIPES.values() if one.name != "covered"], ids=lambda one: one.name)
def test_copies_have_the_pixels_that_the_steps_give_in_turn(recipe: Recipe) -> None:
    photo, annotations = draw_photo(5)
    for seed in range(25):
        assert np.array_equal(augment(photo, annotations, recipe, seed)[0], in_turn(photo, recipe, seed))


def test_tables_are_taken_through_one_another_between_other_steps_as_well() -> None:
    steps = tuple(
        Step(transform=name, probability=0.8)
        for name in ("RandomGamma", "RGBShift", "InvertImg", "HorizontalFlip", "PlanckianJitter", "Blur", "Posterize")
    )
    recipe = Recipe(name="test", steps=steps)
    for seed in range(40):
        assert np.array_equal(augment(NOISE, [], recipe, seed)[0], in_turn(NOISE, recipe, seed))


def test_a_table_for_all_channels_or_each_gives_new_pixels_unless_told_otherwise() -> None:
    inverse = np.repeat(np.arange(255, -1, -1, dtype=np.uint8)[:, None], 3, axis=1)
    only_red = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    only_red[:, 0] = 7
    before = NOISE.copy()
    for table in (inverse, only_red):
        expected = np.stack([table[NOISE[..., channel], channel] for channel in range(3)], axis=2)
        assert np.array_equal(lookups.look_up(NOISE, table, in_place=False), expected)
        crop = NOISE[10:50, 20:70]  # not in one stretch of memory
        assert np.array_equal(lookups.look_up(crop, table, in_place=False), expected[10:50, 20:70])
        assert np.array_equal(NOISE, before)
        own = NOISE.copy()
        assert lookups.look_up(own, table, in_place=True) is own
        assert np.array_equal(own, expected)


def test_the_photo_is_never_written_to_by_a_step_that_only_looks_up() -> None:
    photo, annotations = draw_photo(1)
    before = photo.copy()
    for seed in range(20):
        augment(photo, annotations, Recipe(name="test", steps=LIGHT.steps[:4]), seed)[0][:] = 0
        assert np.array_equal(photo, before)


def test_albumentations_is_the_version_whose_lookups_these_are() -> None:
    assert albumentations.__version__ == "2.0.8"

"""Photos with classes of their own: what their copies inherit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.classes import tick, write_tagged
from tests.heard import Heard
from thirtyfold.augment.online import augmenter_of
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.recipes import RECIPES
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.datasets.augmented import read_copies
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import UsageError
from thirtyfold.images import read_rgb, write_jpeg
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

MIRROR = """\
name: turned
swap_on_mirror: {left_hand: right_hand, "side=left": "side=right"}
steps:
  - HorizontalFlip: {p: 0.5}
"""


@pytest.fixture
def hands(tmp_path: Path) -> Dataset:
    """Six photos, dark on the left and light on the right, of left hands and of cups."""
    flags = {f"{number}.jpg": ("left_hand", "side=left") if number % 2 else ("cup",) for number in range(6)}
    dataset = Dataset(write_tagged(tmp_path / "hands", flags))
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 30:] = 255
    for path in dataset.image_paths():
        write_jpeg(path, pixels)
        tick_again(path, flags[path.name])
    return dataset


def tick_again(path: Path, flags: tuple[str, ...]) -> None:
    tick(path, *flags)
    text = path.with_suffix(".json").read_text()
    path.with_suffix(".json").write_text(
        text.replace('"imageHeight": 48', '"imageHeight": 40').replace('"imageWidth": 48', '"imageWidth": 60')
    )


def copies_of(dataset: Dataset, recipe: str, store: str = "files", factor: int = 4) -> list[Sample]:
    options = AugmentOptions(factor=factor, recipe=recipe, workers=1, store=store)
    result = augment_dataset(dataset, options)
    assert result.copies == factor * result.photos
    assert "shapes" not in result.facts()
    return read_copies(dataset)


@pytest.mark.parametrize("store", ["files", "shards"])
def test_copies_inherit_the_classes_and_are_not_taken_for_verified_empty(hands: Dataset, store: str) -> None:
    parents = {sample.image_path.name: sample for sample in read_samples(hands)}
    copies = copies_of(hands, "light", store)
    assert copies
    for copy in copies:
        assert copy.parent is not None
        assert copy.tags == parents[copy.parent].tags
        assert copy.annotations is None


@pytest.mark.parametrize("store", ["files", "shards"])
def test_a_mirror_changes_the_classes_that_it_would_falsify_and_no_others(
    hands: Dataset, tmp_path: Path, store: str
) -> None:
    (tmp_path / "turned.yaml").write_text(MIRROR)
    copies = copies_of(hands, str(tmp_path / "turned.yaml"), "files", factor=6)
    turned = {copy.image_path.stem: bool(read_rgb(copy.image_path)[:, :10].mean() > 128) for copy in copies}
    assert set(turned.values()) == {True, False}
    if store == "shards":
        copies = copies_of(hands, str(tmp_path / "turned.yaml"), "shards", factor=6)
    for copy in copies:
        assert copy.parent is not None
        expected: tuple[str, ...] = ("cup",)
        if int(Path(copy.parent).stem) % 2:
            expected = ("right_hand", "side=right") if turned[copy.image_path.stem] else ("left_hand", "side=left")
        assert copy.tags == expected


def test_online_copies_refuse_a_recipe_whose_mirror_would_falsify_a_class(hands: Dataset, tmp_path: Path) -> None:
    (tmp_path / "turned.yaml").write_text(MIRROR)
    samples = read_samples(hands)
    with pytest.raises(UsageError, match="makes right_hand of the class left_hand"):
        augmenter_of(str(tmp_path / "turned.yaml"), samples, 0)
    cups = [sample for sample in samples if sample.tags == ("cup",)]
    augmenter_of(str(tmp_path / "turned.yaml"), cups, 0)


def test_photos_with_nothing_but_attributes_are_multiplied(tmp_path: Path) -> None:
    names = [f"{20 + number}_{number % 2}.jpg" for number in range(12)]
    dataset = Dataset(write_tagged(tmp_path / "faces", dict.fromkeys([*names, "unknown.jpg"], ())))
    options = AugmentOptions(
        factor=2, recipe="light", workers=1, attributes=AttributeOptions(from_name="{age}_{gender}")
    )
    result = augment_dataset(dataset, options)
    parents = {copy.parent for copy in read_copies(dataset)}
    assert result.photos == len(parents) > 6
    assert parents <= set(names)


def test_a_recipe_that_may_cut_the_class_off_is_said(hands: Dataset) -> None:
    assert {name for name, recipe in RECIPES.items() if recipe.cuts_deep} == {"webcam", "seed", "photo", "covered"}
    heard = Heard()
    augment_dataset(hands, AugmentOptions(factor=1, workers=1), progress=heard)
    assert "recipe webcam may show a small part of a photo" in heard.text
    heard = Heard()
    augment_dataset(hands, AugmentOptions(factor=1, workers=1, recipe="mask"), progress=heard)
    assert "small part" not in heard.text

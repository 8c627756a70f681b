"""Every transform that a recipe may name is tried: where a dot goes, its point goes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import albumentations
import numpy as np
import pytest
from albumentations.core.transforms_interface import DualTransform

from thirtyfold.augment import recipe_check
from thirtyfold.augment.recipe_check import (
    COMPOSERS,
    REFUSED,
    check_name,
    check_step,
    default_probability,
    known_transforms,
)
from thirtyfold.augment.recipes import Step
from thirtyfold.augment.transform import build
from thirtyfold.errors import UsageError

SIZE_WH = (320, 240)
# What the transforms need to be told; the rest of them work by themselves.
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "CenterCrop": {"height": 160, "width": 200},
    "Crop": {"x_min": 20, "y_min": 10, "x_max": 300, "y_max": 230},
    "CropAndPad": {"percent": -0.1},
    "LongestMaxSize": {"max_size": 200},
    "RandomAreaCrop": {"area": (0.3, 0.9)},
    "RandomCrop": {"height": 160, "width": 200},
    "RandomResizedCrop": {"size": (200, 240)},
    "RandomSizedCrop": {"min_max_height": (100, 200), "size": (200, 240)},
    "RandomSquareCrop": {"side": 200},
    "Resize": {"height": 200, "width": 260},
    "SmallestMaxSize": {"max_size": 200},
}
MOVING = sorted(
    name
    for name, kind in known_transforms().items()
    if issubclass(kind, DualTransform) and "Dropout" not in name and name not in ("Erasing", "XYMasking")
)


@pytest.mark.parametrize("name", MOVING)
def test_a_transform_that_may_be_named_moves_points_with_the_pixels(name: str) -> None:
    transform = build(Step(transform=name, probability=1.0, arguments=NEEDED.get(name, {})))
    ys, xs = np.mgrid[: SIZE_WH[1], : SIZE_WH[0]]
    for seed in range(12):
        x, y = np.random.default_rng(seed).uniform((80, 60), (240, 180))
        grey = (255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 18)).round().astype(np.uint8)
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        moved = transform(
            image=np.repeat(grey[..., None], 3, axis=2), keypoints=np.array([[x, y, 0, 0, 0]], np.float32)
        )
        white = np.where(moved["image"][..., 0] < 20, 0, moved["image"][..., 0]).astype(np.float64)
        rows, columns = np.mgrid[: white.shape[0], : white.shape[1]]
        if white.max() < 200:
            continue  # cropped away, with its point
        centre = (white * columns).sum() / white.sum(), (white * rows).sum() / white.sum()
        if 12 < centre[0] < white.shape[1] - 13 and 12 < centre[1] < white.shape[0] - 13:
            assert moved["keypoints"][0, :2] == pytest.approx(centre, abs=0.8)


def test_transforms_that_only_change_pixels_work_as_they_are() -> None:
    left_out = {"Superpixels", "GlassBlur", *COMPOSERS}  # slow, or no transforms of pixels alone
    for name, kind in known_transforms().items():
        if not issubclass(kind, DualTransform) and name not in left_out:
            check_step(Step(transform=name, probability=0.5))


def test_what_is_refused_exists_and_says_why() -> None:
    for name, reason in REFUSED.items():
        assert hasattr(albumentations, name) or name.startswith("ToTensor"), name
        with pytest.raises(UsageError, match=f"{name} can't be part of a recipe: "):
            check_name(name)
        assert reason[0].islower()


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UsageError, match="no transform called HorizontalFip; did you mean HorizontalFlip"):
        check_name("HorizontalFip")
    with pytest.raises(UsageError, match="did you mean GaussianBlur"):
        check_name("gaussianblur")
    with pytest.raises(UsageError, match=r"called Qqqqqq$"):
        check_name("Qqqqqq")
    for name in ("np", "BaseCrop", "Compose", "ImageOnlyTransform", "random_crop"):
        with pytest.raises(UsageError, match="no transform called"):
            check_name(name)


def test_a_crop_larger_than_cameras_give_is_tried_on_a_large_picture() -> None:
    check_step(Step(transform="RandomCrop", probability=1.0, arguments={"height": 2000, "width": 2000}))
    with pytest.raises(UsageError, match=r"RandomCrop fails on a trial picture: .*9999"):
        check_step(Step(transform="RandomCrop", probability=1.0, arguments={"height": 9999, "width": 9999}))


def test_how_often_a_step_happens_is_as_albumentations_has_it() -> None:
    assert default_probability("HorizontalFlip") == 0.5
    assert default_probability("RandomSquareCrop") == 1.0


def test_a_librarys_long_message_becomes_a_line() -> None:
    with pytest.raises(UsageError) as caught:
        check_step(Step(transform="GaussNoise", probability=1.0, arguments={"std_range": (2, 3)}))
    assert str(caught.value).endswith("(std_range: All values in (2.0, 3.0) must be >= 0 and <= 1)")
    assert "\n" not in recipe_check.shortened(ValueError("one\ntwo"))

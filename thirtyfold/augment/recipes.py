"""Recipes: what is done to a picture, as plain data.

A recipe is a list of steps; a step names a transform of albumentations 2.0
(https://albumentations.ai/docs/api-reference/) or one of ``augment.crops``, its
arguments, and how often it is applied. Sizes are shares of the picture wherever they
can be, so that a recipe fits every camera.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from thirtyfold.errors import UsageError

# The grey that the training's letterbox pads with: what lies outside of a photo looks the same everywhere.
OUTSIDE = 114


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transform with its arguments, applied with ``probability`` 0 to 1."""

    transform: str
    probability: float
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Steps, done one after the other."""

    name: str
    steps: tuple[Step, ...]

    @property
    def fingerprint(self) -> str:
        """A hash of every step: two recipes of one name and different steps differ in it."""
        steps = [[step.transform, step.probability, dict(step.arguments)] for step in self.steps]
        return hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest()[:16]


def _step(transform: str, probability: float, /, **arguments: Any) -> Step:
    return Step(transform=transform, probability=probability, arguments=arguments)


# People before a webcam: near and far, head tilted, any lamp, a cheap sensor. Left and right are
# equal, up and down are not. Turning and shrinking come before the crop, so that what they leave
# empty is mostly cut off again.
WEBCAM = Recipe(
    name="webcam",
    steps=(
        _step(
            "Affine",
            0.7,
            scale=(0.6, 1.15),
            keep_ratio=True,
            rotate=(-15, 15),
            shear=(-4, 4),
            translate_percent=(-0.08, 0.08),
            fill=OUTSIDE,
        ),
        _step("RandomAreaCrop", 0.85, area=(0.25, 1.0), stretch=(0.75, 1.333)),
        _step("HorizontalFlip", 0.5),
        _step("RandomBrightnessContrast", 0.6, brightness_limit=0.3, contrast_limit=0.3),
        _step("RandomGamma", 0.3, gamma_limit=(60, 160)),
        _step("RGBShift", 0.4, r_shift_limit=25, g_shift_limit=25, b_shift_limit=25),
        _step("GaussianBlur", 0.1, blur_limit=(3, 7)),
        _step("MotionBlur", 0.1, blur_limit=(3, 9)),
        _step("GaussNoise", 0.12, std_range=(0.02, 0.08)),
        _step("ImageCompression", 0.2, quality_range=(30, 85)),
    ),
)

# The six of the notebook that this project grew from.
SEED = Recipe(
    name="seed",
    steps=(
        _step("RandomSquareCrop", 1.0, side=450),
        _step("HorizontalFlip", 0.5),
        _step("RandomBrightnessContrast", 0.2),
        _step("RandomGamma", 0.2),
        _step("RGBShift", 0.2),
        _step("VerticalFlip", 0.5),
    ),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (WEBCAM, SEED)}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises :class:`UsageError`, naming those there are."""
    try:
        return RECIPES[name]
    except KeyError:
        raise UsageError(f"--recipe {name}: one of {', '.join(RECIPES)} was expected") from None

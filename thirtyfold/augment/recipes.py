"""Recipes: what is done to a picture, as plain data.

A recipe is a list of steps; a step names a transform of albumentations 2.0
(https://albumentations.ai/docs/api-reference/) or one of ours (``augment.crops``, ``warp``, ``cover``,
``background``, ``paste``), its arguments, and how often it is applied. Sizes are shares of the picture wherever they
can be, so that a recipe fits every camera. People write their own as YAML files
(``augment.recipe_file``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thirtyfold.augment.pictures import Pictures
from thirtyfold.errors import UsageError

# The grey that the training's letterbox pads with: what lies outside of a photo looks the same everywhere.
OUTSIDE = 114


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transform with its arguments, applied with ``probability`` 0 to 1."""

    transform: str
    probability: float
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)


_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Steps, done one after the other.

    ``swap_on_mirror`` pairs labels that change places in a mirror (``left_eye``,
    ``right_eye``), in either direction. ``purpose`` is a line for people who choose.
    """

    name: str
    steps: tuple[Step, ...]
    swap_on_mirror: Mapping[str, str] = field(default_factory=dict, hash=False)
    purpose: str = field(default="", compare=False)

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides about the copies: two recipes of one name and different steps differ in it."""
        content: list[Any] = [[step.transform, step.probability, dict(step.arguments)] for step in self.steps]
        if self.swap_on_mirror:
            content.append({"swap_on_mirror": dict(self.swap_on_mirror)})
        # Of pictures only what is in them counts, not where they lie.
        text = json.dumps(content, sort_keys=True, default=lambda pictures: pictures.digest)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def pastes(self) -> bool:
        """Whether copies need donors: other photos, whose objects are pasted."""
        return any(step.transform == "CopyPaste" for step in self.steps)

    @property
    def cuts_deep(self) -> bool:
        """Whether a copy may show less than half of its photo."""
        crops = {step.transform: step.arguments for step in self.steps}
        return "RandomSquareCrop" in crops or crops.get("RandomAreaCrop", {}).get("area", (1.0, 1.0))[0] < _HALF

    def mirrored_label(self, label: str) -> str:
        """What a mirror makes of a label: ``left_eye`` is ``right_eye`` there, if the recipe says so."""
        back = {right: left for left, right in self.swap_on_mirror.items()}
        return self.swap_on_mirror.get(label) or back.get(label, label)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "purpose": self.purpose,
            "steps": [{step.transform: {"p": step.probability, **_plain(step.arguments)}} for step in self.steps],
            "swap_on_mirror": dict(self.swap_on_mirror),
        }


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.folder if isinstance(value, Pictures) else value for name, value in arguments.items()}


def _step(transform: str, probability: float, /, **arguments: Any) -> Step:
    return Step(transform=transform, probability=probability, arguments=arguments)


# People before a webcam: near and far, head tilted, any lamp, a cheap sensor. Left and right are
# equal, up and down are not. Turning and shrinking come before the crop, so that what they leave
# empty is mostly cut off again.
WEBCAM = Recipe(
    name="webcam",
    purpose="people before a webcam: near and far, head tilted, any lamp, a cheap sensor",
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
    purpose="the six transforms of the notebook that this project grew from, to compare with",
    steps=(
        _step("RandomSquareCrop", 1.0, side=450),
        _step("HorizontalFlip", 0.5),
        _step("RandomBrightnessContrast", 0.2),
        _step("RandomGamma", 0.2),
        _step("RGBShift", 0.2),
        _step("VerticalFlip", 0.5),
    ),
)

# cv2.BORDER_REPLICATE, which Keras calls "nearest": the outermost pixel goes on for ever.
_NEAREST = 1

# Keras's ImageDataGenerator(rotation_range=20, zoom_range=0.15, width_shift_range=0.2,
# height_shift_range=0.2, shear_range=0.15, horizontal_flip=True, fill_mode="nearest"), which
# happens to every picture. Keras measures shear in degrees, so this one is next to none, and
# it zooms *out* by its factor, width and height each by their own.
MASK = Recipe(
    name="mask",
    purpose="faces cut out close, for mask or no mask: the settings of the usual Keras tutorial",
    steps=(
        _step(
            "Affine",
            1.0,
            scale=(1 / 1.15, 1 / 0.85),
            keep_ratio=False,
            rotate=(-20, 20),
            shear=(-0.15, 0.15),
            translate_percent=(-0.2, 0.2),
            border_mode=_NEAREST,
        ),
        _step("HorizontalFlip", 0.5),
    ),
)

# Outdoors things are far or near, stand upright, and the sun and the weather do the rest.
PHOTO = Recipe(
    name="photo",
    purpose="photos from outdoors: any distance, sun, shadow, haze, shaky hands, a phone's compression",
    steps=(
        _step(
            "Affine",
            0.7,
            scale=(0.5, 1.2),
            keep_ratio=True,
            rotate=(-7, 7),
            translate_percent=(-0.1, 0.1),
            fill=OUTSIDE,
        ),
        _step("RandomAreaCrop", 0.8, area=(0.2, 1.0), stretch=(0.75, 1.333)),
        _step("HorizontalFlip", 0.5),
        _step("RandomBrightnessContrast", 0.6, brightness_limit=0.3, contrast_limit=0.35),
        _step("RandomGamma", 0.3, gamma_limit=(65, 150)),
        _step("HueSaturationValue", 0.4, hue_shift_limit=6, sat_shift_limit=35, val_shift_limit=10),
        _step("PlanckianJitter", 0.2, temperature_limit=(4500, 10_000)),
        _step("RandomShadow", 0.15, shadow_intensity_range=(0.25, 0.5)),
        # Haze: brighter and flat. RandomFog takes 180 ms a picture, and all the rest together six.
        _step("RandomBrightnessContrast", 0.12, brightness_limit=(0.1, 0.3), contrast_limit=(-0.6, -0.3)),
        _step("MotionBlur", 0.1, blur_limit=(3, 9)),
        _step("GaussianBlur", 0.1, blur_limit=(3, 7)),
        _step("GaussNoise", 0.12, std_range=(0.02, 0.07)),
        _step("ImageCompression", 0.3, quality_range=(25, 85)),
    ),
)

# A scanner neither zooms far nor sees colours, and what is left and right in a body is known: no
# mirror. What lies outside of the picture is black, as scanners leave it.
MEDICAL = Recipe(
    name="medical",
    purpose="grey pictures of scanners (MRI, CT, X-ray): small turns, soft bending, contrast, no colour, no mirror",
    steps=(
        _step(
            "Affine",
            0.8,
            scale=(0.9, 1.1),
            keep_ratio=True,
            rotate=(-8, 8),
            shear=(-3, 3),
            translate_percent=(-0.05, 0.05),
            fill=0,
        ),
        _step("SmoothWarp", 0.4, cells=4, strength=(0.003, 0.015)),
        _step("RandomAreaCrop", 0.3, area=(0.7, 1.0), stretch=(0.9, 1.111)),
        _step("RandomGamma", 0.5, gamma_limit=(70, 140)),
        _step("RandomBrightnessContrast", 0.5, brightness_limit=0.15, contrast_limit=0.25),
        _step("GaussianBlur", 0.15, blur_limit=(3, 5)),
        _step("GaussNoise", 0.2, std_range=(0.01, 0.05), per_channel=False),
    ),
)

LIGHT = Recipe(
    name="light",
    purpose="only light and colour: nothing moves, every box stays where it was drawn",
    steps=(
        _step("RandomBrightnessContrast", 0.7, brightness_limit=0.35, contrast_limit=0.3),
        _step("RandomGamma", 0.4, gamma_limit=(50, 180)),
        _step("PlanckianJitter", 0.3),
        _step("RGBShift", 0.3, r_shift_limit=25, g_shift_limit=25, b_shift_limit=25),
        _step("HueSaturationValue", 0.3, hue_shift_limit=8, sat_shift_limit=40, val_shift_limit=15),
        _step("Illumination", 0.25, intensity_range=(0.05, 0.2)),
        _step("RandomShadow", 0.15, shadow_intensity_range=(0.25, 0.5)),
    ),
)

# Hands go to faces, and telephones are held before them.
COVERED = Recipe(
    name="covered",
    purpose="webcam, and now and then a drawn hand, telephone or cloth before a part of the face",
    steps=(_step("CoverPart", 0.3, covered=(0.1, 0.4)), *WEBCAM.steps),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (WEBCAM, SEED, MASK, PHOTO, MEDICAL, LIGHT, COVERED)}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name, or of that YAML file. Raises :class:`UsageError`, naming those there are."""
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    # Path.is_file would raise for a name that is too long.
    if path.suffix.lower() in (".yaml", ".yml") or os.path.isfile(path):  # noqa: PTH113
        from thirtyfold.augment.recipe_file import read_recipe

        return read_recipe(path)
    raise UsageError(f"--recipe {name}: one of {', '.join(RECIPES)}, or a recipe file (.yaml) was expected")


def recipe_rows() -> list[tuple[str, str, str]]:
    """Name, purpose and transforms of every built-in recipe, for a table."""
    return [
        (recipe.name, recipe.purpose, ", ".join(dict.fromkeys(step.transform for step in recipe.steps)))
        for recipe in RECIPES.values()
    ]

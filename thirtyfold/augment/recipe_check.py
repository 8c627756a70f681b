"""Which transforms a recipe may name, and whether a step can be done at all: asked before the run, not in it."""

from __future__ import annotations

import difflib
import inspect
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.augment.recipes import Step
from thirtyfold.errors import UsageError

if TYPE_CHECKING:
    from thirtyfold.augment.composing import Composer

_BENDS = "albumentations moves its points a pixel or more away from where it moves the pixels; take SmoothWarp instead"
_METADATA = "it needs a second picture with every photo"
_BOXES = "it asks for boxes or masks of its own, and shapes travel as points here; take RandomAreaCrop instead"
_FLOATS = "it gives numbers and no picture; training scales the pixels itself"
_VOLUMES = "it is made for volumes, and photos are flat"
_SOUND = "it is made for the spectrograms of sound"

# Measured with albumentations 2.0.8 by moving a dot and its point (tests/augment/test_recipe_check.py).
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        ("ElasticTransform", "GridDistortion", "GridElasticDeform", "OpticalDistortion", "PiecewiseAffine"), _BENDS
    ),
    "ThinPlateSpline": _BENDS,
    "RandomGridShuffle": "it tears shapes apart",
    **dict.fromkeys(
        ("FDA", "HistogramMatching", "Mosaic", "OverlayElements", "PixelDistributionAdaptation", "TextImage"), _METADATA
    ),
    **dict.fromkeys(
        (
            "AtLeastOneBBoxRandomCrop",
            "BBoxSafeRandomCrop",
            "ConstrainedCoarseDropout",
            "CropNonEmptyMaskIfExists",
            "MaskDropout",
            "RandomCropNearBBox",
            "RandomSizedBBoxSafeCrop",
        ),
        _BOXES,
    ),
    **dict.fromkeys(("Normalize", "ToFloat", "FromFloat", "ToTensorV2", "ToTensor3D"), _FLOATS),
    **dict.fromkeys(
        ("CenterCrop3D", "CoarseDropout3D", "CubicSymmetry", "Pad3D", "PadIfNeeded3D", "RandomCrop3D", "Transform3D"),
        _VOLUMES,
    ),
    **dict.fromkeys(("FrequencyMasking", "TimeMasking", "TimeReverse"), _SOUND),
    "Lambda": "it needs Python code, and a recipe file runs none",
    "ToRGB": "photos are RGB already",
}

# Ours that put two pictures together (``augment.composing``), and the argument that names a folder of pictures, if any.
COMPOSERS: Mapping[str, str | None] = {"CopyPaste": None, "CoverPart": "cutouts", "ReplaceBackground": "folder"}

# The first is what cameras give; a crop of more than that is tried on the second.
_TRIAL_SIZES_WH = ((640, 480), (4096, 3072))


def known_transforms() -> dict[str, type[Any]]:
    """Every transform that a recipe can name, by name: albumentations' own and ours."""
    import albumentations
    from albumentations.core.transforms_interface import BasicTransform, DualTransform, ImageOnlyTransform

    from thirtyfold.augment import background, cover, crops, paste, warp

    composers: tuple[type[Composer], ...] = (background.ReplaceBackground, cover.CoverPart, paste.CopyPaste)
    abstract = (BasicTransform, DualTransform, ImageOnlyTransform)
    return {
        name: kind
        for module in (albumentations, crops, warp)
        for name, kind in vars(module).items()
        if inspect.isclass(kind)
        and issubclass(kind, BasicTransform)
        and kind not in abstract
        and not name.startswith("Base")
        and name not in REFUSED
    } | {kind.__name__: kind for kind in composers}


def default_probability(transform: str) -> float:
    """How often a transform happens if the recipe does not say: what its own signature has."""
    return float(inspect.signature(known_transforms()[transform]).parameters["p"].default)


def check_name(transform: str) -> None:
    """Raises :class:`UsageError` with the reason, or the nearest name, if a recipe can't have this transform."""
    if transform in REFUSED:
        raise UsageError(f"{transform} can't be part of a recipe: {REFUSED[transform]}")
    known = known_transforms()
    if transform not in known:
        raise UsageError(f"there is no transform called {transform}{nearest(transform, known)}")


def nearest(name: str, names: Mapping[str, Any]) -> str:
    """``"; did you mean X?"``, or nothing if no name is like it."""
    by_lower = {known.lower(): known for known in names}
    like = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f"; did you mean {by_lower[like[0]]}?" if like else ""


def check_step(step: Step) -> None:
    """Do a step to a trial picture. Raises :class:`UsageError` with the reason if it can't be done.

    The transform's name is checked before (:func:`check_name`).
    """
    from thirtyfold.augment.transform import build

    taken = inspect.signature(known_transforms()[step.transform]).parameters
    for name in step.arguments:
        if name not in taken:
            raise UsageError(f"{step.transform} has no argument {name}{nearest(name, taken)}")
    missing = [name for name, one in taken.items() if one.default is one.empty and name not in step.arguments]
    if step.transform in COMPOSERS and missing:
        raise UsageError(f"{step.transform} needs {missing[0]}, a folder of pictures")
    transform = build(replace(step, probability=1.0))
    if step.transform in COMPOSERS:
        return  # they check their arguments themselves, and are done to any picture
    failure: UsageError | None = None
    for size_wh in _TRIAL_SIZES_WH:
        failure = _trial(step.transform, transform, size_wh)
        if failure is None:
            return
    assert failure is not None  # noqa: S101 - there are sizes
    raise failure


def _trial(name: str, transform: Any, size_wh: tuple[int, int]) -> UsageError | None:
    """What goes wrong when the transform is done to a picture of noise of that size with four points in it."""
    random_pixels = np.random.default_rng(0)
    pixels = random_pixels.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    keypoints = np.zeros((4, 5), np.float32)
    keypoints[:, :2] = np.asarray([(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]) * size_wh
    transform.set_random_state(random_pixels, random.Random(0))  # noqa: S311 - no secrets here
    try:
        moved = transform(image=pixels, keypoints=keypoints)
    except Exception as error:  # OpenCV's, pydantic's, albumentations' own
        return UsageError(f"{name} fails on a trial picture: {shortened(error)}")
    made = moved["image"]
    if made.dtype != np.uint8 or made.ndim != 3 or made.shape[2] != 3:
        return UsageError(f"{name} gives {made.dtype} of shape {made.shape}; an RGB picture of 8 bits was expected")
    if len(moved["keypoints"]) != len(keypoints):
        return UsageError(f"{name} with these arguments loses or doubles points, so shapes can't follow the pixels")
    return None


def shortened(error: Exception) -> str:
    """The message of a library in one line, without pydantic's headings, types and links."""
    lines = [line.strip() for line in str(error).splitlines() if "errors.pydantic.dev" not in line]
    if len(lines) > 1 and "validation error" in lines[0]:
        # Of a union every member says why it is not the one; the first will do.
        lines = [f"{lines[1]}: {lines[2] if len(lines) > 2 else ''}"]
    text = re.sub(r"\s*\[type=.*", "", " ".join(lines)).replace("Value error, ", "")
    return text[:240]

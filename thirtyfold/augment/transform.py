"""One copy of one photo: a pure function of pixels, annotations, recipe and seed.

albumentations moves the pixels, and the shapes' points with them as its *keypoints*.
It counts keypoints from the centre of the first pixel, we count from its outer corner;
half a pixel is taken off before and put back after, so that a mirrored box (0, w) is
(0, w) again and not (-1, w - 1).
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment import shapes
from thirtyfold.augment.recipes import Recipe, Step
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation

# albumentations asks the network for its newest version at import unless told not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

_CENTRE = 0.5
# albumentations' own keypoint format: x, y, z, angle, scale.
_COLUMNS = 5

# Transforms keep their random state in themselves, so every thread has its own.
_local = threading.local()


@dataclass(frozen=True, slots=True)
class _Moving:
    """A shape on its way: ``visible`` is the share of it, 0 to 1, that no frame has cut off so far."""

    annotation: Annotation
    points: Sequence[tuple[float, float]]
    visible: float


def augment(
    pixels: Pixels,
    annotations: Sequence[Annotation],
    recipe: Recipe,
    seed: int,
    min_visible: float = 0.4,
) -> tuple[Pixels, tuple[Annotation, ...]]:
    """A random copy of RGB uint8 ``pixels`` (height, width, 3) and of the shapes in it.

    The same arguments give the same bytes in every process, thread and order of calls.
    The copy may be smaller than the photo. Shapes are cut at its frame; one that shows
    less than ``min_visible`` (0 to 1; of the part that the photo showed, by area, or by
    length for lines) is gone, as are kinds that can't be moved (see
    :func:`shapes.can_move`); with ``()`` the copy is a negative. Every annotation
    returned stems from one that was given, in the same order. Nothing given is changed.
    """
    moving = [
        _Moving(inside, shapes.spread(inside), 1.0)
        for inside, _ in (
            shapes.cut(annotation, _size_wh(pixels)) for annotation in annotations if shapes.can_move(annotation)
        )
        if inside is not None
    ]
    generator, python_random = np.random.default_rng(seed), random.Random(seed)  # noqa: S311 - no secrets here
    given = pixels
    for transform in _transforms(recipe):
        # Not set_random_seed: it starts every transform at the same number, so that one that
        # happens one time in five would only ever happen together with all the likelier ones.
        transform.set_random_state(generator, python_random)
        keypoints = _to_keypoints(moving)
        moved = transform(image=pixels, keypoints=keypoints)
        pixels = moved["image"]
        if moved["keypoints"] is not keypoints:
            moving = _arrived(moving, moved["keypoints"], _size_wh(pixels))
    kept = tuple(
        shapes.rounded(shapes.gather(shape.annotation, shape.points))
        for shape in moving
        if shape.visible >= min_visible
    )
    return (pixels.copy() if np.may_share_memory(pixels, given) else pixels), kept


def copy_seed(seed: int, photo_name: str, copy: int) -> int:
    """The seed of copy number ``copy`` of a photo: new photos don't change the copies of the others."""
    digest = hashlib.sha256(f"{seed}\0{photo_name}\0{copy}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")


def _to_keypoints(moving: Sequence[_Moving]) -> NDArray[np.float32]:
    points = [point for shape in moving for point in shape.points]
    keypoints = np.zeros((len(points), _COLUMNS), np.float32)
    if points:
        keypoints[:, :2] = np.asarray(points) - _CENTRE
    return keypoints


def _arrived(moving: Sequence[_Moving], keypoints: NDArray[np.float32], frame_wh: tuple[int, int]) -> list[_Moving]:
    """The shapes after a step, cut at the new frame: what a crop took, no later step brings back."""
    points_xy = keypoints[:, :2].astype(np.float64) + _CENTRE
    if len(points_xy) != sum(len(shape.points) for shape in moving):
        raise UsageError("the recipe has a transform that drops points; take one that moves them")
    arrived, start = [], 0
    for shape in moving:
        points = [(float(x), float(y)) for x, y in points_xy[start : start + len(shape.points)]]
        start += len(shape.points)
        whole = shapes.gather(shape.annotation, points)
        inside, share = shapes.cut(whole, frame_wh)
        if inside is None:
            continue
        if inside is whole and whole.kind == shape.annotation.kind:
            # Untouched shapes keep their points, so that two turns don't box the shape twice.
            arrived.append(replace(shape, points=points))
        else:
            arrived.append(_Moving(inside, shapes.spread(inside), shape.visible * share))
    return arrived


def _size_wh(pixels: Pixels) -> tuple[int, int]:
    return (pixels.shape[1], pixels.shape[0])


def _transforms(recipe: Recipe) -> list[Any]:
    cache: dict[Recipe, list[Any]] = _local.__dict__.setdefault("transforms", {})
    if recipe not in cache:
        cache[recipe] = [build(step) for step in recipe.steps]
    return cache[recipe]


def build(step: Step) -> Any:
    """The albumentations transform of a step. Raises :class:`UsageError` if there is no such one."""
    import albumentations

    from thirtyfold.augment import crops

    kind = getattr(crops, step.transform, None) or getattr(albumentations, step.transform, None)
    if kind is None:
        raise UsageError(f"recipe: albumentations has no transform called {step.transform}")
    try:
        transform = kind(**step.arguments, p=step.probability)
    except (TypeError, ValueError) as error:
        raise UsageError(f"recipe: {step.transform} does not take these arguments ({error})") from error
    if getattr(transform, "invalid_args", None):
        raise UsageError(f"recipe: {step.transform} has no argument {', '.join(transform.invalid_args)}")
    return transform

"""One copy of one photo: a pure function of pixels, annotations, recipe and seed.

albumentations moves the pixels, and the shapes' points with them as its *keypoints*.
It counts keypoints from the centre of the first pixel, we count from its outer corner;
half a pixel is taken off before and put back after, so that a mirrored box (0, w) is
(0, w) again and not (-1, w - 1).
"""

from __future__ import annotations

import copy
import hashlib
import math
import random
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment import lookups, mirror, travel
from thirtyfold.augment.composing import Scene
from thirtyfold.augment.donors import Donor
from thirtyfold.augment.recipes import Recipe, Step
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation

_CENTRE = 0.5
# albumentations' own keypoint format: x, y, z, angle, scale.
_COLUMNS = 5

_MIRRORING_BORDERS = (cv2.BORDER_REFLECT, cv2.BORDER_REFLECT_101)

# Transforms keep their random state in themselves, so every thread has its own.
_local = threading.local()


def augment(
    pixels: Pixels,
    annotations: Sequence[Annotation],
    recipe: Recipe,
    seed: int,
    min_visible: float = 0.4,
    donors: Sequence[Donor] = (),
) -> tuple[Pixels, tuple[Annotation, ...]]:
    """A random copy of RGB uint8 ``pixels`` (height, width, 3) and of the shapes in it.

    The same arguments give the same bytes in every process, thread and order of calls.
    The copy may be smaller than the photo. Shapes are cut at its frame; a polygon or line
    that it cuts in pieces becomes as many annotations with one ``group``, a free number
    if the shape had none. An object (a shape, or the polygons of one label and group) that shows
    less than ``min_visible`` (0 to 1; of the part that the photo showed, by area, or by
    length for lines) is gone, as are kinds that can't be moved (see
    :func:`shapes.can_move`); with ``()`` the copy is a negative. What a step of the recipe lays over an
    object counts like what a frame cuts off (``augment.hiding``). The annotations
    returned are in the order of those given; behind them those of objects pasted from ``donors``, which recipes
    with ``CopyPaste`` take them from. Nothing given is changed.
    """
    made = make_copy(pixels, annotations, recipe, seed, min_visible, donors)
    return made.pixels, made.annotations


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What became of a photo. ``tags`` are its own, but for those that a mirror changes.

    ``lost`` is how many of the annotations given left nothing in the copy; subtraction doesn't tell, as one annotation
    can become two.
    """

    pixels: Pixels
    annotations: tuple[Annotation, ...]
    tags: tuple[str, ...]
    lost: int


def make_copy(
    pixels: Pixels,
    annotations: Sequence[Annotation],
    recipe: Recipe,
    seed: int,
    min_visible: float = 0.4,
    donors: Sequence[Donor] = (),
    tags: Sequence[str] = (),
) -> Copy:
    """As :func:`augment`, with the classes of the whole photo (``tags``) and the number of shapes that are gone."""
    moving = travel.depart(annotations, _size_wh(pixels))
    generator, python_random = np.random.default_rng(seed), random.Random(seed)  # noqa: S311 - no secrets here
    given, mirrored = pixels, False
    table: lookups.Table | None = None
    for ready in _ready(recipe):
        transform = ready.transform
        if ready.composes:
            if python_random.random() < transform.p:
                pixels, table = _looked_up(pixels, table, given), None
                scene = Scene(pixels=pixels, moving=moving, donors=donors, label_of=_label_of(recipe, mirrored))
                pixels, moving = transform.compose(scene, python_random)
            continue
        # Not set_random_seed: it starts every transform at the same number, so that one that
        # happens one time in five would only ever happen together with all the likelier ones.
        transform.set_random_state(generator, python_random)
        if ready.decides and not transform.should_apply():
            continue
        if ready.is_lookup:
            table = lookups.one_after_the_other(table, lookups.table_of(transform))
            continue
        pixels, table = _looked_up(pixels, table, given), None
        if not ready.moves:
            pixels = _apply(ready, recipe, image=pixels)["image"]
            continue
        bending = travel.with_corners_every(moving, _straight_px(ready, pixels))
        keypoints = _to_keypoints(bending)
        if recipe.swap_on_mirror:
            keypoints = _with_right_angle(keypoints, _size_wh(pixels))
        moved = _apply(ready, recipe, image=pixels, keypoints=keypoints)
        pixels, arrived = moved["image"], moved["keypoints"]
        if arrived is not keypoints:
            if recipe.swap_on_mirror:
                mirrored ^= mirror.is_mirrored(arrived[-3:, :2])
                arrived = arrived[:-3]
            moving = travel.arrive(bending, arrived[:, :2].astype(np.float64) + _CENTRE, _size_wh(pixels))
    pixels = _looked_up(pixels, table, given)
    kept, lost = travel.unpack(moving, annotations, _size_wh(pixels), min_visible)
    if mirrored:
        kept = tuple(replace(annotation, label=recipe.mirrored_label(annotation.label)) for annotation in kept)
        tags = [recipe.mirrored_label(tag) for tag in tags]
    pixels = pixels.copy() if np.may_share_memory(pixels, given) else pixels
    return Copy(pixels=pixels, annotations=kept, tags=tuple(tags), lost=lost)


def copy_seed(seed: int, photo_name: str, copy: int) -> int:
    """The seed of copy number ``copy`` of a photo: new photos don't change the copies of the others."""
    digest = hashlib.sha256(f"{seed}\0{photo_name}\0{copy}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")


def _to_keypoints(moving: Sequence[travel.Moving]) -> NDArray[np.float32]:
    points = [point for shape in moving for point in shape.points]
    keypoints = np.zeros((len(points), _COLUMNS), np.float32)
    if points:
        keypoints[:, :2] = np.asarray(points) - _CENTRE
    return keypoints


def _with_right_angle(keypoints: NDArray[np.float32], frame_wh: tuple[int, int]) -> NDArray[np.float32]:
    angle = np.zeros((3, _COLUMNS), np.float32)
    angle[:, :2] = mirror.right_angle(frame_wh)
    return np.concatenate([keypoints, angle])


def _apply(ready: _Ready, recipe: Recipe, **given: Any) -> dict[str, Any]:
    try:
        # Whether it happens has been decided, except for those that choose among others.
        done: dict[str, Any] = ready.transform(**given, force_apply=True) if ready.decides else ready.transform(**given)
    except Exception as error:  # OpenCV's, pydantic's, albumentations' own: a step decides, and people write steps
        from thirtyfold.augment.recipe_check import shortened

        height, width = given["image"].shape[:2]
        raise UsageError(
            f"recipe {recipe.name}: {type(ready.transform).__name__} can't be done to a picture of "
            f"{width} x {height} pixels ({shortened(error)}); change its arguments or leave it out"
        ) from error
    return done


def _looked_up(pixels: Pixels, table: lookups.Table | None, given: Pixels) -> Pixels:
    if table is None:
        return pixels
    return lookups.look_up(pixels, table, in_place=not np.may_share_memory(pixels, given))


def _label_of(recipe: Recipe, mirrored: bool) -> Callable[[str, bool], str]:
    """What a pasted object is to be called, given its label and whether it was mirrored.

    At the end all labels of a mirrored copy change sides; what is pasted into one is named the other way round before.
    """
    return lambda label, turned: recipe.mirrored_label(label) if turned != mirrored else label


def _straight_px(ready: _Ready, pixels: Pixels) -> float:
    """How long an edge may be that the transform leaves as good as straight: endless, unless it bends the picture."""
    return max(2.0, max(pixels.shape[:2]) / ready.cells / 16) if ready.cells else math.inf


def _size_wh(pixels: Pixels) -> tuple[int, int]:
    return (pixels.shape[1], pixels.shape[0])


@dataclass(frozen=True, slots=True)
class _Ready:
    """A transform, and what has to be known of it for every copy.

    ``decides``: it is asked before whether it happens. ``composes``: it is one of ``augment.composing``.
    ``cells`` is how finely it bends the picture, 0 for not at all.
    """

    transform: Any
    decides: bool
    composes: bool
    is_lookup: bool
    moves: bool
    cells: int


def _ready(recipe: Recipe) -> list[_Ready]:
    cache: dict[Recipe, list[_Ready]] = _local.__dict__.setdefault("transforms", {})
    if recipe not in cache:
        cache[recipe] = [_get_ready(build(step)) for step in recipe.steps]
    return cache[recipe]


def _get_ready(transform: Any) -> _Ready:
    from albumentations.core.transforms_interface import BasicTransform, DualTransform

    among = getattr(transform, "transforms", [transform])
    return _Ready(
        transform,
        decides=isinstance(transform, BasicTransform),
        composes=hasattr(transform, "compose"),
        is_lookup=lookups.is_lookup(transform),
        moves=any(isinstance(one, DualTransform) for one in among),
        cells=max(getattr(one, "cells", 0) for one in among),  # SmoothWarp has cells
    )


def build(step: Step) -> Any:
    """The transform of a step. Raises :class:`UsageError` if there is none, or not with these arguments."""
    import albumentations

    from thirtyfold.augment import background, cover, crops, paste, recipe_check, warp

    if step.transform == "OneOf":
        inner = (Step(transform=name, probability=p, arguments=given) for name, p, given in step.arguments["steps"])
        return albumentations.OneOf([build(one) for one in inner], p=step.probability)
    modules: tuple[Any, ...] = (crops, warp, background, cover, paste, albumentations)
    kind = next((vars(module)[step.transform] for module in modules if step.transform in vars(module)), None)
    if kind is None:
        raise UsageError(f"recipe: there is no transform called {step.transform}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old names that still work, and of arguments, which we refuse below
            transform = kind(**dict(step.arguments), p=step.probability)
    except (TypeError, ValueError) as error:
        reason = recipe_check.shortened(error)
        raise UsageError(f"recipe: {step.transform} does not take these arguments ({reason})") from error
    if getattr(transform, "invalid_args", None):
        raise UsageError(f"recipe: {step.transform} has no argument {', '.join(transform.invalid_args)}")
    if getattr(transform, "border_mode", None) in _MIRRORING_BORDERS:
        # Where the border mirrors the picture, albumentations would mirror the points into it as well.
        plain = copy.copy(transform)
        plain.border_mode = cv2.BORDER_CONSTANT
        transform.apply_to_keypoints = plain.apply_to_keypoints
        transform._set_keys()
    return transform

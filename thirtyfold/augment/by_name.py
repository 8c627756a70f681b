"""One copy of one photo by a recipe's name: what ``thirtyfold.augment`` is for those who write Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thirtyfold.images import Pixels
    from thirtyfold.sample import Annotation


def augment(
    pixels: Pixels,
    annotations: Sequence[Annotation] = (),
    *,
    recipe: str = "webcam",
    seed: int = 0,
    min_visible: float = 0.4,
) -> tuple[Pixels, tuple[Annotation, ...]]:
    """A random copy of RGB uint8 ``pixels`` (height, width, 3) and of the shapes in it.

    The same arguments give the same bytes, everywhere; another ``seed`` gives another copy, and nothing given is
    changed. ``recipe`` is a name (``thirtyfold augment --list-recipes``) or the path of a YAML file. An object of
    which less than ``min_visible`` (0 to 1, of its area) is left in the copy is gone. Raises :class:`UsageError`
    for an unknown recipe and for an array that is no RGB picture.

    >>> import numpy as np, thirtyfold
    >>> grey = np.full((240, 320, 3), 128, np.uint8)
    >>> face = thirtyfold.Annotation.from_box("face", (100, 60, 180, 160))
    >>> copy, moved = thirtyfold.augment(grey, [face], recipe="light", seed=7)
    >>> copy.shape, moved[0].box_xyxy
    ((240, 320, 3), (100.0, 60.0, 180.0, 160.0))
    """
    from thirtyfold.augment.recipes import find_recipe
    from thirtyfold.augment.transform import augment as augment_by
    from thirtyfold.images import require_rgb

    require_rgb(pixels)
    return augment_by(pixels, tuple(annotations), find_recipe(recipe), seed, min_visible)

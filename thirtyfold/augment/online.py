"""Copies for a training that keeps none: the same function of photo, recipe, seed and number, called as it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from thirtyfold.augment.donors import choose_donors
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.recipes import find_recipe
from thirtyfold.augment.transform import augment, copy_seed
from thirtyfold.datasets.storage import LocalFolder
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation, Sample

Labelled = tuple[Pixels, tuple[Annotation, ...]]


def augmenter_of(
    recipe_name: str, samples: Sequence[Sample], seed: int
) -> Callable[[Pixels, Sequence[Annotation], str, int], Labelled]:
    """A function that makes copies of train photos, from pixels, annotations, a photo's name and the copy's number.

    Copy number n of a photo is the one that ``augment`` writes under that number with the same recipe and
    seed, and the same train photos ``samples``. The function can be called from several threads at once. Raises
    :class:`UsageError` for a recipe that there isn't, and for one that would change classes of whole photos.
    """
    recipe, min_visible = find_recipe(recipe_name), AugmentOptions().min_visible
    sided = sorted({tag for sample in samples for tag in sample.tags if recipe.mirrored_label(tag) != tag})
    if sided:
        raise UsageError(
            f"--recipe {recipe_name}: makes {recipe.mirrored_label(sided[0])} of the class {sided[0]} in a mirror, "
            "which online copies cannot say; write the copies with `thirtyfold augment` and train on those"
        )
    # All photos of a dataset lie in one folder.
    donors_of = choose_donors(recipe, LocalFolder(samples[0].image_path.parent), samples, seed)
    donors = {sample.image_path.name: donors_of(sample.image_path.name) for sample in samples}

    def make(pixels: Pixels, annotations: Sequence[Annotation], name: str, number: int) -> Labelled:
        return augment(pixels, annotations, recipe, copy_seed(seed, name, number), min_visible, donors.get(name, ()))

    return make

"""Other photos of the train part, whose objects a recipe may paste (``CopyPaste``).

Every photo gets a few donors of its own, drawn by the seed from all train photos that have an object with an outline.
They are listed with its work, so that a copy stays a function of what is given; a process reads each of
them once for all copies of the photo. Nothing of the validation or test part is among them: what is not in the
list that :func:`choose_donors` is given can't be chosen.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from thirtyfold.augment import shapes
from thirtyfold.augment.recipes import Recipe
from thirtyfold.datasets.formats.regions import encloses, objects_of
from thirtyfold.datasets.storage import Folder, read_photo
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation, Sample

DONORS_A_PHOTO = 8
NO_DONORS = "fewer than two train photos have a polygon, circle or mask, and a box can't be cut out"
_KEPT = 2 * DONORS_A_PHOTO


@dataclass(frozen=True, slots=True)
class Donor:
    """The photo ``name`` in ``folder``, and the objects that can be cut out of it, each of one outline or more."""

    folder: Folder
    name: str
    objects: tuple[tuple[Annotation, ...], ...]

    def pixels(self) -> Pixels:
        """RGB uint8 (height, width, 3), not to be written to. Raises :class:`ImageError`."""
        return _pixels(self.folder, self.name)


# From a train photo's name to its donors.
DonorsOf = Callable[[str], tuple[Donor, ...]]


def choose_donors(recipe: Recipe, folder: Folder, samples: Sequence[Sample], seed: int) -> DonorsOf:
    """A function that gives a train photo's donors, by its name; ``()`` for recipes that paste nothing.

    ``samples`` are those of the train part, their photos in ``folder``.
    """
    if not recipe.pastes:
        return lambda name: ()
    donors = [
        Donor(folder, sample.image_path.name, objects)
        for sample in sorted(samples, key=lambda sample: sample.image_path.name)
        if (objects := cut_out_objects(sample.annotations or ()))
    ]

    def donors_of(name: str) -> tuple[Donor, ...]:
        others = [donor for donor in donors if donor.name != name]
        digest = hashlib.sha256(f"{seed}\0{name}\0donors".encode("utf-8", "surrogateescape")).digest()
        chance = random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 - no secrets here
        return tuple(chance.sample(others, min(DONORS_A_PHOTO, len(others))))

    return donors_of


def can_donate(samples: Sequence[Sample]) -> bool:
    """Whether there are photos enough for each to get something of another one."""
    return sum(bool(cut_out_objects(sample.annotations or ())) for sample in samples) > 1


def cut_out_objects(annotations: Sequence[Annotation]) -> tuple[tuple[Annotation, ...], ...]:
    """The objects with an outline: polygons, circles, masks. A box says too little of where its object ends."""
    return tuple(
        pieces
        for pieces in objects_of(annotations)
        if pieces[0].kind != "rectangle" and encloses(pieces[0]) and all(shapes.can_move(piece) for piece in pieces)
    )


@lru_cache(maxsize=_KEPT)
def _pixels(folder: Folder, name: str) -> Pixels:
    pixels = read_photo(folder, name)
    pixels.flags.writeable = False
    return pixels

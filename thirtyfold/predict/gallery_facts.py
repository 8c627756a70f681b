"""How alike the faces of a gallery are: within a person, and to the nearest other one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thirtyfold.predict.gallery import Gallery
from thirtyfold.predict.recognizer_threshold import templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """``similarity`` is the mean cosine of any two of their photos, ``nearest`` who looks most like them, and how much.

    ``None`` where there is only one photo, or nobody else. ``kept_photos`` counts the copies in the gallery.
    """

    name: str
    photos: int
    kept_photos: int
    similarity: float | None
    nearest: tuple[str, float] | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "photos": self.photos,
            "kept_photos": self.kept_photos,
            "mean_similarity": _rounded(self.similarity),
            "nearest": None
            if self.nearest is None
            else {"name": self.nearest[0], "similarity": _rounded(self.nearest[1])},
        }

    def row(self) -> tuple[str, str, str, str]:
        nearest = "" if self.nearest is None else f"{self.nearest[0]} {self.nearest[1]:.2f}"
        photos = f"{self.photos} ({self.kept_photos} kept)" if self.kept_photos else str(self.photos)
        return self.name, photos, "" if self.similarity is None else f"{self.similarity:.2f}", nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """How well a person's photos fit together, and whether they look like somebody else.

    ``mean`` and ``least`` are cosines of two of them. ``odd`` are photos that would not be recognized by the others:
    (photo, why). ``warning`` is a sentence where the person as a whole looks like somebody who is enrolled already.
    """

    photos: int
    mean: float | None
    least: float | None
    odd: tuple[tuple[str, str], ...]
    warning: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "photos": self.photos,
            "mean_similarity": _rounded(self.mean),
            "least_similarity": _rounded(self.least),
            "odd": [{"photo": photo, "why": why} for photo, why in self.odd],
            "warning": self.warning or None,
        }

    def facts(self) -> dict[str, object]:
        facts: dict[str, object] = {}
        if self.mean is not None:
            facts["how alike"] = f"mean cosine {self.mean:.2f}, least {self.least:.2f} of two photos"
        if len(self.odd) == self.photos:
            facts["odd"] = "all of them: none would be recognized by the others, so this network cannot tell this face"
        elif self.odd:
            facts["odd"] = "; ".join(f"{photo} {why}" for photo, why in self.odd)
        if self.warning:
            facts["warning"] = self.warning
        return facts


def people_of(gallery: Gallery) -> tuple[Person, ...]:
    """Everybody, sorted by name."""
    people, directions = templates(gallery.vectors, gallery.names)
    between = directions @ directions.T
    listed = []
    for index, name in enumerate(people):
        entries = gallery.of(name)
        others = [(people[other], float(between[index, other])) for other in range(len(people)) if other != index]
        pairs = _pairs(gallery, name)
        listed.append(
            Person(
                name=name,
                photos=len(entries),
                kept_photos=sum(entry.kept is not None for entry in entries),
                similarity=sum(pairs) / len(pairs) if pairs else None,
                nearest=max(others, key=lambda other: other[1], default=None),
            )
        )
    return tuple(listed)


def alike(gallery: Gallery, name: str, *, threshold: float | None) -> Alike:
    """How well the photos of ``name`` fit together.

    ``threshold`` is a cosine found without them: if a twin is enrolled, one found with them would be too high to see
    that. Where there is none, whoever looks more like them than their own photos look like each other is pointed out.
    """
    pairs = _pairs(gallery, name)
    (person,) = (person for person in people_of(gallery) if person.name == name)
    warning = ""
    bar = min(pairs, default=None) if threshold is None else threshold
    if person.nearest is not None and bar is not None and person.nearest[1] >= bar:
        other, cosine = person.nearest
        warning = (
            f"{name} looks like {other}, who is enrolled already (cosine {cosine:.2f}): is it the same person, or do "
            "two of them look alike? They may be taken for each other, or neither be recognized"
        )
    return Alike(
        photos=person.photos,
        mean=sum(pairs) / len(pairs) if pairs else None,
        least=min(pairs, default=None),
        odd=_odd(gallery, name, threshold),
        warning=warning,
    )


def _odd(gallery: Gallery, name: str, threshold: float | None) -> tuple[tuple[str, str], ...]:
    """Photos that would not be recognized by the person's others."""
    odd = []
    rows = [index for index, entry in enumerate(gallery.entries) if entry.name == name]
    for row in rows if len(rows) > 1 else ():
        others = [index for index in range(len(gallery.entries)) if index != row]
        people, directions = templates(gallery.vectors[others], [gallery.entries[index].name for index in others])
        cosines = directions @ gallery.vectors[row]
        best = int(np.argmax(cosines))
        if people[best] != name:
            odd.append((gallery.entries[row].photo, f"looks more like {people[best]}"))
        elif threshold is not None and cosines[best] < threshold:
            odd.append((gallery.entries[row].photo, "does not look like the other photos"))
    return tuple(odd)


def _pairs(gallery: Gallery, name: str) -> Sequence[float]:
    """The cosines of any two photos of a person."""
    rows = gallery.vectors[[index for index, entry in enumerate(gallery.entries) if entry.name == name]]
    first, second = np.triu_indices(len(rows), k=1)
    return [float(value) for value in (rows @ rows.T)[first, second]]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

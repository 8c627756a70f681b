"""The people who can be recognized, as numbers: whose face, which vector, and what the gallery decides by."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from thirtyfold.errors import UsageError
from thirtyfold.predict.recognizer_threshold import DEFAULT_FAR, Decision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

UNKNOWN = "unknown"
MAX_NAME = 60
# The largest vectors that are taken from a network, or from a file.
MAX_DIMENSION = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One enrolled face. ``photo`` is the file's name, without its folder, ``sha256`` that of its bytes.

    ``when`` is ISO 8601. ``kept`` is the name of the copy in ``photos/``, if one was kept.
    """

    name: str
    photo: str
    sha256: str
    when: str
    kept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Which embedder made the vectors: what opens it again, the hash of its file, and how it takes pixels."""

    source: str
    sha256: str
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """``vectors`` (N, D) float32, of length 1, row i of ``entries[i]``.

    ``far`` is the rate that the threshold is chosen for, ``given_threshold`` a cosine that a person gave instead.
    ``decision`` is ``None`` while too little is known to decide by. Changing one gives a new one.
    """

    maker: Maker
    entries: tuple[Entry, ...]
    vectors: Vectors
    far: float = DEFAULT_FAR
    given_threshold: float | None = None
    decision: Decision | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Whose face each row is."""
        return tuple(entry.name for entry in self.entries)

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.names)))

    def of(self, name: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.name == name)

    def holder_of(self, photo_sha256: str) -> str | None:
        """Who was enrolled with a photo of these very bytes."""
        return next((entry.name for entry in self.entries if entry.sha256 == photo_sha256), None)

    def with_faces(self, entries: Sequence[Entry], vectors: Vectors) -> Gallery:
        import numpy as np

        return replace(
            self, entries=(*self.entries, *entries), vectors=np.concatenate([self.vectors, vectors]).astype(np.float32)
        )

    def without(self, name: str) -> Gallery:
        kept = [index for index, entry in enumerate(self.entries) if entry.name != name]
        return replace(self, entries=tuple(self.entries[index] for index in kept), vectors=self.vectors[kept])


def check_name(name: str) -> str:
    """The name without outer spaces. Raises :class:`UsageError` for one that could be taken for something else."""
    tidy = unicodedata.normalize("NFC", name.strip())
    if problem := name_problem(tidy):
        raise UsageError(f"{name!r}: {problem}; a name like `Anna` or `Anna Berg` was expected")
    return tidy


def name_problem(name: str) -> str:
    """What is wrong with a person's name, or nothing."""
    if not name:
        return "is empty"
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} letters"
    if name.casefold() == UNKNOWN:
        return f"is what those are called who are not in the gallery ({UNKNOWN})"
    if any(not char.isprintable() or char in '/\\:*?"<>|' for char in name) or name[0] in ".-":
        return "begins with a dot or dash, or has a slash or another sign that files cannot have"
    return ""

"""The folder of augmented copies: what lies where, and what it was made from.

::

    augmented/
      manifest.json      recipe, seed, factor, and hashes of all that went in
      images/            NAME-00.jpg + NAME-00.json, NAME-01.jpg + ...
      preview.jpg        some of the copies with their shapes drawn

A copy is there when its label file is there: that is written after the picture. The
label file names its lineage under ``"thirtyfold"``: parent, session, recipe, seed, copy.
The folder is a dataset of its own: ``read_samples(Dataset(dataset.augmented_dir))``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.samples import read_sample
from thirtyfold.errors import DataError, UsageError
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

FORMAT = 1
MANIFEST = "manifest.json"
PREVIEW = "preview.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that decides about the bytes of the copies: two equal :attr:`inputs` give equal folders.

    ``sources`` maps each train photo to a hash of its labels and its file's size, ``split``
    is the split's fingerprint, ``versions`` those of the libraries that move the pixels.
    ``left_out`` are photos that turned out to be unreadable, known when the run is ``finished``.
    """

    recipe: str
    recipe_fingerprint: str
    seed: int
    factor: int
    min_visible: float
    split: str
    sources: Mapping[str, str]
    versions: Mapping[str, str]
    finished: bool = False
    left_out: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def inputs(self) -> Manifest:
        """The manifest as it was before the first copy was made."""
        return replace(self, finished=False, left_out=())

    @property
    def copies(self) -> range:
        """The numbers of one photo's copies."""
        return range(self.factor)

    def stems(self) -> list[str]:
        """The names of all copies, without endings, in the order in which they are made."""
        return [copy_stem(name, copy) for name in self.sources for copy in self.copies]


def copies_dir(dataset: Dataset) -> Path:
    """Where the copies and their labels lie."""
    return dataset.augmented_dir / "images"


def copy_stem(photo_name: str, copy: int) -> str:
    """The name of a copy without its ending: unique, as everything before the last dash is the photo's."""
    return f"{Path(photo_name).stem}-{copy:02d}"


def read_manifest(dataset: Dataset) -> Manifest | None:
    """What the copies in ``augmented/`` were made from; ``None`` if there are none, or it can't be told."""
    return read_manifest_of(dataset.augmented_dir)


def read_manifest_of(folder: Path) -> Manifest | None:
    """As :func:`read_manifest`, of any folder."""
    try:
        raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(raw, dict) or set(raw) != {item.name for item in fields(Manifest)}:
        return None
    if not (isinstance(raw["sources"], dict) and isinstance(raw["factor"], int) and isinstance(raw["left_out"], list)):
        return None
    return Manifest(**{**raw, "left_out": tuple(raw["left_out"])})


def write_manifest(dataset: Dataset, manifest: Manifest) -> None:
    """Say what the copies are made from: before the first copy, and again after the last."""
    files.write_json(dataset.augmented_dir / MANIFEST, asdict(manifest))


def finished_copies(folder: Path) -> set[str]:
    """The stems of all copies whose picture and labels are both there; ``set()`` if there is no folder."""
    found: dict[str, set[str]] = {"jpg": set(), "json": set()}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, _, ending = entry.name.rpartition(".")
                # An empty file is what a power cut leaves of one that was not yet on the disk.
                if ending in found and entry.stat().st_size:
                    found[ending].add(stem)
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror or error})") from error
    return found["jpg"] & found["json"]


def read_copies(dataset: Dataset) -> list[Sample]:
    """Every finished copy as a sample, sorted by name; ``parent`` and ``session`` are its photo's.

    ``[]`` if nothing was augmented. Raises :class:`DataError` if an ``augment`` was stopped
    half-way: a model trained on some of the copies would not be what was asked for.
    """
    manifest = read_manifest(dataset)
    if manifest is None:
        return []
    there = finished_copies(copies_dir(dataset))
    left_out = set(manifest.left_out)
    expected = {copy_stem(name, copy) for name in manifest.sources if name not in left_out for copy in manifest.copies}
    if missing := len(expected - there):
        raise DataError(
            f"{dataset.augmented_dir}: {missing} copies are still missing; run `thirtyfold augment {dataset.root}` "
            "again, it goes on where it stopped"
        )
    folder = copies_dir(dataset)
    return [read_sample(folder / f"{stem}.jpg", folder / f"{stem}.json") for stem in sorted(expected)]


def source_hash(sample: Sample) -> str:
    """16 hex digits over what a copy is made of: the photo's size in bytes, its tags and shapes.

    Not its pixels: reading ten thousand photos to learn that nothing changed would take minutes.
    """
    shapes = [
        [shape.label, shape.kind, shape.points, shape.group, shape.score, dict(shape.extra)]
        for shape in sample.annotations or ()
    ]
    size = sample.image_path.stat().st_size
    return hashlib.sha256(json.dumps([size, sample.tags, shapes], sort_keys=True).encode()).hexdigest()[:16]


def is_ours(label_path: Path) -> bool:
    """Whether a label file says that we made it as a copy."""
    try:
        raw: Any = json.loads(label_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    lineage = raw.get("thirtyfold") if isinstance(raw, dict) else None
    return isinstance(lineage, dict) and "parent" in lineage and "copy" in lineage

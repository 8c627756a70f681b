"""The folder of augmented copies: what lies where, and what it was made from.

::

    augmented/
      manifest.json      recipe, seed, factor, and hashes of all that went in
      images/            NAME-00.jpg + NAME-00.json, NAME-01.jpg + ...
      shards/            or, with --store shards: shard-00000.tfrecord, ...
      preview.jpg        some of the copies with their shapes drawn

A copy is there when its label file is there: that is written after the picture. The
label file names its lineage under ``"thirtyfold"``: parent, session, recipe, seed, copy.
The folder is a dataset of its own: ``read_samples(Dataset(dataset.augmented_dir))``.
A shard is there when its file is there. One that lacks the copies of photos that could not be
read has a note beside it (``shard-00000.left-out.json``), and is made anew by the next run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from thirtyfold import files
from thirtyfold.datasets import labelme_json, shards
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.samples import read_sample
from thirtyfold.datasets.shards import ShardPlan
from thirtyfold.datasets.storage import Folder, LocalFolder
from thirtyfold.errors import DataError
from thirtyfold.images import Pixels, rgb_of
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

FORMAT = 1
# A photo's copies; a manifest that says more is not ours, and would have us look for that many.
MOST_COPIES = 10_000
MANIFEST = "manifest.json"
PREVIEW = "preview.jpg"
IMAGES = "images"
SHARDS = "shards"
_SHARD_NAMES = frozenset({"store", "longest_px", "copies_a_shard"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that decides about the bytes of the copies: two equal :attr:`inputs` give equal folders.

    ``sources`` maps each train photo to a hash of its labels and its file's size, ``split``
    is the split's fingerprint, ``versions`` those of the libraries that move the pixels.
    ``left_out`` are photos that turned out to be unreadable, known when the run is ``finished``.
    ``store`` is ``files`` or ``shards``; of shards, ``longest_px`` is the longer side of their pictures
    (0: as the recipe made them) and ``copies_a_shard`` how many of the copies are in one.
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
    store: str = "files"
    longest_px: int = 0
    copies_a_shard: int = 0

    @property
    def shards(self) -> ShardPlan | None:
        """Which copies are in which shard; ``None`` where they are loose files."""
        if self.store != "shards":
            return None
        return ShardPlan(copies=self.count, copies_a_shard=max(1, self.copies_a_shard))

    @property
    def inputs(self) -> Manifest:
        """The manifest as it was before the first copy was made."""
        return replace(self, finished=False, left_out=())

    @property
    def copies(self) -> range:
        """The numbers of one photo's copies."""
        return range(self.factor)

    @property
    def count(self) -> int:
        """The number of copies, of photos left out as well."""
        return len(self.sources) * self.factor

    def stems(self) -> Iterator[str]:
        """The names of all copies, without endings, in the order in which they are made."""
        return (copy_stem(name, copy) for name in self.sources for copy in self.copies)


_NAMES = frozenset(item.name for item in fields(Manifest))


def copies_dir(dataset: Dataset) -> Path:
    """Where the copies and their labels lie, if they are loose files."""
    return dataset.augmented_dir / IMAGES


def copy_stem(photo_name: str, copy: int) -> str:
    """The name of a copy without its ending: unique, as everything before the last dash is the photo's."""
    return f"{Path(photo_name).stem}-{copy:02d}"


def read_manifest(dataset: Dataset) -> Manifest | None:
    """What the copies in ``augmented/`` were made from; ``None`` if there are none, or it can't be told."""
    return read_manifest_of(dataset.augmented_dir)


def read_manifest_of(folder: Path) -> Manifest | None:
    """As :func:`read_manifest`, of any folder."""
    try:
        return parse_manifest((folder / MANIFEST).read_bytes())
    except OSError:
        return None


def parse_manifest(data: bytes) -> Manifest | None:
    """The bytes of a manifest; ``None`` if they are not one of ours."""
    try:
        raw = files.parse_json(data)
    except ValueError:
        return None
    # Manifests from before there were shards lack their three names.
    if not isinstance(raw, dict) or not _NAMES - _SHARD_NAMES <= set(raw) <= _NAMES:
        return None
    sources, left_out = raw["sources"], raw["left_out"]
    if not (isinstance(sources, dict) and isinstance(left_out, list) and all(isinstance(n, str) for n in left_out)):
        return None
    if not all(isinstance(raw.get(name, 0), int) for name in ("factor", "longest_px", "copies_a_shard")):
        return None
    if not 1 <= raw["factor"] <= MOST_COPIES or raw.get("store", "files") not in ("files", "shards"):
        return None
    return Manifest(**{**raw, "left_out": tuple(left_out)})


def write_manifest(folder: Folder, manifest: Manifest) -> None:
    """Say what the copies are made from: before the first copy, and again after the last."""
    folder.write(MANIFEST, [json.dumps(asdict(manifest), indent=2).encode("ascii") + b"\n"])


def finished_copies(folder: Folder) -> set[str]:
    """The stems of all copies in ``augmented/`` whose picture and labels are both there."""
    found: dict[str, set[str]] = {"jpg": set(), "json": set()}
    for name, size in folder.sizes(IMAGES).items():
        stem, _, ending = name.rpartition(".")
        # An empty file is what a power cut leaves of one that was not yet on the disk.
        if ending in found and size:
            found[ending].add(stem)
    return found["jpg"] & found["json"]


def finished_shards(folder: Folder) -> set[str]:
    """The names of all shards in ``augmented/`` that are there and lack nothing."""
    there = folder.sizes(SHARDS)
    return {name for name in there if name.endswith(shards.ENDING) and shards.note_name(name) not in there}


def read_copies(dataset: Dataset) -> list[Sample]:
    """Every finished copy as a sample, sorted by name; ``parent`` and ``session`` are its photo's.

    ``[]`` if nothing was augmented. Raises :class:`DataError` if an ``augment`` was stopped
    half-way: a model trained on some of the copies would not be what was asked for.
    """
    manifest = read_manifest(dataset)
    if manifest is None:
        return []
    left_out = set(manifest.left_out)
    expected = {copy_stem(name, copy) for name in manifest.sources if name not in left_out for copy in manifest.copies}
    if manifest.shards is not None:
        return _in_shards(dataset, manifest.shards, expected)
    _raise_if_missing(dataset, expected - finished_copies(LocalFolder(dataset.augmented_dir)))
    folder = copies_dir(dataset)
    return [read_sample(folder / f"{stem}.jpg", folder / f"{stem}.json") for stem in sorted(expected)]


def _in_shards(dataset: Dataset, plan: ShardPlan, expected: set[str]) -> list[Sample]:
    folder = dataset.augmented_dir / SHARDS
    found = {
        sample.image_path.stem: sample
        for name in plan.names()
        if (folder / name).exists()
        for sample in shards.read_samples(folder / name)
    }
    _raise_if_missing(dataset, expected - set(found))
    return [found[stem] for stem in sorted(expected)]


def _raise_if_missing(dataset: Dataset, missing: set[str]) -> None:
    if missing:
        raise DataError(
            f"{dataset.augmented_dir}: {len(missing)} copies are still missing; run `thirtyfold augment "
            f"{dataset.root}` again, it goes on where it stopped"
        )


def show_copies(
    folder: Folder, manifest: Manifest, chosen: Sequence[tuple[str, int]]
) -> Iterator[tuple[Pixels, LabelFile]]:
    """The pixels, RGB uint8 (height, width, 3), and labels of some copies in ``augmented/``, of either store.

    ``chosen`` are photos' names with the numbers of their copies. Those that aren't there are left out. Raises
    :class:`FileDataError` if one is damaged.
    """
    plan = manifest.shards
    if plan is None:
        for stem in (copy_stem(*copy) for copy in chosen):
            picture, labels = (folder.read(f"{IMAGES}/{stem}.{ending}") for ending in ("jpg", "json"))
            if picture is not None and labels is not None:
                path = Path(IMAGES) / stem
                yield rgb_of(picture, path.with_suffix(".jpg")), labelme_json.parse(labels, path.with_suffix(".json"))
        return
    names = {name for name, _ in chosen}
    places = {name: number for number, name in enumerate(manifest.sources) if name in names}
    by_shard: dict[int, set[str]] = {}
    for name, copy in chosen:
        number = (places[name] * manifest.factor + copy) // plan.copies_a_shard
        by_shard.setdefault(number, set()).add(copy_stem(name, copy))
    sizes = folder.sizes(SHARDS)
    for number, wanted in sorted(by_shard.items()):
        name = plan.name(number)
        if name not in sizes:
            continue
        with folder.open(f"{SHARDS}/{name}") as stream:
            for stored in shards.read_copies(stream, sizes[name], Path(SHARDS) / name):
                if (stem := Path(stored.label_file.image_name).stem) in wanted:
                    yield rgb_of(stored.jpeg, Path(SHARDS) / name), stored.label_file
                    wanted.remove(stem)
                if not wanted:
                    break


def source_hash(sample: Sample, size_bytes: int | None = None) -> str:
    """16 hex digits over what a copy is made of: the photo's size in bytes, its tags and shapes.

    ``size_bytes`` is the photo's where it doesn't lie on this machine.
    Not its pixels: reading ten thousand photos to learn that nothing changed would take minutes.
    """
    shapes = [
        [shape.label, shape.kind, shape.points, shape.group, shape.score, dict(shape.extra)]
        for shape in sample.annotations or ()
    ]
    size = sample.image_path.stat().st_size if size_bytes is None else size_bytes
    return hashlib.sha256(json.dumps([size, sample.tags, shapes], sort_keys=True).encode()).hexdigest()[:16]


def is_ours(label_path: Path) -> bool:
    """Whether a label file says that we made it as a copy."""
    try:
        raw = files.parse_json(label_path.read_bytes())
    except (OSError, ValueError):
        return False
    lineage = raw.get("thirtyfold") if isinstance(raw, dict) else None
    return isinstance(lineage, dict) and "parent" in lineage and "copy" in lineage

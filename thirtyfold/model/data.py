"""What a training learns from: the split's parts, the copies, and every reason to refuse them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from thirtyfold.datasets.augmented import read_copies, read_manifest, source_hash
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import Split, check_split, read_split
from thirtyfold.datasets.split_plan import split_or_make_one
from thirtyfold.errors import DataError, SplitError
from thirtyfold.model.labelling.base import Labelling, load_labelling
from thirtyfold.model.options import WITH_NEGATIVES, TrainOptions
from thirtyfold.model.subset import take_share
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample, box_area
from thirtyfold.workspace import Dataset

if TYPE_CHECKING:
    from thirtyfold.model.online import CopyMaker


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """``train`` holds the originals of the train part and their copies; ``val`` and ``test`` originals only.

    ``many``: several objects a photo are to be found, as the labels or ``--boxes`` say. ``fingerprint`` is the
    SHA-256 of the photos and labels that all of it goes back to. ``maker`` makes copies of ``train`` while it is
    learned from, which then has none.
    """

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    test: tuple[Sample, ...]
    classes: tuple[str, ...]
    many: bool
    copies: int
    fingerprint: str
    split_how: str
    leak_free: bool
    maker: CopyMaker | None = None


def gather(dataset: Dataset, options: TrainOptions, progress: Progress, *, may_split: bool = False) -> TrainingData:
    """Read a dataset for training. Raises :class:`DataError`, :class:`SplitError`.

    ``may_split``: where nobody has divided the photos yet, that is done now.
    """
    labelling = load_labelling(options.task)
    photos = read_samples(dataset)
    if not photos:
        raise DataError(f"{dataset.root}: holds no photos; take some with `thirtyfold capture {dataset.root}`")
    # What copies were made of: a table of attributes does not change them.
    as_read = {photo.image_path.name: photo for photo in photos}
    photos = labelling.labelled(_without_machine_made(photos, dataset, progress), options, dataset)
    photos = _settle_unlabelled(photos, labelling, options, dataset)
    split = split_or_make_one(dataset, options.attribute_options, progress) if may_split else read_split(dataset)
    for note in check_split(split, list(as_read.values())):
        progress.say(note)
    parts: dict[str, list[Sample]] = {"train": [], "val": [], "test": []}
    for photo in photos:
        name = photo.image_path.name
        part = split.part(name)
        parts[part].append(replace(photo, split=part, session=split.groups[name]))
    online = options.augment == "online"
    learned = [as_read[photo.image_path.name] for photo in parts["train"]]
    copies = [] if online else labelling.labelled(_read_copies(dataset, split, learned, progress), options, dataset)
    if not copies and not online:
        progress.say(
            f"{dataset.root}: not augmented yet; training on the photos alone (`thirtyfold augment` adds copies)"
        )
    if not parts["train"]:
        raise SplitError(f"{dataset.split_path}: puts no labelled photo into the train part; split again")
    train = [*parts["train"], *copies]
    held_out = [*parts["val"], *parts["test"]]
    classes = labelling.classes(train, held_out, options, dataset)
    labelling.check(train, held_out, options, dataset, progress)
    many = options.boxes == "many" if options.boxes != "auto" else _several(train)
    if options.share < 1:
        subset = take_share(train, options.share, options.seed)
        progress.say(f"learning from {subset.photos} photos of {subset.sessions} sessions: {options.share:.0%}")
        train = list(subset.samples)
    return TrainingData(
        train=tuple(train),
        val=tuple(parts["val"]),
        test=tuple(parts["test"]),
        classes=classes,
        many=many,
        copies=sum(sample.parent is not None for sample in train),
        fingerprint=fingerprint(dataset, photos),
        split_how=split.how,
        leak_free=split.leak_free,
    )


def fingerprint(dataset: Dataset, photos: Sequence[Sample]) -> str:
    """SHA-256 over names, photos and label files, in the order of the names."""
    digest = hashlib.sha256()
    for photo in sorted(photos, key=lambda photo: photo.image_path.name):
        digest.update(photo.image_path.name.encode("utf-8", "surrogateescape"))
        if photo.tags or photo.values:
            # They may stand in a table, and not in the label file.
            digest.update(repr((photo.tags, sorted(photo.values.items()))).encode("utf-8"))
        for path in (photo.image_path, dataset.label_path(photo.image_path)):
            content = hashlib.sha256(path.read_bytes()).digest() if path.exists() else b""
            digest.update(content)
    return digest.hexdigest()


def _without_machine_made(photos: list[Sample], dataset: Dataset, progress: Progress) -> list[Sample]:
    """The photos whose labels come from people; a model that learns from its own boxes keeps its mistakes."""
    rest = [photo for photo in photos if not photo.machine_made]
    count = len(photos) - len(rest)
    if not count:
        return photos
    what = f"{count} {'photo has' if count == 1 else 'photos have'} boxes that a model drew and nobody has looked at"
    look = f"`thirtyfold annotate {dataset.root}`"
    if all(photo.annotations is None for photo in rest):
        raise DataError(f"{dataset.root}: {what}, and no other photo has labels; look at them with {look}")
    are, them = ("it is", "it") if count == 1 else ("they are", "them")
    progress.say(f"{what}; {are} left out. Look at {them} with {look}")
    return rest


def _settle_unlabelled(
    photos: list[Sample], labelling: Labelling, options: TrainOptions, dataset: Dataset
) -> list[Sample]:
    unlabelled = [photo for photo in photos if not labelling.is_labelled(photo)]
    if len(unlabelled) == len(photos):
        raise DataError(f"{dataset.root}: no photo has labels yet; {labelling.how_to_label(dataset)}")
    if not unlabelled or options.unlabelled == "skip":
        return [photo for photo in photos if labelling.is_labelled(photo)]
    if options.unlabelled == "negative":
        return [photo if photo.annotations is not None else replace(photo, annotations=()) for photo in photos]
    first = unlabelled[0].image_path.name
    raise DataError(
        f"{dataset.root}: {len(unlabelled)} of {len(photos)} photos have no labels, first {first}; "
        f"{labelling.how_to_label(dataset)}, or say what they are with --unlabelled skip"
        + (" or --unlabelled negative" if options.task in WITH_NEGATIVES else "")
    )


def _read_copies(dataset: Dataset, split: Split, train: Sequence[Sample], progress: Progress) -> list[Sample]:
    """The copies of ``train``, checked: of the train part only, and of the labels as they are now."""
    copies = read_copies(dataset)
    for copy in copies:
        if split.parts.get(copy.parent or "") != "train":
            raise SplitError(
                f"{copy.image_path}: is a copy of {copy.parent}, which the split keeps out of the train part; "
                f"run `thirtyfold augment {dataset.root}` again"
            )
    manifest = read_manifest(dataset)
    if manifest is None:
        return []
    hashes = {photo.image_path.name: source_hash(photo) for photo in train}
    again = f"run `thirtyfold augment {dataset.root}` again"
    changed = [name for name, made_of in manifest.sources.items() if hashes.get(name, made_of) != made_of]
    if changed:
        raise DataError(
            f"{dataset.augmented_dir}: {len(changed)} photos or their labels have changed since the copies were made, "
            f"first {changed[0]}; {again}"
        )
    if fresh := [name for name in hashes if name not in manifest.sources]:
        progress.say(f"note: {len(fresh)} train photos have no copies yet, first {fresh[0]}; {again}")
    return [replace(copy, split="train") for copy in copies if copy.parent in hashes]


def _several(train: Sequence[Sample]) -> bool:
    """Whether a photo has several objects. A point or a line has no box to be found in, and is none."""
    return any(sum(box_area(shape.box_xyxy) > 0 for shape in sample.annotations or ()) > 1 for sample in train)

"""The photos that ``augment`` multiplies: the labelled ones of the train part, here or on other storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thirtyfold.datasets import augmented, labelme_json
from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.datasets.attributes import read_attributes
from thirtyfold.datasets.samples import labelled_sample, read_sample
from thirtyfold.datasets.split import Split, parse_split
from thirtyfold.datasets.split_plan import split_or_make_one
from thirtyfold.datasets.storage import Folder, LocalFolder, RemoteFolder
from thirtyfold.errors import DataError, FileDataError, ImageError, SplitError
from thirtyfold.images import is_image, size_of
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Train photos in ``folder`` with their labels, sorted by name, and the folder ``out`` that their copies go to.

    ``root`` is the dataset's path or URL. ``hashes`` says what each photo's copies are made of. ``problems`` are
    photos left out as they or their labels can't be read, ``unlabelled`` counts those that no person has labelled.
    """

    root: str
    folder: Folder
    out: Folder
    split: Split
    samples: tuple[Sample, ...]
    hashes: Mapping[str, str]
    unlabelled: int
    problems: tuple[FileDataError, ...]


def local_source(dataset: Dataset, progress: Progress, attributes: AttributeOptions | None = None) -> Source:
    """A dataset of this machine; splits it if nobody has. Raises :class:`SplitError` if the split is out of date."""
    split = split_or_make_one(dataset, attributes or AttributeOptions(), progress)
    known = read_attributes(dataset, attributes)
    samples: list[Sample] = []
    problems: list[FileDataError] = []
    first_of_stem: dict[str, str] = {}
    for path in dataset.image_paths():
        same_label = first_of_stem.setdefault(path.stem, path.name)
        if split.part(path.name) != "train":
            continue
        try:
            _refuse_shared_label(path, same_label)
            samples.append(read_sample(path, dataset.label_path(path)))
        except FileDataError as error:
            problems.append(error)
    labelled = [sample for sample in samples if is_labelled(sample) or known.of(sample.image_path.name)]
    return Source(
        root=str(dataset.root),
        folder=LocalFolder(dataset.images_dir),
        out=LocalFolder(dataset.augmented_dir),
        split=split,
        samples=tuple(labelled),
        hashes={sample.image_path.name: augmented.source_hash(sample) for sample in labelled},
        unlabelled=len(samples) - len(labelled),
        problems=tuple(problems),
    )


def remote_source(url: str) -> Source:
    """A dataset at a URL: ``images/`` with labels beside the photos or in ``labels/``, and ``split.json``.

    Labels are read, photos are not, save for the size of those whose label file does not say it.
    Raises :class:`SplitError` if there is no split: making one needs all pixels, so it is made where they lie.
    """
    root = RemoteFolder(url.rstrip("/"))
    subfolder, listed = "images/", root.sizes("images")
    if not any(is_image(Path(name)) for name in listed):
        subfolder, listed = "", root.sizes()
    photos = sorted(name for name in listed if is_image(Path(name)))
    if not photos:
        raise DataError(f"{root}: no photos there; {root}/images/*.jpg with labelme files beside them were expected")
    split = _remote_split(root, photos)
    train: list[str] = []
    problems: list[FileDataError] = []
    first_of_stem: dict[str, str] = {}
    for name in photos:
        try:
            same_label = first_of_stem.setdefault(Path(name).stem, name)
            if split.part(name) == "train":
                _refuse_shared_label(Path(name), same_label)
                train.append(name)
        except ImageError as error:
            problems.append(error)
    folder = RemoteFolder(f"{root}/{subfolder}".rstrip("/"))
    apart = root.sizes("labels")
    labels = [_label_name(Path(name), subfolder, listed, apart) for name in train]
    samples, hashes, unlabelled = [], {}, 0
    for name, label_name, data in zip(train, labels, root.read_all(labels), strict=True):
        try:
            sample = _remote_sample(folder, name, data, Path(label_name)) if data is not None else None
        except FileDataError as error:
            problems.append(error)
            continue
        if sample is None or not is_labelled(sample):
            unlabelled += 1
            continue
        samples.append(sample)
        hashes[name] = augmented.source_hash(sample, listed[name])
    return Source(
        root=str(root),
        folder=folder,
        out=RemoteFolder(f"{root}/augmented"),
        split=split,
        samples=tuple(samples),
        hashes=hashes,
        unlabelled=unlabelled,
        problems=tuple(problems),
    )


def is_labelled(sample: Sample) -> bool:
    """Whether a person has said of the photo what is on it: by shapes, by having looked for them, or by a class."""
    return (sample.annotations is not None or bool(sample.tags)) and not sample.machine_made


def _refuse_shared_label(path: Path, same_label: str) -> None:
    if same_label != path.name:
        raise ImageError(path, f"shares the label file of {same_label}; rename one of the two")


def _remote_split(root: RemoteFolder, photos: list[str]) -> Split:
    again = "make one with `thirtyfold split` where the photos are files, and put it there"
    data = root.read("split.json")
    if data is None:
        raise SplitError(f"{root}/split.json: there is no split yet; {again}")
    return parse_split(data, f"{root}/split.json", again, photos)


def _label_name(photo: Path, subfolder: str, beside: Mapping[str, int], apart: Mapping[str, int]) -> str:
    name = f"{photo.stem}.json"
    return f"labels/{name}" if name not in beside and name in apart else f"{subfolder}{name}"


def _remote_sample(folder: Folder, name: str, label_data: bytes, label_path: Path) -> Sample:
    label_file = labelme_json.parse(label_data, label_path)
    if label_file.width and label_file.height:
        size_wh = (label_file.width, label_file.height)
    else:
        size_wh = size_of(folder.read(name) or b"", Path(name))
    return labelled_sample(Path(name), size_wh, label_file, label_path)

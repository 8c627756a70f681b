"""One photo's copies on a sheet, to look at before the run: nothing else is written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thirtyfold.augment.donors import NO_DONORS, Donor, can_donate, choose_donors
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.preview import write_try_out
from thirtyfold.augment.recipes import Recipe, find_recipe
from thirtyfold.augment.sources import is_labelled
from thirtyfold.augment.transform import augment, copy_seed
from thirtyfold.datasets.samples import read_sample
from thirtyfold.datasets.split import read_split
from thirtyfold.datasets.storage import LocalFolder
from thirtyfold.errors import DataError, FileDataError, UsageError
from thirtyfold.images import read_rgb
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import PREVIEW_SHEET, Dataset

COPIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TryOut:
    """A sheet of ``copies`` of one photo; ``shapes`` are in the photo, ``negatives`` copies show none of them."""

    sheet: Path
    photo: Path
    recipe: str
    copies: int
    shapes: int
    negatives: int

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "sheet": str(self.sheet), "photo": str(self.photo)}

    def facts(self) -> dict[str, str]:
        return {
            "photo": f"{self.photo.name}, {self.shapes} shape{'' if self.shapes == 1 else 's'}",
            "recipe": self.recipe,
            "copies": f"{self.copies}, {self.negatives} of them without any shape",
            "look at": str(self.sheet),
        }


def try_out(
    dataset: Dataset, options: AugmentOptions, *, photo: str | None = None, progress: Progress = SILENT
) -> TryOut:
    """Draw the first copies that ``augment`` would make of one photo, after the photo itself, onto a sheet.

    ``photo`` is a name or path in the dataset; left out, it is the first train photo with a
    shape. Raises :class:`UsageError` for an unknown recipe or photo, :class:`DataError` if
    there is no photo to take.
    """
    recipe = find_recipe(options.recipe)
    sample = _named(dataset, photo) if photo else _first(dataset)
    annotations = sample.annotations or ()
    if not annotations:
        progress.say(f"{sample.image_path.name} has no shapes; the sheet shows only what happens to its pixels")
    pixels, name = read_rgb(sample.image_path), sample.image_path.name
    donors = _donors(dataset, recipe, name, options, progress)
    copies = [
        augment(pixels, annotations, recipe, copy_seed(options.seed, name, copy), options.min_visible, donors)
        for copy in range(COPIES)
    ]
    sheet = _sheet_path(dataset)
    write_try_out(sheet, (pixels, annotations), copies)
    return TryOut(
        sheet=sheet,
        photo=sample.image_path,
        recipe=recipe.name,
        copies=len(copies),
        shapes=len(annotations),
        negatives=sum(not moved for _, moved in copies),
    )


def _donors(
    dataset: Dataset, recipe: Recipe, name: str, options: AugmentOptions, progress: Progress
) -> tuple[Donor, ...]:
    """The photo's donors in the run that is tried out."""
    if not recipe.pastes:
        return ()
    samples = _train_samples(dataset)
    if not can_donate(samples):
        progress.say(f"Nothing can be pasted as recipe {recipe.name} has it: {NO_DONORS}")
    return choose_donors(recipe, LocalFolder(dataset.images_dir), samples, options.seed)(name)


def _train_samples(dataset: Dataset) -> list[Sample]:
    """The train photos that the run would take (any part's if nobody has split yet)."""
    split = read_split(dataset) if dataset.split_path.exists() else None
    samples = []
    for path in dataset.image_paths():
        with suppress(FileDataError):
            if split is None or split.part(path.name) == "train":
                samples.append(read_sample(path, dataset.label_path(path)))
    return [sample for sample in samples if is_labelled(sample)]


def _sheet_path(dataset: Dataset) -> Path:
    if dataset.images_dir == dataset.root:
        # Beside photos it would be taken for one of them.
        return dataset.root / Path(PREVIEW_SHEET).stem / PREVIEW_SHEET
    return dataset.root / PREVIEW_SHEET


def _named(dataset: Dataset, photo: str) -> Sample:
    wanted = Path(photo)
    for path in dataset.image_paths():
        if photo in (path.name, path.stem) or _is_same_file(path, wanted):
            return read_sample(path, dataset.label_path(path))
    raise UsageError(f"--photo {photo}: no photo of that name in {dataset.images_dir}")


def _is_same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # there is no other
        return False


def _first(dataset: Dataset) -> Sample:
    """The first train photo with a shape, else the first that can be read; any part's if nobody has split yet."""
    paths: Sequence[Path] = dataset.image_paths()
    if dataset.split_path.exists():
        split = read_split(dataset)
        paths = [path for path in paths if split.part(path.name) == "train"]
    spare: Sample | None = None
    for path in paths:
        try:
            sample = read_sample(path, dataset.label_path(path))
        except FileDataError:
            continue  # `check` and the run itself name it
        if sample.annotations and not sample.machine_made:
            return sample
        spare = spare or sample
    if spare is None:
        raise DataError(f"{dataset.root}: no train photo to try the recipe on; `thirtyfold check` says what is wrong")
    return spare

"""The labelled objects of a dataset cut out into a folder for each class: photos that a classifier can learn from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from thirtyfold.datasets.formats.label_set import is_void
from thirtyfold.datasets.formats.table import FORMATS, detect, locate
from thirtyfold.errors import FileDataError, NothingToDo, UsageError
from thirtyfold.images import read_rgb
from thirtyfold.predict.crops import Crop, CropFolder, CropOptions
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCrops:
    """What was ``written``; ``left_out`` objects lay outside of their photo or were too small to show anything."""

    folder: Path
    written: tuple[Crop, ...]
    left_out: int
    problems: tuple[FileDataError, ...]

    def counts(self) -> dict[str, int]:
        """How many of each label."""
        return dict(sorted(Counter(one.annotation.label for one in self.written).items()))


def crop_labels(source: Path, options: CropOptions, *, progress: Progress = SILENT) -> LabelCrops:
    """Cut the labelled objects out of the photos of a dataset, in any format that ``convert`` reads.

    They lie in ``[PART/]CLASS/``, by the parts of the dataset's split if it has one, so that no photo's objects are
    learned from and tested on. Raises :class:`UsageError` for a source that is no dataset, and :class:`NothingToDo`
    where nothing is labelled.
    """
    located = locate(source)
    if options.folder.resolve().is_relative_to(located.root.resolve()):
        raise UsageError(f"--crops {options.folder}: lies in the dataset, which stays as it is; choose another folder")
    kind, why = detect(located)
    progress.say(f"{source} is {kind}: {why}")
    label_set = FORMATS[kind].reader.read(located)
    samples = [entry.sample for entry in label_set.entries if entry.embedded_in is None]
    shapes = sum(len(_wanted(sample)) for sample in samples)
    if not shapes:
        raise NothingToDo(f"{source}: nothing is labelled there, so there is nothing to cut out")
    folder = CropFolder(replace(options, by_class=True))
    problems = list(label_set.problems)
    with progress.bar("cutting out", total=len(samples), unit="photo") as bar:
        for sample in samples:
            if wanted := _wanted(sample):
                try:
                    pixels = read_rgb(sample.image_path)
                except FileDataError as error:
                    problems.append(error)
                else:
                    folder.add(sample.image_path, Path(sample.image_path.name), pixels, wanted, part=sample.split)
            bar.advance()
    folder.begin_index()
    if not any(sample.split for sample in samples):
        progress.say(
            "the dataset has no split, so neither have the cut-outs: before a training keep those of one photo "
            r"together, with `thirtyfold split DATASET --group-by '^(.+)_\d+\.'`"
        )
    return LabelCrops(
        folder=options.folder,
        written=tuple(folder.written),
        left_out=folder.left_out,
        problems=tuple(problems),
    )


def _wanted(sample: Sample) -> list[Annotation]:
    return [shape for shape in sample.annotations or () if not is_void(shape) and not sample.machine_made]

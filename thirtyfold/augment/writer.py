"""A dataset's train photos, multiplied into ``augmented/``.

Every copy is a function of its photo, its number, the recipe and the seed, so the
folder is the same whoever makes it, in whatever order and however often it was stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from thirtyfold import __version__
from thirtyfold.augment.engines import COPIES_A_PROCESS, run_jobs, warm_up
from thirtyfold.augment.folder import make_room
from thirtyfold.augment.jobs import Job
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.preview import write_sheet
from thirtyfold.augment.recipes import Recipe, find_recipe
from thirtyfold.augment.shapes import can_move
from thirtyfold.datasets import augmented
from thirtyfold.datasets.augmented import Manifest
from thirtyfold.datasets.samples import read_sample
from thirtyfold.datasets.split import Split, read_split, write_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import plan_split
from thirtyfold.errors import DataError, FileDataError, ImageError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

# A job is short enough that Ctrl-C is answered at once and long enough that decoding the photo hardly counts.
COPIES_A_JOB = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentResult:
    """``photos`` were multiplied, ``copies`` lie there now, ``made`` of them by this run.

    ``negatives``, ``shapes`` and ``lost`` (shapes that left the picture) count this run's
    copies; ``not_moved`` counts shapes by kind that can't be carried along, ``unlabelled``
    the train photos skipped for having no label, or none that a person has seen. ``problems``
    are photos left out, as sentences.
    """

    folder: Path
    photos: int
    copies: int
    made: int
    negatives: int
    shapes: int
    lost: int
    unlabelled: int
    seconds: float
    not_moved: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def images_per_second(self) -> float:
        return self.made / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "folder": str(self.folder),
            "problems": list(self.problems),
            "images_per_second": round(self.images_per_second, 1),
            "seconds": round(self.seconds, 3),
        }

    def facts(self) -> dict[str, str]:
        facts = {
            "photos": f"{self.photos:,}",
            "copies": f"{self.copies:,} in {self.folder}",
        }
        if self.made:
            facts["made now"] = f"{self.made:,} in {self.seconds:.1f} s ({self.images_per_second:,.0f} a second)"
            facts["without any shape"] = f"{self.negatives:,}"
            facts["shapes"] = f"{self.shapes:,}, and {self.lost:,} left the picture"
        if self.unlabelled:
            facts["skipped, no label seen by a person"] = f"{self.unlabelled:,}"
        if self.not_moved:
            facts["can't be moved yet"] = ", ".join(f"{count} x {kind}" for kind, count in self.not_moved.items())
        facts["look at"] = str(self.folder / augmented.PREVIEW)
        return facts


def augment_dataset(dataset: Dataset, options: AugmentOptions, *, progress: Progress = SILENT) -> AugmentResult:
    """Multiply the train photos of a dataset by ``options.factor``; makes only the copies that are missing.

    Splits first if there is no ``split.json``. Copies made from other labels, another
    split, recipe, seed or factor are replaced. Raises :class:`DataError` where there is
    nothing to multiply or the disk is full, :class:`SplitError` if the split is out of
    date, :class:`UsageError` for an unknown recipe or a folder that can't be written.
    """
    recipe = find_recipe(options.recipe)
    photos = len(dataset.image_paths())  # says that there is no such dataset before the lock makes its folder
    with dataset.lock("augment"):
        if options.processes > 1 and not _is_finished(dataset) and photos * options.factor >= 2 * COPIES_A_PROCESS:
            warm_up()
        split = _split_of(dataset, progress)
        problems: list[FileDataError] = []
        samples, unlabelled = _train_samples(dataset, split, problems)
        _explain(dataset, samples, unlabelled, problems, progress)
        manifest = _manifest(samples, split, recipe, options)
        make_room(dataset, manifest, progress)
        started = time.perf_counter()
        there = augmented.finished_copies(augmented.copies_dir(dataset))
        missing = sum(stem not in there for stem in manifest.stems())
        jobs = _jobs(dataset, samples, split, recipe, options, there)
        processes = min(options.processes, max(1, missing // COPIES_A_PROCESS))
        made = _make_missing(jobs, processes, manifest, missing, problems, progress)
        left_out = tuple(sorted(error.path.name for error in problems if error.path.name in manifest.sources))
        _finish(dataset, replace(manifest, finished=True, left_out=left_out))
    return AugmentResult(
        folder=dataset.augmented_dir,
        photos=len(samples) - len(left_out),
        copies=len(manifest.stems()) - missing + made["copies"],
        made=made["copies"],
        negatives=made["negatives"],
        shapes=made["shapes"],
        lost=made["lost"],
        unlabelled=unlabelled,
        seconds=time.perf_counter() - started,
        not_moved=_not_moved(samples),
        problems=tuple(str(error) for error in problems),
    )


def _is_finished(dataset: Dataset) -> bool:
    """Whether an earlier run ended well; it may have been one with other options."""
    manifest = augmented.read_manifest(dataset)
    return manifest is not None and manifest.finished


def _make_missing(
    jobs: Iterator[Job],
    processes: int,
    manifest: Manifest,
    missing: int,
    problems: list[FileDataError],
    progress: Progress,
) -> Counter[str]:
    """Do the jobs and count what was made. Photos that can't be read are added to ``problems``."""
    made: Counter[str] = Counter()
    wanted = len(manifest.stems())
    if not missing:
        progress.say(f"All {wanted:,} copies are there")
        return made
    if missing < wanted:
        progress.say(f"{wanted - missing:,} of {wanted:,} copies are there already; making the rest")
    try:
        with progress.bar("Augmenting", total=missing, unit=" images") as bar:
            for done in run_jobs(jobs, processes):
                bar.advance(done.copies)
                made.update(copies=done.copies, negatives=done.negatives, shapes=done.shapes, lost=done.lost)
                if done.problem is not None and done.problem.path not in {other.path for other in problems}:
                    problems.append(done.problem)
                    progress.say(f"Left out: {done.problem}")
    except KeyboardInterrupt:
        there = wanted - missing + made["copies"]
        progress.say(f"{there:,} of {wanted:,} copies are there; the same command makes the rest")
        raise
    return made


def _finish(dataset: Dataset, manifest: Manifest) -> None:
    """Draw the sheet and say in the manifest that all is done, unless an earlier run has."""
    if augmented.read_manifest(dataset) == manifest:
        return
    folder, left_out = augmented.copies_dir(dataset), set(manifest.left_out)
    pictures = [
        folder / f"{augmented.copy_stem(name, copy)}.jpg"
        for name in manifest.sources
        if name not in left_out
        for copy in manifest.copies
    ]
    write_sheet(dataset.augmented_dir / augmented.PREVIEW, pictures)
    augmented.write_manifest(dataset, manifest)


def _split_of(dataset: Dataset, progress: Progress) -> Split:
    if dataset.split_path.exists():
        return read_split(dataset)
    split = plan_split(dataset, SplitOptions(), progress=progress)
    write_split(dataset, split)
    counts = ", ".join(f"{count} {part}" for part, count, *_ in split.rows())
    progress.say(f"There was no split yet, so one was made by {split.how}: {counts}. {split.note}".rstrip())
    return split


def _train_samples(dataset: Dataset, split: Split, problems: list[FileDataError]) -> tuple[list[Sample], int]:
    """The labelled photos of the train part, sorted by name, and how many have no label yet."""
    samples: list[Sample] = []
    unlabelled = 0
    first_of_stem: dict[str, str] = {}
    for path in dataset.image_paths():
        same_label = first_of_stem.setdefault(path.stem, path.name)
        if split.part(path.name) != "train":
            continue
        try:
            if same_label != path.name:
                raise ImageError(path, f"shares the label file of {same_label}; rename one of the two")
            sample = read_sample(path, dataset.label_path(path))
        except FileDataError as error:
            problems.append(error)
            continue
        if sample.annotations is None or sample.machine_made:
            unlabelled += 1
        else:
            samples.append(sample)
    return samples, unlabelled


def _explain(
    dataset: Dataset,
    samples: Sequence[Sample],
    unlabelled: int,
    problems: Sequence[FileDataError],
    progress: Progress,
) -> None:
    """Say what is left out before the work begins. Raises :class:`DataError` if nothing is left."""
    for error in problems:
        progress.say(f"Left out: {error}")
    if not samples:
        raise DataError(
            f"{dataset.root}: no labelled photo in the train part ({unlabelled} without a label that a person has "
            f"seen, {len(problems)} unreadable); draw some boxes with `thirtyfold annotate {dataset.root}`"
        )
    if unlabelled:
        progress.say(
            f"{unlabelled} of the train photos have no label that a person has seen and are left out; "
            f"`thirtyfold annotate {dataset.root}` opens them"
        )
    if not_moved := _not_moved(samples):
        kinds = ", ".join(f"{count} of kind {kind}" for kind, count in not_moved.items())
        progress.say(f"Shapes that can't be moved yet are missing from the copies: {kinds}")


def _not_moved(samples: Sequence[Sample]) -> dict[str, int]:
    kinds = Counter(
        annotation.kind for sample in samples for annotation in sample.annotations or () if not can_move(annotation)
    )
    return dict(sorted(kinds.items()))


def _manifest(samples: Sequence[Sample], split: Split, recipe: Recipe, options: AugmentOptions) -> Manifest:
    return Manifest(
        recipe=recipe.name,
        recipe_fingerprint=recipe.fingerprint,
        seed=options.seed,
        factor=options.factor,
        min_visible=options.min_visible,
        split=split.fingerprint,
        sources={sample.image_path.name: augmented.source_hash(sample) for sample in samples},
        # Ours as well: a copy's geometry is this program's own.
        versions={name: version(name) for name in ("albumentations", "numpy")}
        | {"opencv": _opencv_version(), "thirtyfold": __version__},
    )


def _opencv_version() -> str:
    import cv2  # the distribution's name differs between its two builds

    return str(cv2.__version__)


def _jobs(
    dataset: Dataset, samples: Sequence[Sample], split: Split, recipe: Recipe, options: AugmentOptions, there: set[str]
) -> Iterator[Job]:
    for sample in samples:
        name = sample.image_path.name
        copies = [copy for copy in range(options.factor) if augmented.copy_stem(name, copy) not in there]
        for start in range(0, len(copies), COPIES_A_JOB):
            yield Job(
                image_path=sample.image_path,
                annotations=sample.annotations or (),
                tags=sample.tags,
                session=split.groups[name],
                recipe=recipe,
                seed=options.seed,
                copies=tuple(copies[start : start + COPIES_A_JOB]),
                min_visible=options.min_visible,
                folder=augmented.copies_dir(dataset),
            )

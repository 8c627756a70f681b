"""A dataset's train photos, multiplied into ``augmented/``.

Every copy is a function of its photo, its number, the recipe and the seed, and every shard holds the
same copies, so the folder is the same whoever makes it, in whatever order and however often it was stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from thirtyfold.augment.donors import NO_DONORS, can_donate
from thirtyfold.augment.engines import COPIES_A_PROCESS, run_jobs, warm_up
from thirtyfold.augment.folder import make_remote_room, make_room, remove_torn
from thirtyfold.augment.jobs import Job, Made
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.plan import manifest_of, missing_jobs
from thirtyfold.augment.preview import draw_sheet, spread_evenly
from thirtyfold.augment.recipes import Recipe, find_recipe
from thirtyfold.augment.shapes import can_move
from thirtyfold.augment.sources import Source, local_source, remote_source
from thirtyfold.datasets import augmented
from thirtyfold.datasets.augmented import Manifest
from thirtyfold.datasets.storage import is_url
from thirtyfold.errors import DataError, FileDataError
from thirtyfold.images import encode_jpeg
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentResult:
    """``photos`` were multiplied, ``copies`` lie there now, ``made`` of them by this run.

    ``negatives`` (verified empty), ``shapes`` and ``lost`` (shapes that left the picture) count this run's
    copies; ``not_moved`` counts shapes by kind that can't be carried along, ``unlabelled``
    the train photos skipped for having no label, or none that a person has seen. ``problems``
    are photos left out, as sentences.
    """

    folder: str
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
            if self.negatives or self.shapes or self.lost:  # photos with classes of their own need have no shapes
                facts["without any shape"] = f"{self.negatives:,}"
                facts["shapes"] = f"{self.shapes:,}, and {self.lost:,} left the picture"
        if self.unlabelled:
            facts["skipped, no label seen by a person"] = f"{self.unlabelled:,}"
        if self.not_moved:
            facts["can't be moved yet"] = ", ".join(f"{count} x {kind}" for kind, count in self.not_moved.items())
        facts["look at"] = f"{self.folder}/{augmented.PREVIEW}"
        return facts


def augment_dataset(dataset: Dataset, options: AugmentOptions, *, progress: Progress = SILENT) -> AugmentResult:
    """Multiply the train photos of a dataset by ``options.factor``; makes only the copies that are missing.

    Splits first if there is no ``split.json``. Copies made from other labels, another
    split, recipe, seed, factor or store are replaced. Raises :class:`DataError` where there is
    nothing to multiply or the disk is full, :class:`SplitError` if the split is out of
    date, :class:`UsageError` for an unknown recipe or a folder that can't be written.
    """
    recipe = find_recipe(options.recipe)
    if options.engine == "dask":
        dataset = Dataset(dataset.root.absolute())  # workers stand in folders of their own
    photos = len(dataset.image_paths())  # says that there is no such dataset before the lock makes its folder
    with dataset.lock("augment", progress=progress):
        own_processes = options.engine == "processes" and options.processes > 1
        if own_processes and not _is_finished(dataset) and photos * options.factor >= 2 * COPIES_A_PROCESS:
            warm_up()
        source = local_source(dataset, progress, options.attributes)
        _explain(source, recipe, progress)
        manifest = manifest_of(source, recipe, options)
        make_room(dataset, manifest, progress)
        return _multiply(source, manifest, recipe, options, progress)


def augment_url(url: str, options: AugmentOptions, *, progress: Progress = SILENT) -> AugmentResult:
    """As :func:`augment_dataset`, of a dataset that fsspec reaches (``s3://bucket/faces``); its copies go there too.

    There has to be a ``split.json``, and copies made from something else are not replaced but refused. Nothing
    keeps a second run away: it would write the same bytes. Raises :class:`NotInstalledError` as well.
    """
    recipe = find_recipe(options.recipe)
    source = remote_source(url)
    _explain(source, recipe, progress)
    manifest = manifest_of(source, recipe, options)
    make_remote_room(source.out, manifest)
    return _multiply(source, manifest, recipe, options, progress)


def _multiply(
    source: Source, manifest: Manifest, recipe: Recipe, options: AugmentOptions, progress: Progress
) -> AugmentResult:
    started = time.perf_counter()
    if recipe.pastes and not can_donate(source.samples):
        progress.say(f"Nothing can be pasted as recipe {recipe.name} has it: {NO_DONORS}")
    jobs, missing = missing_jobs(source, manifest, recipe)
    problems = list(source.problems)
    made = _make_missing(_run(jobs, missing, manifest, options), manifest, missing, problems, progress)
    if options.engine == "dask":
        remove_torn(source.out)  # by now no worker that lives has anything half written
    left_out = tuple(sorted({error.path.name for error in problems} & set(manifest.sources)))
    _finish(source, replace(manifest, finished=True, left_out=left_out))
    return AugmentResult(
        folder=str(source.out),
        photos=len(source.samples) - len(left_out),
        copies=manifest.count - missing + made["copies"],
        made=made["copies"],
        negatives=made["negatives"],
        shapes=made["shapes"],
        lost=made["lost"],
        unlabelled=source.unlabelled,
        seconds=time.perf_counter() - started,
        not_moved=_not_moved(source.samples),
        problems=tuple(str(error) for error in problems),
    )


def _is_finished(dataset: Dataset) -> bool:
    """Whether an earlier run ended well; it may have been one with other options."""
    manifest = augmented.read_manifest(dataset)
    return manifest is not None and manifest.finished


def _run(jobs: Iterator[Job], missing: int, manifest: Manifest, options: AugmentOptions) -> Iterator[Made]:
    if not missing:
        return iter(())
    if options.engine == "dask":
        from thirtyfold.augment.cluster import run_on_cluster

        return run_on_cluster(jobs, options.scheduler, options.processes, manifest.versions)
    return run_jobs(jobs, min(options.processes, max(1, missing // COPIES_A_PROCESS)))


def _make_missing(
    running: Iterator[Made], manifest: Manifest, missing: int, problems: list[FileDataError], progress: Progress
) -> Counter[str]:
    """See the jobs done and count what was made. Photos that can't be read are added to ``problems``."""
    made: Counter[str] = Counter()
    wanted = manifest.count
    if not missing:
        progress.say(f"All {wanted:,} copies are there")
        return made
    if missing < wanted:
        progress.say(f"{wanted - missing:,} of {wanted:,} copies are there already; making the rest")
    known = {error.path for error in problems}
    try:
        with progress.bar("Augmenting", total=missing, unit=" images") as bar:
            for done in running:
                bar.advance(done.copies)
                made.update(copies=done.copies, negatives=done.negatives, shapes=done.shapes, lost=done.lost)
                for problem in done.problems:
                    if problem.path not in known:
                        known.add(problem.path)
                        problems.append(problem)
                        progress.say(f"Left out: {problem}")
    except KeyboardInterrupt:
        there = wanted - missing + made["copies"]
        progress.say(f"{there:,} of {wanted:,} copies are there; the same command makes the rest")
        raise
    return made


def _finish(source: Source, manifest: Manifest) -> None:
    """Draw the sheet and say in the manifest that all is done, unless an earlier run has."""
    written = source.out.read(augmented.MANIFEST)
    if written is not None and augmented.parse_manifest(written) == manifest:
        return
    names = sorted(set(manifest.sources) - set(manifest.left_out))
    numbers = spread_evenly(len(names) * manifest.factor)
    chosen = [(names[number // manifest.factor], number % manifest.factor) for number in numbers]
    shown = augmented.show_copies(source.out, manifest, chosen)
    if copies := [(pixels, label_file.annotations) for pixels, label_file in shown]:
        source.out.write(augmented.PREVIEW, [encode_jpeg(draw_sheet(copies), quality=90)], durable=False)
    augmented.write_manifest(source.out, manifest)


def _explain(source: Source, recipe: Recipe, progress: Progress) -> None:
    """Say what is left out before the work begins. Raises :class:`DataError` if nothing is left."""
    for error in source.problems:
        progress.say(f"Left out: {error}")
    annotate = f"`thirtyfold annotate {source.root}`"
    if is_url(source.root):
        annotate = "`thirtyfold annotate`, where the photos are files,"
    if not source.samples:
        raise DataError(
            f"{source.root}: no labelled photo in the train part ({source.unlabelled} without a label that a person "
            f"has seen, {len(source.problems)} unreadable); draw some boxes with {annotate.rstrip(',')}"
        )
    if source.unlabelled:
        progress.say(
            f"{source.unlabelled} of the train photos have no label that a person has seen and are left out; "
            f"{annotate} opens them"
        )
    classes_alone = sum(sample.annotations is None for sample in source.samples)
    if 2 * classes_alone > len(source.samples) and recipe.cuts_deep:
        progress.say(
            f"note: recipe {recipe.name} may show a small part of a photo, and the photos have classes, no shapes: "
            "where a class shows in one place only (a mask), `--recipe mask` or `light` leaves it in the picture"
        )
    if not_moved := _not_moved(source.samples):
        kinds = ", ".join(f"{count} of kind {kind}" for kind, count in not_moved.items())
        progress.say(f"Shapes that can't be moved yet are missing from the copies: {kinds}")


def _not_moved(samples: Sequence[Sample]) -> dict[str, int]:
    kinds = Counter(
        annotation.kind for sample in samples for annotation in sample.annotations or () if not can_move(annotation)
    )
    return dict(sorted(kinds.items()))

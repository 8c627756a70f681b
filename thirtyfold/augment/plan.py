"""What is to be made: the manifest, and the jobs that are still missing from the folder of copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import groupby

from thirtyfold import __version__
from thirtyfold.augment.donors import DonorsOf, choose_donors
from thirtyfold.augment.jobs import Job, Work
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.recipes import Recipe
from thirtyfold.augment.sources import Source
from thirtyfold.datasets import augmented
from thirtyfold.datasets.augmented import Manifest, copy_stem
from thirtyfold.sample import Sample

# A job is short enough that Ctrl-C is answered at once and long enough that decoding the photo hardly counts.
COPIES_A_JOB = 32
# A shard takes a second or two to make, a small dataset has enough of them for many processes, and of
# large photos there are as few in one as keep it at about 64 MB (a pixel of JPEG 95 has a third of a byte).
_SHARD_COPIES = (64, 1024)
_SHARDS_WANTED = 64
_SHARD_PIXELS = 192_000_000


def manifest_of(source: Source, recipe: Recipe, options: AugmentOptions) -> Manifest:
    """All that will decide about the bytes of the copies."""
    in_shards = options.store == "shards"
    return Manifest(
        recipe=recipe.name,
        recipe_fingerprint=recipe.fingerprint,
        seed=options.seed,
        factor=options.factor,
        min_visible=options.min_visible,
        split=source.split.fingerprint,
        sources=source.hashes,
        versions=versions_here(),
        store=options.store,
        longest_px=options.shard_size,
        copies_a_shard=_copies_a_shard(source.samples, options) if in_shards else 0,
    )


def versions_here() -> dict[str, str]:
    """The versions of what makes a copy's bytes. Ours as well: a copy's geometry is this program's own."""
    import cv2  # the distribution's name differs between its two builds

    others = {name: version(name) for name in ("albumentations", "numpy")}
    return others | {"opencv": str(cv2.__version__), "thirtyfold": __version__}


def missing_jobs(source: Source, manifest: Manifest, recipe: Recipe) -> tuple[Iterator[Job], int]:
    """The jobs still to be done, made as they are asked for, and the number of copies in them."""
    donors_of = choose_donors(recipe, source.folder, source.samples, manifest.seed)
    plan = manifest.shards
    if plan is not None:
        there = augmented.finished_shards(source.out)
        numbers = [number for number in range(plan.count) if plan.name(number) not in there]
        shards = (
            (plan.name(number), _work(source, donors_of, manifest.factor, plan.span(number))) for number in numbers
        )
        jobs = (_job(source, manifest, recipe, work, shard) for shard, work in shards)
        return jobs, sum(len(plan.span(number)) for number in numbers)
    there = augmented.finished_copies(source.out)

    def missing() -> Iterator[tuple[Sample, list[int]]]:
        for sample in source.samples:
            name = sample.image_path.name
            yield sample, [copy for copy in manifest.copies if copy_stem(name, copy) not in there]

    jobs = (
        _job(source, manifest, recipe, [_work_on(source, donors_of, sample, copies[start : start + COPIES_A_JOB])])
        for sample, copies in missing()
        for start in range(0, len(copies), COPIES_A_JOB)
    )
    return jobs, sum(len(copies) for _, copies in missing())


def _work(source: Source, donors_of: DonorsOf, factor: int, span: range) -> list[Work]:
    """The photos and copies that a part of all copies, counted through, is made of."""
    by_photo = groupby(span, key=lambda number: number // factor)
    return [
        _work_on(source, donors_of, source.samples[photo], [number % factor for number in of]) for photo, of in by_photo
    ]


def _work_on(source: Source, donors_of: DonorsOf, sample: Sample, copies: Sequence[int]) -> Work:
    name = sample.image_path.name
    return Work(
        name=name,
        annotations=sample.annotations,
        tags=sample.tags,
        session=source.split.groups[name],
        copies=tuple(copies),
        donors=donors_of(name),
    )


def _job(source: Source, manifest: Manifest, recipe: Recipe, work: Sequence[Work], shard: str | None = None) -> Job:
    return Job(
        photos=source.folder,
        out=source.out,
        work=tuple(work),
        recipe=recipe,
        seed=manifest.seed,
        min_visible=manifest.min_visible,
        shard=shard,
        longest_px=manifest.longest_px,
    )


def _copies_a_shard(samples: Sequence[Sample], options: AugmentOptions) -> int:
    """A function of the photos and options alone, in whole numbers: the same on every machine."""
    pixels = [sample.width * sample.height for sample in samples]
    if options.shard_size:
        pixels = [min(each, options.shard_size**2) for each in pixels]
    fewest, most = _SHARD_COPIES
    copies = min(most, max(fewest, len(samples) * options.factor // _SHARDS_WANTED))
    return max(1, min(copies, _SHARD_PIXELS * len(samples) // max(1, sum(pixels))))

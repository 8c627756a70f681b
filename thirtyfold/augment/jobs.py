"""The work of one process: some copies of a photo, or a shard of them, read once and written one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from thirtyfold.augment.donors import Donor
from thirtyfold.augment.recipes import Recipe
from thirtyfold.datasets import augmented, labelme_json, shards
from thirtyfold.datasets.augmented import copy_stem
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.storage import Folder
from thirtyfold.datasets.unlabelled import as_unlabelled
from thirtyfold.errors import FileDataError
from thirtyfold.images import encode_jpeg
from thirtyfold.sample import Annotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Copies number ``copies`` of the labelled photo ``name``, which may get objects of ``donors`` pasted.

    ``annotations`` is ``None`` for a photo with classes that nobody has looked at for shapes.
    """

    name: str
    annotations: tuple[Annotation, ...] | None
    tags: tuple[str, ...]
    session: str
    copies: tuple[int, ...]
    donors: tuple[Donor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``work`` on photos in the folder ``photos``, to be written into the folder of copies ``out``.

    As loose files, or all of it into ``shard``; pictures there are scaled down to ``longest_px`` (0: not at all).
    Photos travel by name: whoever does the job sees the same two folders.
    """

    photos: Folder
    out: Folder
    work: tuple[Work, ...]
    recipe: Recipe
    seed: int
    min_visible: float
    shard: str | None = None
    longest_px: int = 0


@dataclass(slots=True, kw_only=True)
class Made:
    """What became of a job, counted while it is done: copies, negatives among them, shapes in them and lost on the way.

    ``problems`` are the errors of photos that couldn't be read; nothing was made of those.
    """

    copies: int = 0
    negatives: int = 0
    shapes: int = 0
    lost: int = 0
    problems: list[FileDataError] = field(default_factory=list)


def make_copies(job: Job) -> Made:
    """Do a job. Raises what :meth:`Folder.write` raises if the disk is full or closed to us."""
    made = Made()
    if job.shard is None:
        for jpeg, label_file in _copies(job, made):
            name = f"{augmented.IMAGES}/{label_file.image_path}"
            # The label comes second: a copy counts as made when its label is there. Neither waits
            # for the disk, as a copy that a power cut takes is made again.
            job.out.write(name, [jpeg], durable=False)
            job.out.write(f"{name.removesuffix('.jpg')}.json", [labelme_json.to_line(label_file)], durable=False)
    else:
        # Nobody looks into a shard to see whether it is whole: it waits for the disk, once.
        job.out.write(f"{augmented.SHARDS}/{job.shard}", _records(job, job.shard, made), durable=True)
        if not made.problems:
            job.out.remove(f"{augmented.SHARDS}/{shards.note_name(job.shard)}")
    return made


def _records(job: Job, shard: str, made: Made) -> Iterator[bytes]:
    for jpeg, label_file in _copies(job, made):
        yield shards.to_record(jpeg, label_file)
    if made.problems:
        # Before the shard gets its name: there is never one that lacks copies and does not say so.
        said = {error.path.name: error.reason for error in made.problems}
        note = json.dumps(said, indent=2).encode("ascii") + b"\n"
        job.out.write(f"{augmented.SHARDS}/{shards.note_name(shard)}", [note])


def _copies(job: Job, made: Made) -> Iterator[tuple[bytes, LabelFile]]:
    from thirtyfold.augment.shrink import shrink
    from thirtyfold.augment.transform import copy_seed, make_copy
    from thirtyfold.datasets.storage import read_photo

    for work in job.work:
        try:
            photo = read_photo(job.photos, work.name)
        except FileDataError as error:
            made.problems.append(error)
            continue
        for number in work.copies:
            seed = copy_seed(job.seed, work.name, number)
            copy = make_copy(
                photo, work.annotations or (), job.recipe, seed, job.min_visible, work.donors, tags=work.tags
            )
            pixels, annotations, vanished = copy.pixels, copy.annotations, 0
            if job.longest_px:
                pixels, annotations, vanished = shrink(pixels, annotations, job.longest_px)
            made.copies += 1
            made.negatives += not annotations and work.annotations is not None
            made.shapes += len(annotations)
            made.lost += copy.lost + vanished
            label_file = LabelFile(
                image_path=f"{copy_stem(work.name, number)}.jpg",
                width=pixels.shape[1],
                height=pixels.shape[0],
                annotations=annotations,
                flags=dict.fromkeys(copy.tags, True),
                extra={
                    "thirtyfold": {
                        "parent": work.name,
                        "session": work.session,
                        "recipe": job.recipe.name,
                        "seed": job.seed,
                        "copy": number,
                    }
                },
            )
            # A photo that has a class and was never looked at for shapes is no verified empty one, nor are its copies.
            yield encode_jpeg(pixels), label_file if work.annotations is not None else as_unlabelled(label_file)

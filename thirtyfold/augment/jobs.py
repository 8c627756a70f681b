"""The work of one process: some copies of one photo, read once and written one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thirtyfold import files
from thirtyfold.augment.recipes import Recipe
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.augmented import copy_stem
from thirtyfold.errors import FileDataError
from thirtyfold.images import Pixels, encode_jpeg, read_rgb
from thirtyfold.sample import Annotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Copies number ``copies`` of one labelled photo, to be written into ``folder``."""

    image_path: Path
    annotations: tuple[Annotation, ...]
    tags: tuple[str, ...]
    session: str
    recipe: Recipe
    seed: int
    copies: tuple[int, ...]
    min_visible: float
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of a job: copies written, negatives among them, shapes in them and lost on the way.

    ``problem`` is the error of a photo that couldn't be read; nothing was made then.
    """

    image_path: Path
    copies: int = 0
    negatives: int = 0
    shapes: int = 0
    lost: int = 0
    problem: FileDataError | None = None


def make_copies(job: Job) -> Made:
    """Do a job. Raises what :func:`files.write_bytes` raises if the disk is full or closed to us."""
    from thirtyfold.augment.transform import augment_and_count, copy_seed

    name = job.image_path.name
    try:
        photo = read_rgb(job.image_path)
    except FileDataError as error:
        return Made(image_path=job.image_path, problem=error)
    negatives = shapes = lost = 0
    for copy in job.copies:
        pixels, annotations, gone = augment_and_count(
            photo, job.annotations, job.recipe, copy_seed(job.seed, name, copy), job.min_visible
        )
        _write(job, copy, pixels, annotations)
        negatives += not annotations
        shapes += len(annotations)
        lost += gone
    return Made(
        image_path=job.image_path,
        copies=len(job.copies),
        negatives=negatives,
        shapes=shapes,
        lost=lost,
    )


def _write(job: Job, copy: int, pixels: Pixels, annotations: Sequence[Annotation]) -> None:
    image_path = job.folder / f"{copy_stem(job.image_path.name, copy)}.jpg"
    label_file = labelme_json.LabelFile(
        image_path=image_path.name,
        width=pixels.shape[1],
        height=pixels.shape[0],
        annotations=tuple(annotations),
        flags=dict.fromkeys(job.tags, True),
        extra={
            "thirtyfold": {
                "parent": job.image_path.name,
                "session": job.session,
                "recipe": job.recipe.name,
                "seed": job.seed,
                "copy": copy,
            }
        },
    )
    # The label comes second: a copy counts as made when its label is there. Neither waits
    # for the disk, as a copy that a power cut takes is made again.
    files.write_bytes(image_path, encode_jpeg(pixels), durable=False)
    labelme_json.write(image_path.with_suffix(".json"), label_file, durable=False)

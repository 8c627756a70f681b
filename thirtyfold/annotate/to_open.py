"""Which photos a person is shown, in labelme or in the page, and the dataset held while they are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.review import Suspect
from thirtyfold.annotate.staging import bring_home
from thirtyfold.annotate.ticks import ticked_of
from thirtyfold.datasets.machine_made import has_machine_made_labels
from thirtyfold.datasets.unlabelled import has_no_shapes_yet
from thirtyfold.errors import DataError, NothingToDo
from thirtyfold.progress import Progress
from thirtyfold.workspace import Dataset


@contextmanager
def annotating(dataset: Dataset, progress: Progress) -> Iterator[None]:
    """Hold the dataset's lock, with the labels of a session that was cut off in place.

    Raises :class:`DataError` if there is no such dataset, :class:`UsageError` if another command holds it.
    """
    dataset.image_paths()  # says that there is no such dataset before the lock makes its folder
    with dataset.lock("annotate", progress=progress):
        bring_home(dataset, progress)
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotosToOpen:
    """``image_paths`` in the order in which they are shown, in a review with one of ``reasons`` each.

    ``machine_made`` are all photos of the dataset whose labels a model drew and nobody has looked at.
    """

    image_paths: Sequence[Path]
    machine_made: frozenset[Path]
    reasons: Sequence[str] | None = None


def photos_to_open(dataset: Dataset, options: AnnotateOptions, suspects: Sequence[Suspect] | None) -> PhotosToOpen:
    """The photos without labels or with a model's, those of ``suspects`` in a review, or all of them.

    To be called within :func:`annotating`. Raises :class:`DataError` if there is no photo, :class:`NothingToDo` if
    every photo has its label.
    """
    image_paths = dataset.image_paths()
    if not image_paths:
        raise DataError(f"{dataset.root}: holds no photos; take some with `thirtyfold capture {dataset.root}`")
    machine_made = frozenset(path for path in image_paths if has_machine_made_labels(dataset.label_path(path)))
    if suspects is not None:
        wanted = [suspect.image_path for suspect in suspects]
    elif options.every_photo:
        wanted = image_paths
    else:
        wanted = [path for path in image_paths if path in machine_made or _waits(dataset.label_path(path), options)]
    if not wanted:
        what = f"one of the classes {', '.join(options.flags)}" if options.flags else "labels"
        raise NothingToDo(f"all {len(image_paths)} photos have {what}; `--all` opens them again")
    reasons = [suspect.reason for suspect in suspects] if suspects is not None else None
    return PhotosToOpen(image_paths=wanted, machine_made=machine_made, reasons=reasons)


def _waits(label_path: Path, options: AnnotateOptions) -> bool:
    return not ticked_of(label_path, options.flags) if options.flags else has_no_shapes_yet(label_path)

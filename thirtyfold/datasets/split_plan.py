"""A dataset is divided into train, val and test, and ``split.json`` written.

Where sessions are known (``captures.jsonl``, ``--group-by``) they decide who belongs together; else photos that look
alike are kept together (``sessions.py``). Which of them go where: ``split_choice.py``.
"""

from __future__ import annotations

from dataclasses import replace

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.datasets.augmented import read_manifest
from thirtyfold.datasets.duplicates import exact_duplicates, looks_of, near_duplicates
from thirtyfold.datasets.listing import natural_key
from thirtyfold.datasets.samples import capture_order
from thirtyfold.datasets.sessions import LOOKS, find_sessions, guessed_note
from thirtyfold.datasets.split import GIVEN_TEST, Split, parse_split, read_split, write_split
from thirtyfold.datasets.split_choice import joined, make_split
from thirtyfold.datasets.split_classes import classes_by_photo
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.val_part import split_off_val
from thirtyfold.errors import DataError, SplitError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset


def split_dataset(dataset: Dataset, options: SplitOptions, *, progress: Progress = SILENT) -> Split:
    """Divide the photos of a dataset, write ``split.json`` (over an older one) and return the split.

    A test part that came with the dataset stays, unless ``options`` say otherwise. Raises :class:`DataError` if there
    are no photos, :class:`UsageError` for a session or expression that fits none.
    """
    dataset.image_paths()  # says that there is no such dataset before the lock makes its folder
    with dataset.lock("split", progress=progress):
        split = _with_given_test(dataset, options, progress) or plan_split(dataset, options, progress=progress)
        write_split(dataset, split)
    if split.note:
        progress.say(split.note)
    copies = read_manifest(dataset)
    if copies is not None and copies.split != split.fingerprint:
        progress.say(
            f"The copies in {dataset.augmented_dir} were made from another split: run `thirtyfold augment "
            f"{dataset.root}` again before you train"
        )
    return split


def split_or_make_one(dataset: Dataset, attributes: AttributeOptions, progress: Progress) -> Split:
    """The split of a dataset; where nobody has divided it yet it is divided now, in the usual way, which is said.

    Raises as :func:`plan_split` and :func:`read_split` do.
    """
    if dataset.split_path.exists():
        return read_split(dataset)
    split = plan_split(dataset, SplitOptions(attributes=attributes), progress=progress)
    write_split(dataset, split)
    counts = ", ".join(f"{count} {part}" for part, count, *_ in split.rows())
    progress.say(f"There was no split yet, so one was made by {split.how}: {counts}. {split.note}".rstrip())
    return split


def _with_given_test(dataset: Dataset, options: SplitOptions, progress: Progress) -> Split | None:
    """The split anew around a test part that came with the dataset; ``None`` if there is none to be kept."""
    if options.new_test or options.test_sessions or not dataset.split_path.exists():
        return None
    try:
        split = parse_split(dataset.split_path.read_bytes(), str(dataset.split_path), "", [])
    except (OSError, SplitError):
        return None
    return split_off_val(dataset, split, options, progress=progress) if split.options.get(GIVEN_TEST) else None


def plan_split(dataset: Dataset, options: SplitOptions, *, progress: Progress = SILENT) -> Split:
    """The split of a dataset as it lies there; nothing is written. Raises as :func:`split_dataset` does."""
    paths = dataset.image_paths()
    if not paths:
        raise DataError(f"{dataset.images_dir}: no photos; take some with `thirtyfold capture {dataset.root}`")
    looks = looks_of(paths, progress=progress)
    groups, how = find_sessions(dataset, options.group_by, looks)
    order = capture_order(dataset)
    by_time = sorted(groups, key=lambda name: (order.get(name, len(order)), natural_key(name)))
    exact = exact_duplicates(paths)
    first_of = {other: first for first, other in exact}
    near = [
        (first, other)
        for first, other in near_duplicates(looks, groups)
        if first_of.get(first, first) != first_of.get(other, other)
    ]
    classes = classes_by_photo(dataset, options, progress=progress)
    split = make_split(
        {name: groups[name] for name in by_time},
        options,
        how=how,
        classes=classes,
        duplicates=exact,
        alike=near,
    )
    if how == LOOKS and split.leak_free:
        return replace(split, note=joined([guessed_note([path.name for path in paths], classes), split.note]))
    return split

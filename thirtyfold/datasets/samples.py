"""A dataset folder, read as samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.unlabelled import is_unlabelled
from thirtyfold.errors import FileDataError, LabelError, UsageError
from thirtyfold.images import read_size
from thirtyfold.sample import Record, Sample
from thirtyfold.workspace import Dataset


def read_samples(
    dataset: Dataset, *, group_by: str | None = None, problems: list[FileDataError] | None = None
) -> list[Sample]:
    """Every photo of a dataset with its labels, sorted by name.

    ``group_by`` is a regular expression whose first group (or whole match) in the file
    name is the session; without it the session is what ``captures.jsonl`` says, else
    ``None``. A photo or label that can't be read is appended to ``problems`` and left
    out; without a list the first one is raised (:class:`FileDataError`).
    """
    sessions = capture_sessions(dataset)
    pattern = _compile(group_by) if group_by else None
    samples = []
    for image_path in dataset.image_paths():
        try:
            session = _session_by(pattern, image_path.name) if pattern else sessions.get(image_path.name)
            samples.append(read_sample(image_path, dataset.label_path(image_path), session=session))
        except FileDataError as error:
            if problems is None:
                raise
            problems.append(error)
    return samples


def read_sample(image_path: Path, label_path: Path, *, session: str | None = None) -> Sample:
    """One photo with its labels, if it has any. Raises :class:`ImageError`, :class:`LabelError`."""
    width, height = read_size(image_path)
    if not label_path.exists():
        return Sample(image_path=image_path, width=width, height=height, session=session)
    return labelled_sample(image_path, (width, height), labelme_json.read(label_path), label_path, session=session)


def labelled_sample(
    image_path: Path,
    size_wh: tuple[int, int],
    label_file: LabelFile,
    label_path: Path,
    *,
    session: str | None = None,
    record: Record | None = None,
) -> Sample:
    """What :func:`read_sample` makes of a label file that was read already. Raises :class:`LabelError`."""
    width, height = size_wh
    stated = (label_file.width, label_file.height)
    if None not in stated and stated != (width, height):
        raise LabelError(
            label_path,
            f"was drawn on a picture of {stated[0]}x{stated[1]}, but {image_path.name} is {width}x{height}; "
            "open it in labelme and save it again",
        )
    parent, inherited = label_file.lineage.get("parent"), label_file.lineage.get("session")
    return Sample(
        image_path=image_path,
        width=width,
        height=height,
        annotations=None if is_unlabelled(label_file) else label_file.annotations,
        tags=label_file.tags,
        session=session or (inherited if isinstance(inherited, str) else None),
        parent=parent if isinstance(parent, str) else None,
        machine_made=is_machine_made(label_file),
        record=record,
    )


def labels_of(samples: Sequence[Sample]) -> dict[str, int]:
    """How often each label occurs, sorted by label."""
    counts: dict[str, int] = {}
    for sample in samples:
        for annotation in sample.annotations or ():
            counts[annotation.label] = counts.get(annotation.label, 0) + 1
    return dict(sorted(counts.items()))


def capture_sessions(dataset: Dataset) -> dict[str, str]:
    """Photo name → session, as ``captures.jsonl`` has it."""
    return {
        str(row["image"]): str(row["session"])
        for row in files.read_json_lines(dataset.captures_path)
        if "image" in row and "session" in row
    }


def capture_order(dataset: Dataset) -> dict[str, int]:
    """Photo name → its place in ``captures.jsonl``: the order in which they were taken, whatever the clock said."""
    order: dict[str, int] = {}
    for row in files.read_json_lines(dataset.captures_path):
        if "image" in row:
            order.setdefault(str(row["image"]), len(order))
    return order


def _compile(group_by: str) -> re.Pattern[str]:
    try:
        return re.compile(group_by)
    except re.error as error:
        raise UsageError(f"--group-by {group_by}: not a regular expression ({error})") from error


def session_from_name(group_by: str, image_name: str) -> str:
    """The first group, or the whole match, of the regular expression in a photo's name. Raises :class:`UsageError`."""
    return _session_by(_compile(group_by), image_name)


def _session_by(pattern: re.Pattern[str], image_name: str) -> str:
    match = pattern.search(image_name)
    if match is None:
        raise UsageError(
            f"--group-by {pattern.pattern}: does not match {image_name}, so its session is unknown; "
            "change the expression so that it matches every photo"
        )
    # A group that stands in an alternative not taken is None; the whole match is always there.
    return str((match.group(1) if pattern.groups else None) or match.group(0))

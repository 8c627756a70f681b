"""Labels from one format into another, with a list of everything that the other cannot carry.

The new folder is written under a hidden name beside its place and gets its own name when it is
whole: a conversion that is stopped leaves nothing that looks like a dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.convert_options import ConvertOptions
from thirtyfold.datasets.formats.format_io import Target
from thirtyfold.datasets.formats.image_files import Placer
from thirtyfold.datasets.formats.label_set import (
    Entry,
    LabelSet,
    classes_of,
    mappings_of,
    with_flat_names,
    without_control_characters,
)
from thirtyfold.datasets.formats.losses import REASONS, Losses
from thirtyfold.datasets.formats.table import FORMATS, detect, locate
from thirtyfold.errors import DataError, FileDataError, ImageError, LabelError, UsageError
from thirtyfold.images import read_size
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

REPORT = "conversion.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a conversion did. ``detected`` is what showed the source's format, ``pictures`` how photos came over."""

    source: Path
    target: Path
    from_: str
    to: str
    detected: str
    photos: int
    shapes: int
    class_names: tuple[str, ...]
    pictures: Mapping[str, int]
    losses: Losses
    problems: tuple[FileDataError, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For ``conversion.json`` and ``--json``; holds no time, so that the same input gives the same bytes."""
        return {
            "source": str(self.source),
            "from": self.from_,
            "to": self.to,
            "detected_by": self.detected,
            "photos": self.photos,
            "shapes": self.shapes,
            "classes": list(self.class_names),
            "pictures": dict(self.pictures),
            "losses": self.losses.to_dict(),
            "problems": [{"file": str(problem.path), "reason": problem.reason} for problem in self.problems],
            "notes": list(self.notes),
        }

    def facts(self) -> dict[str, object]:
        """For a person."""
        classes = ", ".join(self.class_names[:8]) + (" …" if len(self.class_names) > 8 else "")
        pictures = ", ".join(f"{count} {how}" for how, count in self.pictures.items())
        return {
            "from": f"{self.from_} ({self.detected})" if self.detected else self.from_,
            "to": f"{self.to}, {self.target}",
            "photos": f"{self.photos} ({pictures or 'none'})",
            "shapes": self.shapes,
            "classes": f"{len(self.class_names)}: {classes}" if classes else "none",
            "left out": len(self.problems) or "nothing",
            "not carried": "nothing" if not self.losses.by_file else f"see below, and {self.target / REPORT}",
        }

    def loss_rows(self) -> list[tuple[str, str, str, str]]:
        """(what, how, count, files) for a table."""
        rows: list[tuple[str, str, str, str]] = []
        for reason, (things, files_) in self.losses.totals().items():
            names = [name for name, found in self.losses.by_file.items() if reason in found]
            shown = ", ".join(names[:3]) + (f" and {files_ - 3} more" if files_ > 3 else "")
            rows.append((REASONS[reason].text, REASONS[reason].severity, str(things), shown))
        return rows

    def raise_if_incomplete(self) -> None:
        """Raise :class:`DataError` if files of the source could not be read."""
        if self.problems:
            raise DataError(f"{len(self.problems)} of the files were left out, first {self.problems[0]}")


def convert(source_path: Path, target: Path, options: ConvertOptions, *, progress: Progress = SILENT) -> Conversion:
    """Read the dataset at ``source_path`` (a folder or a label file) and write it as ``options.to`` into ``target``.

    Raises :class:`UsageError` if the source's format cannot be told or the target is not empty,
    :class:`DataError` if there is nothing to write, or, with ``options.strict``, if anything would be lost.
    """
    source = replace(locate(source_path), default_label=options.label)
    _check_target(source.root, target)
    from_, detected = (options.from_, "") if options.from_ else detect(source)
    if detected:
        progress.say(f"{source_path} is {from_}: {detected}")
    label_set = FORMATS[from_].reader.read(source)
    label_set = _with_carried(_checked(label_set, source.root), source.root)
    for note in label_set.notes:
        progress.say(note)
    for problem in label_set.problems[:5]:
        progress.say(f"Left out: {problem}")
    if len(label_set.problems) > 5:
        progress.say(f"and {len(label_set.problems) - 5} more files, all in {REPORT}")
    losses = Losses(options.to)
    entries, renamed = with_flat_names(label_set.entries)
    for entry in renamed:
        losses.add("renamed", entry.name)
    label_set = replace(label_set, entries=entries)
    if not entries:
        reason = f", first {label_set.problems[0]}" if label_set.problems else ""
        raise DataError(f"{source_path}: no photo to convert{reason}")

    with files.new_folder(target) as folder:
        placer = Placer(copy=options.copy)
        with progress.bar("Converting", total=len(entries), unit="photos") as bar:
            FORMATS[options.to].writer.write(label_set, Target(root=folder, losses=losses, placer=placer, bar=bar))
        conversion = Conversion(
            source=source_path,
            target=target,
            from_=from_,
            to=options.to,
            detected=detected,
            photos=sum(placer.counts.values()),
            shapes=sum(len(entry.sample.annotations or ()) for entry in entries),
            class_names=label_set.class_names,
            pictures=dict(sorted(placer.counts.items())),
            losses=losses,
            problems=label_set.problems,
            notes=label_set.notes,
        )
        if options.strict:
            _refuse_losses(conversion)
        carried = {"carried": dict(label_set.extra)} if label_set.extra else {}
        files.write_json(folder / REPORT, conversion.to_dict() | carried)
    return conversion


def write_samples(
    samples: Sequence[Sample], target: Path, *, to: str, copy: bool = False, progress: Progress = SILENT
) -> Losses:
    """Write samples and their photos as format ``to`` into the new folder ``target``; what it can't carry comes back.

    Photos are linked where that can be, or copied where ``copy`` says so. Raises :class:`UsageError` if the target is
    not empty or lies among the photos, :class:`DataError` if there is nothing to write or a sample can't be written.
    """
    ConvertOptions(to=to)
    if not samples:
        raise DataError(f"{target}: no photo to write")
    for folder in sorted({sample.image_path.parent for sample in samples}):
        _check_target(folder, target)
    for sample in samples:
        _check_photo(sample)
    entries, renamed = with_flat_names(Entry(sample=sample) for sample in samples)
    losses = Losses(to)
    for entry in renamed:
        losses.add("renamed", entry.name)
    label_set = _checked(LabelSet(entries=entries, class_names=classes_of(samples)), target)
    if label_set.problems:
        raise label_set.problems[0]
    with files.new_folder(target) as folder, progress.bar("Writing", total=len(entries), unit="photos") as bar:
        FORMATS[to].writer.write(label_set, Target(root=folder, losses=losses, placer=Placer(copy=copy), bar=bar))
    return losses


def _check_photo(sample: Sample) -> None:
    """Raise :class:`DataError` unless the sample's photo is a file of the size that the sample says."""
    if sample.record is not None:
        raise DataError(
            f"{sample.image_path}: lies in a shard and is no file to link or copy; write the photos instead"
        )
    width, height = read_size(sample.image_path)
    if (sample.width, sample.height) != (width, height):
        raise ImageError(
            sample.image_path,
            f"is {width}x{height}, but its sample says {sample.width}x{sample.height}; mend the sample",
        )


def _check_target(root: Path, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: is not empty; name a folder that does not exist yet")
    inner, outer = target.resolve(), root.resolve()
    if inner.is_relative_to(outer):
        raise UsageError(f"{target}: lies inside of {root}, which stays as it is; name a folder elsewhere")


def _checked(label_set: LabelSet, root: Path) -> LabelSet:
    """The label set without shapes that cannot be told apart or read by anyone, each a problem."""
    _refuse_unwritable(label_set, root)
    problems = list(label_set.problems)
    entries = []
    for entry in label_set.entries:
        shapes = entry.sample.annotations or ()
        readable = tuple(shape for shape in shapes if shape.kind != "mask" or regions.mask_is_readable(shape))
        if len(readable) != len(shapes):
            count = len(shapes) - len(readable)
            problems.append(
                LabelError(entry.sample.image_path, f"{count} of its masks cannot be decoded; draw them again")
            )
            entry = replace(entry, sample=replace(entry.sample, annotations=readable))  # noqa: PLW2901
        entries.append(entry)
    return replace(label_set, entries=tuple(entries), problems=tuple(problems))


def _refuse_unwritable(label_set: LabelSet, root: Path) -> None:
    """Raise :class:`LabelError` for a label that no format can hold, with the photo that has it."""

    def says_nothing(label: str) -> bool:
        return not label or without_control_characters(label) != label

    mend = "is empty or holds a line break; rename it in labelme"
    for entry in label_set.entries:
        labels = [shape.label for shape in entry.sample.annotations or ()]
        for label in filter(says_nothing, [*labels, *sorted(entry.sample.tags)]):
            raise LabelError(entry.sample.image_path, f"its label {label!r} {mend}")
    for label in filter(says_nothing, label_set.class_names):
        raise LabelError(root, f"the label {label!r} {mend}")


def _with_carried(label_set: LabelSet, root: Path) -> LabelSet:
    """With what an earlier conversion kept of the whole dataset, as the format between had no place for it."""
    try:
        carried = files.parse_json((root / REPORT).read_bytes())["carried"]
    except (OSError, ValueError, KeyError, TypeError):
        return label_set
    if not isinstance(carried, Mapping):
        return label_set
    return replace(label_set, extra={**mappings_of(carried), **label_set.extra})


def _refuse_losses(conversion: Conversion) -> None:
    totals = conversion.losses.totals()
    if lost := conversion.losses.strict:
        shown = "; ".join(f"{totals[reason][0]} × {REASONS[reason].text}" for reason in lost)
        raise DataError(f"--strict: {conversion.to} cannot carry everything, so nothing was written: {shown}")
    if conversion.problems:
        raise DataError(f"--strict: {len(conversion.problems)} files cannot be read, first {conversion.problems[0]}")

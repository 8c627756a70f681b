"""Photos and label sets for the tests of the label formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from thirtyfold.datasets.formats.convert import Conversion, convert
from thirtyfold.datasets.formats.convert_options import ConvertOptions
from thirtyfold.datasets.formats.format_io import Target
from thirtyfold.datasets.formats.image_files import Placer
from thirtyfold.datasets.formats.label_set import Entry, LabelSet, classes_of, with_flat_names
from thirtyfold.datasets.formats.losses import Losses
from thirtyfold.datasets.formats.table import FORMATS, locate
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation, Sample


def write_photo(path: Path, *, width: int = 40, height: int = 30, seed: int = 0) -> Path:
    """A photo of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def entry(
    path: Path, shapes: Sequence[Annotation] | None, *, width: int = 40, height: int = 30, **more: object
) -> Entry:
    """A photo that lies at ``path``, and its shapes."""
    extra = more.pop("extra", {})
    annotations = None if shapes is None else tuple(shapes)
    sample = Sample(image_path=path, width=width, height=height, annotations=annotations, **more)  # type: ignore[arg-type]
    return Entry(sample=sample, extra=extra)  # type: ignore[arg-type]


def write_as(to: str, entries: Sequence[Entry], target: Path, *, class_names: Sequence[str] = ()) -> Losses:
    """Write a label set in a format, with no conversion before it."""
    named, _ = with_flat_names(entries)
    label_set = LabelSet(entries=named, class_names=classes_of((e.sample for e in named), class_names))
    losses = Losses(to)
    with SILENT.bar("") as bar:
        target.mkdir(parents=True)
        FORMATS[to].writer.write(label_set, Target(root=target, losses=losses, placer=Placer(copy=False), bar=bar))
    return losses


def read_as(from_: str, folder: Path) -> LabelSet:
    """Read a folder in a format, the entries by name."""
    label_set = FORMATS[from_].reader.read(locate(folder))
    entries, _ = with_flat_names(label_set.entries)
    return LabelSet(
        entries=entries,
        class_names=label_set.class_names,
        extra=label_set.extra,
        problems=label_set.problems,
        notes=label_set.notes,
    )


def run(source: Path, target: Path, to: str, **options: object) -> Conversion:
    """A conversion, with the format found out."""
    return convert(source, target, ConvertOptions(to=to, **options))  # type: ignore[arg-type]


def box(label: str, left: float, top: float, right: float, bottom: float) -> Annotation:
    return Annotation.from_box(label, (left, top, right, bottom))


def polygon(label: str, *points: tuple[float, float], group: int | None = None) -> Annotation:
    return Annotation(label=label, kind="polygon", points=points, group=group)


def tree_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }

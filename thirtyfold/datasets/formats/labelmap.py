"""``labelmap.txt``: the classes of index masks, ``label:red,green,blue::`` a line, background first.

The file of CVAT's Pascal VOC and segmentation mask exports,
https://docs.cvat.ai/docs/dataset_management/formats/format-smask/.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thirtyfold.datasets.formats.index_png import MAX_NUMBER, colour_of
from thirtyfold.datasets.reading import read_label_bytes, whole_number
from thirtyfold.errors import DataError, LabelError

NAME = "labelmap.txt"
_HEAD = "# label:color_rgb:parts:actions"


def text(class_names: Sequence[str]) -> str:
    """The file's text; the n-th class has number n, 0 is background. Raises :class:`DataError` for too many."""
    if len(class_names) > MAX_NUMBER:
        raise DataError(f"{len(class_names)} classes do not fit into index masks, which have room for {MAX_NUMBER}")
    rows = [f"{name}:{','.join(map(str, colour_of(n)))}::" for n, name in enumerate(["background", *class_names])]
    return "\n".join([_HEAD, *rows]) + "\n"


def read(path: Path) -> list[tuple[str, tuple[int, int, int] | None]]:
    """(class, colour) in order, background first; ``[]`` if there is no such file. Raises :class:`LabelError`."""
    if not path.is_file():
        return []
    try:
        lines = read_label_bytes(path).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise LabelError(path, f"cannot be read as text ({error})") from error
    rows: list[tuple[str, tuple[int, int, int] | None]] = []
    for line in (line.rstrip("\r") for line in lines):
        if not line or line == _HEAD:
            continue
        # From the right: a label may hold colons.
        name, *more = line.rsplit(":", 3)
        rows.append((name if len(more) == 3 else line, _colour(more[0]) if more else None))
    return rows


def _colour(text: str) -> tuple[int, int, int] | None:
    numbers = [number for piece in text.split(",") if (number := whole_number(piece.strip())) is not None]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 and max(numbers) <= 255 else None


def read_classes(path: Path) -> list[str]:
    """The classes without the background."""
    return [name for name, _ in read(path)][1:]

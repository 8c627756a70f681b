"""A table of attributes: a CSV file with a column ``image`` and one more for every attribute.

RFC 4180, as spreadsheets write it: with or without a byte-order mark, commas, semicolons or tabs (found out
from the first line), quotes where somebody needs them. An empty cell is a value that is not known.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from thirtyfold.datasets.reading import read_label_bytes
from thirtyfold.errors import LabelError

IMAGE = "image"
_DELIMITERS = (",", ";", "\t")
_DECIMAL_COMMA = re.compile(r"([+-]?\d+),(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one line says about one photo; empty cells are not in ``values``."""

    photo: str
    line: int
    values: Mapping[str, str]


def read_rows(path: Path, photo_names: Sequence[str], images_dir: Path) -> list[Row]:
    """The rows of a table about these photos. Raises :class:`LabelError`, naming the line that is wrong."""
    lines = _text_of(path).splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=_delimiter(lines), strict=True)
    rows: list[Row] = []
    missing: list[tuple[int, str]] = []
    finder = _Finder(photo_names)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(cells, path)
                continue
            if len(cells) != len(header) and any(cell.strip() for cell in cells[len(header) :]):
                raise _wrong(path, line, f"has {len(cells)} cells, the first line has {len(header)}")
            row = {
                name: _plain(cell, reader.dialect.delimiter)
                for name, cell in zip(header, cells, strict=False)
                if name and cell.strip()
            }
            if IMAGE not in row:
                raise _wrong(path, line, f"names no photo in the column {IMAGE!r}")
            named = row.pop(IMAGE)
            photo = finder.find(named)
            if photo is None:
                missing.append((line, named))
            else:
                rows.append(Row(photo=photo, line=line, values=row))
    except csv.Error as error:
        raise _wrong(
            path, start, f"is no line of a CSV file ({error}); look for a quote that is never closed"
        ) from error
    if header is None:
        raise LabelError(path, f"is empty; a first line like {IMAGE},gender,age and a line a photo were expected")
    if missing:
        line, named = missing[0]
        others = f" ({len(missing)} such lines in all)" if len(missing) > 1 else ""
        raise _wrong(
            path, line, f"there is no photo {named!r} in {images_dir}{others}; bring the photo there, or drop the line"
        )
    if not rows:
        raise LabelError(path, "has a first line and no other; a line a photo was expected")
    return rows


class _Finder:
    """Photos by the names that people write: with folders before it, in upper or lower case."""

    def __init__(self, photo_names: Sequence[str]) -> None:
        self._names = set(photo_names)
        self._folded = {name.casefold(): name for name in photo_names}

    def find(self, named: str) -> str | None:
        bare = PurePosixPath(named.replace("\\", "/")).name
        return bare if bare in self._names else self._folded.get(bare.casefold())


def _text_of(path: Path) -> str:
    if not path.exists():
        raise LabelError(path, "cannot be opened (no such file)")
    data = read_label_bytes(path)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LabelError(path, "is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _wrong(path, line, "is not UTF-8; save the file as UTF-8 (in Excel: CSV UTF-8)") from error
    if "\0" in text:
        raise _wrong(path, text.count("\n", 0, text.index("\0")) + 1, "holds a zero byte; this is no CSV file")
    return text


def _delimiter(lines: Sequence[str]) -> str:
    first = next((line for line in lines if line.strip()), "")
    return max(_DELIMITERS, key=lambda sign: (first.count(sign), -_DELIMITERS.index(sign)))


def _header(cells: Sequence[str], path: Path) -> list[str]:
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:  # spreadsheets write delimiters after the last column
        names.pop()
    names = [IMAGE if name.casefold() == IMAGE else name for name in names]
    listed = ", ".join(name or "(no name)" for name in names)
    if IMAGE not in names:
        raise _wrong(path, 1, f"has no column {IMAGE!r}, only {listed}; call the one with the photos' names so")
    if twice := [name for index, name in enumerate(names) if name in names[:index]]:
        raise _wrong(path, 1, f"has the column {twice[0]!r} twice; rename or remove one")
    if "" in names:
        raise _wrong(path, 1, f"has a column without a name ({listed}); name it or remove it")
    if bad := [name for name in names if "=" in name]:
        raise _wrong(path, 1, f"has the column {bad[0]!r}; a name cannot hold '='")
    if len(names) == 1:
        raise _wrong(path, 1, f"has no column but {IMAGE!r}; add one for every attribute, like gender,age")
    return names


def _plain(cell: str, delimiter: str) -> str:
    text = " ".join(cell.split())
    # Where commas do not part the cells, spreadsheets of many countries write 31,5.
    if delimiter != "," and (match := _DECIMAL_COMMA.fullmatch(text)):
        return f"{match[1]}.{match[2]}"
    return text


def _wrong(path: Path, line: int, reason: str) -> LabelError:
    return LabelError(path, f"line {line}: {reason}")

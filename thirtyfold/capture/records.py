"""``captures.jsonl``: one line a photo, written after it.

Lines are only ever added. A photo's line has ``image``, ``session``, ``shot``, ``seconds``,
``taken_at``, ``source``, ``sha256``, ``sharpness`` and ``exposure``. A session opens with a line of
``started_at`` and no ``image``; a photo taken back gets a second line, with ``discarded_at``.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.capture.quality import Measure, measure
from thirtyfold.errors import ImageError
from thirtyfold.images import rgb_of
from thirtyfold.workspace import Dataset

DISCARDED = "discarded"


def append(dataset: Dataset, row: dict[str, Any]) -> None:
    """Add one line, flushed to the disk."""
    files.append_line(dataset.captures_path, json.dumps(row, ensure_ascii=False))


def kept(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Photo name → its line, without the photos that were taken back."""
    rows: dict[str, dict[str, Any]] = {}
    for row in files.read_json_lines(dataset.captures_path):
        name = row.get("image")
        if not isinstance(name, str):
            continue
        if "discarded_at" in row:
            rows.pop(name, None)
        else:
            rows[name] = row
    return rows


def session_names(dataset: Dataset) -> set[str]:
    """Every session that was ever started here."""
    return {str(row["session"]) for row in files.read_json_lines(dataset.captures_path) if "session" in row}


def photo_row(
    *, name: str, session: str, taken_at: datetime, source: str, data: bytes, measured: Measure, **more: Any
) -> dict[str, Any]:
    """The line of one photo; ``data`` is the JPEG file. ``more`` without a value is left out."""
    return {
        "image": name,
        "session": session,
        **{key: value for key, value in more.items() if value is not None},
        "taken_at": taken_at.isoformat(timespec="milliseconds"),
        "source": source,
        "sha256": hashlib.sha256(data).hexdigest(),
        "sharpness": round(measured.sharpness, 1),
        "exposure": round(measured.exposure, 3),
    }


def first_free_number(dataset: Dataset, session: str) -> int:
    """The number of the session's next photo: never one that a photo, label or line has or had."""
    pattern = re.compile(re.escape(session) + r"_(\d+)\.", re.IGNORECASE)
    names = {str(row.get("image")) for row in files.read_json_lines(dataset.captures_path)}
    for folder in (dataset.images_dir, dataset.root / "labels", dataset.root / DISCARDED):
        if folder.is_dir():
            names.update(path.name for path in folder.iterdir())
    numbers = (int(match.group(1)) for name in names if (match := pattern.match(name)))
    return max(numbers, default=0) + 1


def adopt_unlogged(dataset: Dataset) -> list[str]:
    """Give a line to photos that have none because the power went just before; their names."""
    folder = dataset.images_dir
    rows = files.read_json_lines(dataset.captures_path)
    openings = (row for row in rows if "started_at" in row and "session" in row)
    sources = {str(row["session"]): str(row.get("source", "")) for row in openings}
    if not sources or not folder.is_dir():
        return []
    # A photo taken back has lines, and no file here any more; were it here, it would not be ours to adopt.
    logged = {str(row.get("image")) for row in rows}
    adopted = []
    for path in sorted(folder.glob("*_*.jpg")):
        session, _, number = path.stem.rpartition("_")
        if path.name in logged or session not in sources or not re.fullmatch(r"\d{4,}", number):
            continue
        row = _row_of_file(path, session, sources[session])
        if row is not None:
            append(dataset, row)
            adopted.append(path.name)
    return adopted


def _row_of_file(path: Path, session: str, source: str) -> dict[str, Any] | None:
    try:
        data = path.read_bytes()
        pixels = rgb_of(data, path)
        taken_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (ImageError, OSError):
        return None
    return photo_row(
        name=path.name,
        session=session,
        taken_at=taken_at,
        source=source,
        data=data,
        measured=measure(pixels),
        adopted=True,
    )

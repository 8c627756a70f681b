"""``photos.json`` of a run: which photos it was trained, validated and tested on, by hashes of file and labels.

With it a run can be judged later on exactly the photos that were held out, whatever became of the
dataset's split since, and photos it was trained on are recognised in any other dataset.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import files
from thirtyfold.datasets.split import PARTS
from thirtyfold.errors import ModelError
from thirtyfold.model.state import ARGS_NAME
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData

PHOTOS_NAME = "photos.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A photo as a run knew it: its part, its session, the SHA-256 of its file ("" if it could not be read), and
    that of its shapes (:func:`shapes_hash`).
    """

    part: str
    session: str | None
    sha256: str
    shapes: str


def write_photos(run_dir: Path, data: TrainingData) -> None:
    """Write ``photos.json``: every original of the split, no copies."""
    parts = {"train": data.train, "val": data.val, "test": data.test}
    photos = {
        sample.image_path.name: {
            "part": part,
            "session": sample.session,
            "sha256": file_hash(sample.image_path),
            "shapes": shapes_hash(sample),
        }
        for part, samples in parts.items()
        for sample in samples
        if sample.parent is None
    }
    files.write_json(run_dir / PHOTOS_NAME, {"format": _FORMAT, "photos": photos})


def read_photos(run_dir: Path) -> Mapping[str, Seen]:
    """Photo name → what the run knows of it. Raises :class:`ModelError`."""
    path = run_dir / PHOTOS_NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: is not there, so it is not known which photos the run was trained on; judge it on other photos "
            "with --dataset, or train again"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); copy the whole run folder, or train again") from error
    try:
        if raw["format"] != _FORMAT:
            raise ValueError(f"format {raw['format']}")
        photos = {
            str(name): Seen(
                part=_known_part(row["part"]),
                session=None if row["session"] is None else str(row["session"]),
                sha256=str(row["sha256"]),
                shapes=str(row["shapes"]),
            )
            for name, row in raw["photos"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: a part, session or hash is missing or wrong ({error}); train again") from error
    return photos


def trained_on(run_dir: Path) -> Path | None:
    """The dataset's folder as it was given to ``train``, from ``args.json``; ``None`` if that does not say."""
    try:
        return Path(str(json.loads((run_dir / ARGS_NAME).read_text(encoding="utf-8"))["dataset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, "" if it can't be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def shapes_hash(sample: Sample) -> str:
    """A short hash of what is labelled in a photo; unlabelled and verified empty are two things."""
    shapes = sample.annotations
    rows: Any = None if shapes is None else [[shape.label, shape.kind, shape.points] for shape in shapes]
    if sample.tags or sample.values:
        rows = [rows, sorted(sample.tags), sorted(sample.values.items())]
    # ASCII, as JSON can hold half a character that UTF-8 can't.
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()[:16]


def _known_part(part: object) -> str:
    if part not in PARTS:
        raise ValueError(f"part {part!r}")
    return str(part)

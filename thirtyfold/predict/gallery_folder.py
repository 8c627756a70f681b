"""A gallery on the disk: a plain folder on this machine, numbers and JSON, never code::

    people/
      gallery.json                      names, photo names and hashes, when, which embedder, the threshold
      embeddings-3fa1….safetensors      a unit vector a photo; the name holds its hash
      photos/0123456789abcdef.jpg       only with `enroll --keep-photos`

Only its owner may read the folder (0700, the files 0600, where the system has such rights). ``gallery.json`` is
written last and names the numbers by their hash, so a power cut leaves the gallery of before or that of after.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import dataset_lock, files
from thirtyfold.errors import DataError, UsageError
from thirtyfold.predict.gallery import MAX_DIMENSION, Entry, Gallery, Maker, name_problem
from thirtyfold.predict.recognizer_threshold import Decision, as_mapping

if TYPE_CHECKING:
    from thirtyfold.predict.gallery import Vectors

DEFAULT_GALLERY = Path("people")
GALLERY_FILE = "gallery.json"
# Far more than anybody enrols; what is larger was not written by us, and is not read.
_MAX_ENTRIES = 100_000
_MAX_JSON_BYTES = 64 * 2**20
_MAX_NUMBERS_BYTES = 512 * 2**20
_FORMAT = 1
_TENSOR = "embeddings"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT = re.compile(r"[0-9a-f]{16}\.(jpg|jpeg|png|bmp|webp|tif|tiff)")
_NUMBERS = re.compile(r"embeddings-[0-9a-f]{16}\.safetensors")
# What a killed writer of `files.py` leaves behind.
_HALF_WRITTEN = re.compile(r"\.(embeddings-|gallery\.json|[0-9a-f]{16}\.).*\.tmp")
_PHOTOS = "photos"


def is_gallery(folder: Path) -> bool:
    return (folder / GALLERY_FILE).is_file()


def read_gallery(folder: Path) -> Gallery:
    """The gallery of a folder, everything in it checked. Raises :class:`DataError`."""
    path = folder / GALLERY_FILE
    if not path.exists():
        raise DataError(f"{folder}: holds no people yet; enrol somebody with `thirtyfold enroll NAME PHOTOS`")
    try:
        raw = json.loads(_read(path, _MAX_JSON_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: also whole numbers of thousands of digits
        raise _broken(path, f"cannot be read ({error})") from error
    if not isinstance(raw, dict) or raw.get("format") != _FORMAT:
        raise _broken(path, "was written by another version of thirtyfold, or is no gallery")
    try:
        gallery, digest = _parsed(raw)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _broken(path, f"a field is missing or wrong ({error})") from error
    return replace(gallery, vectors=_read_vectors(folder / _numbers_name(digest), digest, len(gallery.entries)))


def write_gallery(folder: Path, gallery: Gallery) -> int:
    """Write a gallery whole or not at all. To be called while :func:`locked` is held.

    Numbers and kept photos that it no longer names are deleted, so what is forgotten is gone, after a power cut as
    well. Returns how many photos those were.
    """
    from safetensors.numpy import save

    data = save({_TENSOR: gallery.vectors})
    digest = hashlib.sha256(data).hexdigest()
    _write_private(folder / _numbers_name(digest), data)
    decision = None if gallery.decision is None else as_mapping(gallery.decision)
    described = {
        "format": _FORMAT,
        "embedder": asdict(gallery.maker),
        "embeddings_sha256": digest,
        "far": gallery.far,
        "given_threshold": gallery.given_threshold,
        "decision": decision,
        "faces": [asdict(entry) for entry in gallery.entries],
    }
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    # A photo's name that is not UTF-8 holds half letters, which JSON keeps as \udc80.
    _write_private(folder / GALLERY_FILE, text.encode("utf-8", "backslashreplace"))
    kept = {entry.kept for entry in gallery.entries if entry.kept}
    return _delete_all_but(folder, {GALLERY_FILE, _numbers_name(digest), *kept})


def delete_gallery(folder: Path) -> int:
    """Delete all files of a gallery, not the folder; returns how many photos those were. Needs :func:`locked`."""
    return _delete_all_but(folder, set())


def keep_photo(folder: Path, sha256: str, suffix: str, data: bytes) -> str:
    """Copy a photo into the gallery and return the copy's name."""
    name = f"{sha256[:16]}{suffix.lower()}"
    if not _KEPT.fullmatch(name):
        name = f"{sha256[:16]}.jpg"
    photos = folder / _PHOTOS
    _make_private(photos)
    _write_private(photos / name, data)
    return name


@contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Hold the folder for writing; it is made where it is missing.

    Raises :class:`UsageError` if another command holds it, or if it has other files in it.
    """
    if folder.is_dir() and not is_gallery(folder) and _is_used(folder):
        raise UsageError(
            f"{folder}: holds other files and is no gallery; choose another folder, like --people {folder}-gallery"
        )
    _make_private(folder)
    with dataset_lock.locked(folder, doing, mode=0o600):
        yield


def _parsed(raw: Mapping[str, Any]) -> tuple[Gallery, str]:
    """The gallery without its numbers, and their hash. Raises :class:`ValueError` and its like."""
    import numpy as np

    if not isinstance(raw["faces"], list) or len(raw["faces"]) > _MAX_ENTRIES:
        raise ValueError(f"a list of at most {_MAX_ENTRIES} faces was expected")
    entries = tuple(Entry(**face) for face in raw["faces"])
    maker = Maker(**raw["embedder"])
    for entry in entries:
        texts = (entry.name, entry.photo, entry.sha256, entry.when, entry.kept or "")
        if not all(isinstance(text, str) and len(text) < 1000 for text in texts):
            raise ValueError("the names and hashes of a face have to be short texts")
        if problem := name_problem(entry.name):
            raise ValueError(f"the name {entry.name!r} {problem}")
        if not _SHA256.fullmatch(entry.sha256) or (entry.kept and not _KEPT.fullmatch(entry.kept)):
            raise ValueError(f"the photo of {entry.name} has a wrong hash or file name")
    if not all(isinstance(text, str) for text in asdict(maker).values()) or not _SHA256.fullmatch(maker.sha256):
        raise ValueError("the embedder's hash is wrong")
    far, given = float(raw["far"]), raw["given_threshold"]
    if not 0 < far < 1 or (given is not None and not -1 <= float(given) <= 1):
        raise ValueError("the false-accept rate or the threshold is out of range")
    digest = str(raw["embeddings_sha256"])
    if not _SHA256.fullmatch(digest):
        raise ValueError("the hash of the embeddings is wrong")
    decision = None
    if raw["decision"] is not None:
        numbers = {key: float(raw["decision"][key]) for key in ("threshold", "slope", "intercept")}
        decision = Decision(**numbers, by=str(raw["decision"]["by"]), how=str(raw["decision"]["how"]))
    gallery = Gallery(
        maker=maker,
        entries=entries,
        vectors=np.zeros((0, 0), np.float32),
        far=far,
        given_threshold=None if given is None else float(given),
        decision=decision,
    )
    return gallery, digest


def _read_vectors(path: Path, digest: str, count: int) -> Vectors:
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = _read(path, _MAX_NUMBERS_BYTES)
    if hashlib.sha256(data).hexdigest() != digest:
        raise _broken(path, f"is not what {GALLERY_FILE} says (its hash differs)")
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise _broken(path, f"is no safetensors file ({error})") from error
    vectors = tensors.get(_TENSOR)
    if set(tensors) != {_TENSOR} or vectors is None or vectors.ndim != 2 or vectors.dtype != np.float32:
        raise _broken(path, f"holds something else than one float32 table `{_TENSOR}`")
    if len(vectors) != count or not 2 <= vectors.shape[1] <= MAX_DIMENSION:
        raise _broken(path, f"has the shape {vectors.shape}, and {GALLERY_FILE} names {count} faces")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1) < 1e-3):  # false for NaN, too
        raise _broken(path, "has vectors that are not of length 1")
    return np.array(vectors, np.float32)


def _read(path: Path, limit: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise _broken(path, f"is no plain file of at most {limit // 2**20} MB")
        return path.read_bytes()
    except OSError as error:
        raise _broken(path, f"cannot be read ({error.strerror or error})") from error


def _broken(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: {reason}; take a copy from a backup, or delete {path.parent} and enrol anew")


def _numbers_name(digest: str) -> str:
    return f"embeddings-{digest[:16]}.safetensors"


def _is_used(folder: Path) -> bool:
    """Whether it holds anything but what a killed first `enroll` leaves behind."""
    names = {path.name for path in folder.iterdir()}
    return any(
        name not in (dataset_lock.LOCK, dataset_lock.OWNER, _PHOTOS)
        and not _NUMBERS.fullmatch(name)
        and not _HALF_WRITTEN.fullmatch(name)
        for name in names
    )


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise files.writing_failed(folder, error) from error


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read; its folder is private already, so there is no moment in between."""
    files.write_bytes(path, data)
    try:
        path.chmod(0o600)
    except OSError as error:
        raise files.writing_failed(path, error) from error


def _delete_all_but(folder: Path, keep: set[str]) -> int:
    """Delete our files that are not in ``keep``, and half-written ones of a killed command; returns how many photos."""
    photos = folder / _PHOTOS
    here = [path for path in folder.iterdir() if path.name == GALLERY_FILE or _NUMBERS.fullmatch(path.name)]
    kept = [path for path in _inside(photos) if _KEPT.fullmatch(path.name)]
    torn = [path for path in (*folder.iterdir(), *_inside(photos)) if _HALF_WRITTEN.fullmatch(path.name)]
    for path in (*here, *kept):
        if path.name not in keep:
            _delete(path)
    for path in torn:
        _delete(path)
    with contextlib.suppress(OSError):
        photos.rmdir()  # only when it is empty
    return sum(path.name not in keep for path in kept)


def _inside(photos: Path) -> list[Path]:
    # Not through a link: what lies elsewhere is not ours to delete.
    return list(photos.iterdir()) if photos.is_dir() and not photos.is_symlink() else []


def _delete(path: Path) -> None:
    try:
        path.unlink()  # of a link the link alone, never what it leads to
    except OSError as error:
        raise DataError(f"{path}: cannot be deleted ({error.strerror or error}); delete it by hand") from error

"""Arrays that cost minutes and stay the same: letterboxed squares, a frozen backbone's features.

They lie under ``DATASET/.cache/``, a folder an entry, and are read by NumPy alone (no pickles)::

    .cache/
      features-3f9c.../  map0.npy, map1.npy, entry.json
      squares-81aa.../   squares.npy, entry.json

An entry is known by a hash over all that decides about its numbers. It is made in a folder of another
name, which is renamed when it is whole: a killed pass leaves nothing that could be taken for one. Its
``entry.json`` holds a checksum of each array, so that one which has rotted is made anew. The entry that was
used longest ago goes first when there is more than :data:`LIMIT_BYTES`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold import files
from thirtyfold.errors import DataError, UsageError
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMIT_BYTES = 10_000_000_000
FOLDER = ".cache"
# Part of every key: entries of another layout are never read.
_FORMAT = 1
_ENTRY = "entry.json"
_ARRAY_NAME = re.compile(r"[a-z]+[0-9]*\.npy")
# https://bford.info/cachedir/: backup programs leave folders with such a file out.
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# What thirtyfold computed once; may be deleted at any time.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``arrays`` are mapped from the disk, read-only, in the order of their names. ``facts`` is what their maker
    said about them. ``reused``: nothing had to be computed.
    """

    arrays: tuple[NDArray[Any], ...]
    facts: Mapping[str, Any]
    reused: bool


@dataclass(slots=True)
class Cache:
    """The entries under ``folder``. What was obtained by this one is in use, and not removed by it."""

    folder: Path
    limit_bytes: int = LIMIT_BYTES
    _used: set[str] = field(default_factory=set)

    def find(self, kind: str, key: Mapping[str, Any]) -> Entry | None:
        """The entry of that kind and key; ``None`` if there is none, or it is not as it was written."""
        folder = self._folder(kind, key)
        try:
            raw = json.loads((folder / _ENTRY).read_text(encoding="utf-8"))
            arrays = _checked(folder, raw, key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Not removed here: without the lock, another process may just have finished it.
            return None
        with contextlib.suppress(OSError):
            os.utime(folder / _ENTRY)  # used just now
        self._used.add(folder.name)
        return Entry(arrays=arrays, facts=raw["facts"], reused=True)

    def obtain(
        self, kind: str, key: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]], *, about_bytes: int
    ) -> Entry:
        """The entry of that kind and key, made by ``make`` if there is none yet.

        ``make`` writes ``NAME.npy`` files (letters, then digits) into the folder that it is given, ``about_bytes``
        together, and returns facts for JSON. If another process is making the same entry, it is waited for.
        Raises :class:`DataError` or :class:`UsageError` if the folder cannot hold it.
        """
        from filelock import FileLock

        folder = self._folder(kind, key)
        part = self.folder / f".part-{folder.name}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            tag = self.folder / "CACHEDIR.TAG"
            if not tag.exists():
                files.write_text(tag, _TAG, durable=False)
            # Held while it is made, and let go by the system when the process dies, however it does.
            with FileLock(self.folder / f".{folder.name}.lock"):
                if found := self.find(kind, key):
                    return found
                shutil.rmtree(folder, ignore_errors=True)  # a broken one
                shutil.rmtree(part, ignore_errors=True)  # of a pass that was killed
                self._make_room(about_bytes)
                part.mkdir()
                try:
                    facts = dict(make(part))
                    names = sorted(path.name for path in part.glob("*.npy"))
                    written = {name: _state_of(part / name) for name in names}
                    files.write_json(part / _ENTRY, {"key": dict(key), "files": written, "facts": facts})
                    part.replace(folder)
                except BaseException:
                    shutil.rmtree(part, ignore_errors=True)
                    raise
        except OSError as error:
            raise files.writing_failed(folder, error) from error
        self._used.add(folder.name)
        arrays = tuple(np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in names)
        return Entry(arrays=arrays, facts=facts, reused=False)

    def _folder(self, kind: str, key: Mapping[str, Any]) -> Path:
        return self.folder / f"{kind}-{key_hash(key)[:24]}"

    def _make_room(self, about_bytes: int) -> None:
        """Remove what nobody has used for longest, until ``about_bytes`` more stay under the limit and on the disk."""
        entries = []
        for path in self.folder.iterdir():
            if path.name.startswith(".part-") and not _is_held(self.folder / f".{path.name[6:]}.lock"):
                shutil.rmtree(path, ignore_errors=True)
            elif (path / _ENTRY).is_file() and path.name not in self._used:
                with contextlib.suppress(FileNotFoundError):  # another training has just removed it
                    size = sum(item.stat().st_size for item in path.iterdir())
                    entries.append(((path / _ENTRY).stat().st_mtime_ns, path, size))
        held = sum(size for _, _, size in entries)
        for _, path, size in sorted(entries):
            enough = about_bytes < shutil.disk_usage(self.folder).free
            if enough and held + about_bytes <= self.limit_bytes:
                break
            shutil.rmtree(path, ignore_errors=True)
            held -= size
        if about_bytes > shutil.disk_usage(self.folder).free:
            raise DataError(
                f"{self.folder}: {about_bytes / 1e9:.1f} GB are needed there, and the disk is too full; free some "
                "space, or train with a smaller --size or fewer copies"
            )


class GrowingArray:
    """A ``.npy`` file that rows are appended to, (rows, *shape); its header is right once it is closed.

    Not a memory map: on a full disk that kills the process, where writing raises :class:`OSError`.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any) -> None:
        self._shape, self._dtype, self.rows = shape, np.dtype(dtype), 0
        self._stream = path.open("wb")
        self._write_header()
        self._start = self._stream.tell()

    def append(self, rows: NDArray[Any]) -> None:
        """Append (n, *shape)."""
        if rows.shape[1:] != self._shape:
            raise ValueError(f"rows of shape {self._shape} were expected, not {rows.shape[1:]}")
        self._stream.write(np.ascontiguousarray(rows, self._dtype).data)
        self.rows += len(rows)

    def __enter__(self) -> GrowingArray:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                self._stream.seek(0)
                self._write_header()
                if self._stream.tell() != self._start:
                    raise OSError(f"{self._stream.name}: the header changed its length")
        finally:
            self._stream.close()

    def _write_header(self) -> None:
        # NumPy leaves room for the first number to grow (NEP 1, "padded with spaces").
        descr = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (self.rows, *self._shape)}
        np.lib.format.write_array_header_1_0(self._stream, header)


def cache_of(dataset_root: Path, run_dir: Path, *, keep: bool) -> Cache:
    """``DATASET/.cache``; where nothing is to be kept or can be written there, a folder of the run."""
    if keep:
        folder = dataset_root / FOLDER
        try:
            folder.mkdir(exist_ok=True)
        except OSError:
            return Cache(run_dir / FOLDER)
        if os.access(folder, os.W_OK):
            return Cache(folder)
    return Cache(run_dir / FOLDER)


def pictures_key(samples: Sequence[Sample], dataset_root: Path) -> str:
    """A hash over which pictures there are, in their order: names, sizes, and when each file last changed.

    Their labels are not in it: squares and features don't depend on them.
    """
    digest = hashlib.sha256()
    for sample in samples:
        record = sample.record
        path = record.path if record else sample.image_path
        try:
            stat = path.stat()
            state: tuple[int, ...] = (stat.st_size, stat.st_mtime_ns)
        except OSError:
            state = ()  # reading will say what is wrong with it
        name = path.relative_to(dataset_root) if path.is_relative_to(dataset_root) else path.absolute()
        place = (record.offset, record.length) if record else ()
        digest.update(repr((name.as_posix(), *state, *place)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def key_hash(key: Mapping[str, Any]) -> str:
    """64 hex digits over a key of plain values."""
    return hashlib.sha256(json.dumps([_FORMAT, key], sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file. Raises :class:`UsageError` if it can't be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error


def _checked(folder: Path, raw: Any, key: Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
    """The arrays of an entry. Raises :class:`ValueError` (and others) where anything is not as it was written."""
    if key_hash(raw["key"]) != key_hash(key) or not raw["files"] or not isinstance(raw["facts"], dict):
        raise ValueError("another entry")
    arrays = []
    for name, known in sorted(raw["files"].items()):
        path = folder / name
        if not _ARRAY_NAME.fullmatch(name) or _state_of(path) != known:
            raise ValueError(f"{path}: not as it was written")
        arrays.append(np.load(path, mmap_mode="r", allow_pickle=False))
    return tuple(arrays)


def _state_of(path: Path) -> dict[str, int]:
    """Length and checksum of a file."""
    # Reads the file once; it is about to be read many times, so the disk's cache is warm then.
    value = 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            value = zlib.crc32(chunk, value)
    return {"bytes": path.stat().st_size, "crc32": value}


def _is_held(lock: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            return False
    except (Timeout, OSError):
        return True

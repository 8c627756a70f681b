"""A folder, here or on other storage: read, listed and written by the same few verbs.

Elsewhere means what fsspec can reach (https://filesystem-spec.readthedocs.io): ``s3://bucket/faces``,
``gs://...``, ``file:///mnt/share``. Either kind is a small frozen value that travels to another process
or machine and opens its own connection there. Names are relative, with forward slashes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from thirtyfold import files
from thirtyfold.errors import DataError, ImageError, NotInstalledError, UsageError
from thirtyfold.images import Pixels, read_rgb, rgb_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# They show an object when the whole of it has arrived, and have no cheap renaming.
_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"})
_READ_AT_ONCE = 32


class Folder(Protocol):
    """A folder that may not exist yet."""

    def __str__(self) -> str:
        """Its path or URL, for messages."""

    def __hash__(self) -> int:
        """Two folders of one place are equal."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes, ``None`` if there is no such file. Raises :class:`DataError`."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def read_all(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """As :meth:`read`, of many files in their order, some at a time."""

    def open(self, name: str) -> BinaryIO:
        """A file to read from, which can seek. Raises :class:`DataError` if there is none."""

    def sizes(self, subfolder: str = "") -> Mapping[str, int]:
        """The files directly in the subfolder, with their bytes; ``{}`` if there is no such folder."""

    def write(self, name: str, chunks: Iterable[bytes], *, durable: bool = True) -> None:
        """Write a file so that its name never stands for half of it. Raises :class:`DataError`, :class:`UsageError`.

        ``durable=False``: may be lost in a power cut, and is written faster for that.
        """

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""


def read_photo(folder: Folder, name: str) -> Pixels:
    """A photo as RGB uint8 (height, width, 3), upright. Raises :class:`ImageError`."""
    if isinstance(folder, LocalFolder):
        return read_rgb(folder.root / name)
    data = folder.read(name)
    if data is None:
        raise ImageError(Path(name), f"no such file in {folder}")
    return rgb_of(data, Path(name))


def is_url(place: str) -> bool:
    """Whether it names a place through fsspec, and not a path on this machine."""
    return "://" in place


@dataclass(frozen=True, slots=True)
class LocalFolder:
    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{self.root / name}: cannot be opened ({error.strerror or error})") from error

    def exists(self, name: str) -> bool:
        return (self.root / name).exists()

    def read_all(self, names: Sequence[str]) -> Iterator[bytes | None]:
        return map(self.read, names)

    def open(self, name: str) -> BinaryIO:
        try:
            return (self.root / name).open("rb")
        except OSError as error:
            raise DataError(f"{self.root / name}: cannot be opened ({error.strerror or error})") from error

    def sizes(self, subfolder: str = "") -> Mapping[str, int]:
        folder = self.root / subfolder
        sizes: dict[str, int] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # One that another process has renamed or removed meanwhile says nothing about the others.
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file():
                            sizes[entry.name] = entry.stat().st_size
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UsageError(f"{folder}: cannot be read ({error.strerror or error})") from error
        return sizes

    def write(self, name: str, chunks: Iterable[bytes], *, durable: bool = True) -> None:
        files.write_chunks(self.root / name, chunks, durable=durable)

    def remove(self, name: str) -> None:
        try:
            (self.root / name).unlink(missing_ok=True)
        except OSError as error:
            raise files.writing_failed(self.root / name, error) from error


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """Credentials come from where the storage's own package looks for them (environment, its own files).

    Everything raises :class:`NotInstalledError` if fsspec, or its package for this storage, is missing.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def read(self, name: str) -> bytes | None:
        system, root = _connect(self.url)
        try:
            return cast(bytes, system.cat_file(f"{root}/{name}"))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._failed(name, "read", error) from error

    def exists(self, name: str) -> bool:
        system, root = _connect(self.url)
        try:
            return bool(system.exists(f"{root}/{name}"))
        except Exception as error:
            raise self._failed(name, "read", error) from error

    def read_all(self, names: Sequence[str]) -> Iterator[bytes | None]:
        # Not fsspec's own bulk reading, which takes the brackets in a photo's name for a pattern.
        with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            for start in range(0, len(names), _READ_AT_ONCE):
                yield from pool.map(self.read, names[start : start + _READ_AT_ONCE])

    def open(self, name: str) -> BinaryIO:
        system, root = _connect(self.url)
        try:
            return cast(BinaryIO, system.open(f"{root}/{name}", "rb"))
        except Exception as error:
            raise self._failed(name, "read", error) from error

    def sizes(self, subfolder: str = "") -> Mapping[str, int]:
        system, root = _connect(self.url)
        path = f"{root}/{subfolder}".rstrip("/")
        try:
            system.invalidate_cache(path)
            found = system.ls(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except Exception as error:
            raise self._failed(subfolder, "read", error) from error
        return {
            entry["name"].rstrip("/").rpartition("/")[2]: int(entry["size"] or 0)
            for entry in found
            if entry["type"] == "file"
        }

    def write(self, name: str, chunks: Iterable[bytes], *, durable: bool = True) -> None:
        system, root = _connect(self.url)
        whole = b"".join(chunks)  # before anything of the storage's, whose errors are another matter
        try:
            if _is_object_store(system):
                system.pipe_file(f"{root}/{name}", whole)
            else:
                _write_and_rename(system, f"{root}/{name}", whole)
        except Exception as error:
            raise self._failed(name, "written", error) from error

    def remove(self, name: str) -> None:
        system, root = _connect(self.url)
        try:
            system.rm_file(f"{root}/{name}")
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._failed(name, "removed", error) from error

    def _failed(self, name: str, what: str, error: Exception) -> DataError | NotInstalledError:
        if isinstance(error, ImportError):
            return _not_installed(self.url, error)
        # Storage packages raise what they like (botocore's are no OSErrors), some with no text at all.
        return DataError(
            f"{self.url}/{name}: cannot be {what} ({type(error).__name__}: {error}); look at the address, the "
            "credentials of this storage, and the network"
        )


@lru_cache(maxsize=16)
def _connect(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL, and what it calls the folder."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise NotInstalledError(
            f"{url}: fsspec reads and writes such places and is not installed; run `pip install thirtyfold[cluster]`"
        ) from error
    try:
        system, root = url_to_fs(url)
    except ImportError as error:
        raise _not_installed(url, error) from error
    except Exception as error:
        raise UsageError(f"{url}: fsspec knows no such address ({error}); s3://BUCKET/FOLDER was expected") from error
    return system, str(root).rstrip("/")


def _not_installed(url: str, error: ImportError) -> NotInstalledError:
    return NotInstalledError(f"{url}: the package for this storage is missing ({error}); install it with pip")


def _is_object_store(system: AbstractFileSystem) -> bool:
    names = (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)
    return not _OBJECT_STORES.isdisjoint(names)


def _write_and_rename(system: AbstractFileSystem, path: str, data: bytes) -> None:
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name[:80]}.{os.urandom(4).hex()}.tmp"
    system.makedirs(folder, exist_ok=True)
    try:
        with system.open(temporary, "wb") as stream:
            stream.write(data)
        try:
            system.mv(temporary, path)
        except Exception:
            # SFTP won't rename onto a file that is there; what we write twice has the same bytes both times.
            if not system.exists(path):
                raise
            system.rm_file(path)
            system.mv(temporary, path)
    except BaseException:
        with contextlib.suppress(Exception):
            system.rm_file(temporary)
        raise

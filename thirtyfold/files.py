"""Writing so that a power cut leaves the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from thirtyfold.errors import DataError, UsageError


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` by temporary file, fsync and rename in the same folder.

    ``durable=False`` leaves out the fsync, for files that can be made again (augmented
    copies): the name still never points at half a file while the machine stays up.
    Raises :class:`UsageError` if the folder can't be written, :class:`DataError` if the
    disk is full.
    """
    write_chunks(path, (data,), durable=durable)


def write_chunks(path: Path, chunks: Iterable[bytes], *, durable: bool = True) -> None:
    """As :func:`write_bytes`, of a file that comes in pieces and is never whole in memory.

    An error raised by ``chunks`` leaves what was there before and passes through, but for an :class:`OSError`, which
    counts as one of the writing.
    """
    temporary = path.with_name(temporary_name(path.name))
    try:
        descriptor = _create(temporary)
        try:
            for chunk in chunks:
                _write_whole(descriptor, chunk)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise writing_failed(path, error) from error
        raise


def temporary_name(name: str) -> str:
    """A new name for what becomes ``name`` when it is whole; never longer than file systems take (255 bytes)."""
    # A leading dot: whoever lists the folder meanwhile does not take it for a photo.
    return f".{cut_to_bytes(name, 200)}.{os.urandom(4).hex()}.tmp"


def cut_to_bytes(name: str, limit: int) -> str:
    """The beginning of a file's name that has no more than ``limit`` bytes on the disk; no letter is cut in two."""
    while len(os.fsencode(name)) > limit:
        name = name[:-1]
    return name


def is_text(path: Path) -> bool:
    """Whether the name is text, without bytes of another encoding, which Python keeps as half letters (PEP 383)."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _create(path: Path) -> int:
    """A file descriptor: Python's own streams ask the system thrice as much, half the time of a small file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # The folder is nearly always there: asking for it first would cost every file a system call.
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


def _write_whole(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # the system may take less at once: of gigabytes, or on a disk almost full
        written += os.write(descriptor, memoryview(data)[written:])


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write ``text`` as UTF-8 with ``\\n`` line ends, half letters as ``\\udc80``; see :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"), durable=durable)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write ``value`` as indented JSON, keys in the order given; see :func:`write_bytes`.

    Raises :class:`DataError`, too, if keys that come from elsewhere are nested hundreds of levels deep.
    """
    try:
        data = json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:  # half a character, which JSON can hold as \udc80 and UTF-8 can't
        data = json.dumps(value, indent=2).encode("ascii")
    except RecursionError as error:
        raise DataError(f"{path}: cannot be written, as some of its keys are nested too deeply") from error
    write_bytes(path, data + b"\n", durable=durable)


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside ``target`` that gets its name when the block ends well, and is gone when it does not.

    ``target`` must not exist, or be empty. After a kill only the hidden one is there, and is in nobody's way.
    Raises as :func:`write_bytes` does.
    """
    import shutil
    import tempfile

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        name = cut_to_bytes(target.name, 200)
        folder = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=target.parent))
    except OSError as error:
        raise writing_failed(target, error) from error
    try:
        yield folder
        _give_name(folder, target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _give_name(folder: Path, target: Path) -> None:
    try:
        folder.chmod(0o777 & ~umask())
        if target.exists():
            target.rmdir()  # empty, or this says so
        folder.rename(target)
    except OSError as error:
        raise writing_failed(target, error) from error


def append_line(path: Path, line: str, *, durable: bool = True) -> None:
    """Add one line to ``path`` and flush it to the disk; ``durable=False`` leaves out the fsync.

    A line torn by a power cut is healed first: the next one starts on a line of its own.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as stream:
            if stream.tell() > 0:
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
            # Half a letter, from a name that is not UTF-8, becomes \udc80 in the line: JSON reads it as it was.
            stream.write(line.encode("utf-8", "backslashreplace") + b"\n")
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
    except OSError as error:
        raise writing_failed(path, error) from error


def parse_json(data: bytes) -> Any:
    """What the bytes of a JSON file say (UTF-8, with or without a byte-order mark). Raises :class:`ValueError`.

    So do brackets in thousands of brackets and whole numbers of thousands of digits, which Python refuses to read.
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("brackets are nested too deeply") from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file, torn or foreign lines left out; ``[]`` if there is none."""
    rows: list[dict[str, Any]] = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return rows
    for line in text.split("\n"):  # `splitlines` would also cut at U+2028, which stands in JSON as it is
        with contextlib.suppress(ValueError, RecursionError):  # ValueError: also a number of thousands of digits
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows


def writing_failed(path: Path, error: OSError) -> DataError | UsageError:
    """The error to raise when writing ``path`` failed with ``error``."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(f"{path}: the disk is full; free some space and run the same command again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UsageError(f"{path.parent}: cannot be written to; choose another folder or change its permissions")
    return DataError(f"{path}: cannot be written ({error.strerror or error})")


def umask() -> int:
    # There is no way to read the mask but to set it; both calls are instant.
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""One writer at a time in a dataset's folder, who says who he is.

The lock is the operating system's own on ``.lock``: it goes with the process that holds it, so
a command that was killed never keeps the next one out. Beside it ``.lock-owner`` says who holds
it (command, process, machine, since when), for the sentence that the second one gets. A lock
that is free while that file is there was held by a command that was broken off.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold import files
from thirtyfold.errors import DataError, UsageError
from thirtyfold.progress import SILENT, Progress

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".lock"
OWNER = ".lock-owner"
# What NFS without its lock service, and shares without any, answer.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds a dataset. ``since`` is this machine's time, to the second, for people."""

    doing: str
    process: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"{self.doing}, process {self.process} on {self.host} since {self.since}"


@contextmanager
def locked(root: Path, doing: str, *, progress: Progress = SILENT, mode: int | None = None) -> Iterator[None]:
    """Hold the folder ``root`` for writing; makes it if it is not there.

    ``mode`` are the rights of the lock's file, ``None`` for the usual ones. Says so where the last holder was broken
    off. Raises :class:`UsageError` at once where another process (or another thread of this one) holds it, and where
    the folder can't be written or its disk knows no locks.
    """
    held = _acquired(root, doing, mode)
    owner = root / OWNER
    try:
        broken_off = read_owner(root)
        if broken_off is not None:
            progress.say(f"{root}: the command before was broken off ({broken_off}); going on")
        mine = Owner(doing=doing, process=os.getpid(), host=socket.gethostname(), since=f"{datetime.now():%F %T}")
        # Only the name of who is here: a full disk is told by what the command itself writes.
        with contextlib.suppress(DataError, UsageError):
            files.write_json(owner, asdict(mine), durable=False)
        yield
    finally:
        with contextlib.suppress(OSError):
            owner.unlink(missing_ok=True)
        held.release()


def read_owner(root: Path) -> Owner | None:
    """Who holds a dataset, or held it when it was broken off; ``None`` where nobody has written that down."""
    try:
        raw = json.loads((root / OWNER).read_text(encoding="utf-8"))
        return Owner(
            doing=str(raw["doing"]), process=int(raw["process"]), host=str(raw["host"]), since=str(raw["since"])
        )
    except (OSError, ValueError, TypeError, LookupError):
        return None


def _acquired(root: Path, doing: str, mode: int | None) -> BaseFileLock:
    from filelock import FileLock, Timeout

    try:
        root.mkdir(parents=True, exist_ok=True)
        # Left to itself the file gets what the user's mask gives.
        held = FileLock(root / LOCK, timeout=0) if mode is None else FileLock(root / LOCK, timeout=0, mode=mode)
        with warnings.catch_warnings():
            # Where the disk has no such call at all, filelock keeps a marker file instead, and warns of it.
            warnings.filterwarnings("ignore", message="flock not supported")
            held.acquire()
    except Timeout as error:
        owner = read_owner(root)
        who = f" ({owner})" if owner is not None else ""
        raise UsageError(
            f"{root}: another thirtyfold command is at work here{who}; wait for it, then {doing} again"
        ) from error
    except (OSError, NotImplementedError) as error:  # the second one by older versions of filelock
        if isinstance(error, NotImplementedError) or error.errno in _NO_LOCKS:
            raise UsageError(
                f"{root}: its disk gives no locks ({error}), so a second command could not be kept out; "
                "work on a copy on a disk of this machine"
            ) from error
        raise files.writing_failed(root / LOCK, error) from error
    return held

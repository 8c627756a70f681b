"""Disks that are full or may only be read, where this machine lets us make some."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = 4096


@contextlib.contextmanager
def small_disk(folder: Path, *, kibibytes: int) -> Iterator[Path]:
    """A file system of that size at ``folder``; the test is skipped where nobody may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k,mode=755", "thirtyfold-test", str(folder)]
    _mount(command)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """``folder`` as on a read-only disk; the test is skipped where nobody may mount one."""
    _mount(["mount", "--bind", str(folder), str(folder)])
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True, capture_output=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def _mount(command: list[str]) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no mount here ({error})")
    if done.returncode:
        pytest.skip(f"nothing may be mounted here ({done.stderr.strip()})")


def fill(folder: Path, *, leave: int) -> Path:
    """A file that leaves so many bytes of the disk free."""
    filler = folder / ".filler"
    filler.unlink(missing_ok=True)
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    filler.write_bytes(bytes(max(0, free - leave)))
    return filler


class Budget:
    """So many bytes that `os.write` still takes, as of a disk that fills up; for machines that mount nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, bytes_left: int) -> None:
        self._left = bytes_left
        self._write = os.write
        monkeypatch.setattr(os, "write", self._writes)

    def _writes(self, descriptor: int, data: Any) -> int:
        if descriptor > 2:
            if self._left <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            data = memoryview(data)[: self._left]  # a disk that is almost full takes less
            self._left -= len(data)
        return self._write(descriptor, data)

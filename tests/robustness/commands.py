"""The real commands run in this process, and what a folder holds before and after."""

from __future__ import annotations

import contextlib
import hashlib
import io
import traceback
from dataclasses import dataclass
from pathlib import Path

from thirtyfold import cli


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended, and what it said. ``exit_code`` 1 is a bug: its traceback is in ``stderr``."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


def run(*arguments: str | Path) -> Ran:
    """``thirtyfold ARGUMENTS`` by its real entry point, in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    exit_code: int | str | None = 0
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            exit_code = end.code
        except Exception:
            # As the interpreter does with what nobody catches.
            traceback.print_exc()
            exit_code = 1
    return Ran(exit_code=int(exit_code or 0), stdout=stdout.getvalue(), stderr=stderr.getvalue())


def tree(folder: Path) -> dict[str, str]:
    """Every file and link under a folder, with a hash of its bytes or where it leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def half_written(folder: Path) -> list[str]:
    """What a write that was not finished leaves: our temporary files and folders."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(".*.tmp*"))

"""Run as a program: commands in forked children, each of which may be killed at a chosen step to the disk.

    python -m tests.robustness.fork_server [MODULE ...]

Imports the modules, then reads orders, a line of JSON each, and answers each with one. An order has
``arguments`` of a command (or ``call``, ``module:function``, whose arguments they are), the folder to
work in and to ``watch``, and ``kill_at``: before that step to the disk below the folder the child is ended by SIGKILL,
or, if the step writes bytes, after half of them. The answer has the number of ``steps`` that were made,
the ``status`` (an exit code, or minus a signal), and what was ``said``.

A kill by the clock hits the start of the interpreter nine times out of ten; this one always hits the work.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHANGES = frozenset({"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod"})


class _Steps:
    """Counts what changes the disk below a folder, and kills this process when its time has come."""

    def __init__(self, watched: str, kill_at: int | None) -> None:
        self.count = 0
        self._watched = watched
        self._kill_at = kill_at
        self._ours: set[int] = set()
        self._write, self._fsync, self._open = os.write, os.fsync, os.open

    def begin(self) -> None:
        sys.addaudithook(self._hear)
        os.write, os.fsync, os.open = self._written, self._synced, self._opened  # type: ignore[assignment]

    def _step(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_watched(self, path: object) -> bool:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        # Relative ones are in the folder we work in, or those of `shutil.rmtree` below an open one.
        return isinstance(path, (str, os.PathLike)) and (
            not Path(path).is_absolute() or os.fspath(path).startswith(self._watched)
        )

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and self._is_watched(path):
                self._step()
        elif event in _CHANGES and self._is_watched(arguments[0]):
            self._step()

    def _opened(self, path: Any, flags: int, *others: Any, **named: Any) -> int:
        descriptor = self._open(path, flags, *others, **named)
        if flags & (os.O_WRONLY | os.O_RDWR) and self._is_watched(path):
            self._ours.add(descriptor)
        return descriptor

    def _written(self, descriptor: int, data: Any) -> int:
        if descriptor in self._ours:
            if self.count + 1 == self._kill_at:
                self._write(descriptor, memoryview(data)[: len(data) // 2])
            self._step()
        return self._write(descriptor, data)

    def _synced(self, descriptor: int) -> None:
        self._step()
        self._fsync(descriptor)


def _obey(order: dict[str, Any], answer: int, said: Any) -> None:
    """In the child: do it, and send the number of steps."""
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    steps = _Steps(str(Path(order["watch"]).resolve()), order.get("kill_at"))
    status = 0
    try:
        work = _work_of(order)
        os.chdir(order["watch"])
        steps.begin()
        work()
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    steps._write(answer, json.dumps([steps.count, status]).encode())
    os._exit(0)


def _work_of(order: dict[str, Any]) -> Callable[[], Any]:
    if "call" in order:
        module, function = order["call"].split(":")
        return lambda: getattr(importlib.import_module(module), function)(*order["arguments"])
    from thirtyfold import cli

    return lambda: cli.main(order["arguments"])


def main() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        with tempfile.TemporaryFile() as said:
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                os.close(reading)
                _obey(order, writing, said)
            os.close(writing)
            with os.fdopen(reading, "rb") as stream:
                sent = stream.read()
            _, wait_status = os.waitpid(child, 0)
            ended = os.waitstatus_to_exitcode(wait_status)
            steps, status = json.loads(sent) if sent else (0, ended)
            said.seek(0)
            text = said.read().decode("utf-8", "replace")
        sys.stdout.write(json.dumps({"steps": steps, "status": status if ended == 0 else ended, "said": text}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

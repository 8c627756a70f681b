"""When this process started, so that "first box after" counts what a person waited, Python's own start included."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# CPU time so far is about what the start took, where the system does not say when it was.
_GUESSED_START = time.perf_counter() - time.process_time()


def process_started_at() -> float:
    """The start of this process on the clock of ``time.perf_counter()``, in seconds.

    On Linux from ``/proc`` (proc(5), ``starttime``, to a hundredth of a second); elsewhere
    a guess from the CPU time that had been used when this module was imported.
    """
    if sys.platform.startswith("linux"):
        import os

        try:
            # The second field is the program's name in brackets, which may hold spaces.
            fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
            started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
            age = time.clock_gettime(time.CLOCK_BOOTTIME) - started
        except (OSError, ValueError, IndexError):
            return _GUESSED_START
        # Some sandboxes count from another zero: no process is younger than its CPU time.
        if 0 <= age < 86_400 * 365:
            return time.perf_counter() - age
    return _GUESSED_START

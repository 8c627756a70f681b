"""Keeping what C++ libraries chat on stderr away from the person who waits.

TensorFlow and LiteRT write past every setting of theirs ("oneDNN custom operations are
on", "Created TensorFlow Lite XNNPACK delegate"), so the file descriptor itself is
turned aside for the moment; what is no chat comes out afterwards.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

# glog's lines of information and warning, and their heads.
TENSORFLOW_CHAT = (b"I0", b"I1", b"W0", b"W1", b"WARNING: All log messages before absl")
LITERT_CHAT = (b"INFO:",)
# The descriptor is the process's: of two threads that turn it aside, the one that began first would end first, and
# the other would put the first one's temporary file back in the place of stderr, for good.
_ONE_THREAD = threading.RLock()


@contextlib.contextmanager
def without_lines(prefixes: tuple[bytes, ...]) -> Iterator[None]:
    """Hold stderr back while the block runs, then write what does not start with ``prefixes``.

    Another thread that asks for the same waits until the block has ended.
    """
    with _ONE_THREAD, _held_back(prefixes):
        yield


@contextlib.contextmanager
def _held_back(prefixes: tuple[bytes, ...]) -> Iterator[None]:
    try:
        sys.stderr.flush()
        aside = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the block below
        real = os.dup(2)
    except (OSError, AttributeError, ValueError):
        yield  # no stderr to keep clean
        return
    try:
        os.dup2(aside.fileno(), 2)
        yield
    finally:
        os.dup2(real, 2)
        os.close(real)
        with aside:
            aside.seek(0)
            others = [line for line in aside if not line.startswith(prefixes)]
        for line in others:
            os.write(2, line)

"""Waiting for what another thread, process or browser does, for as long as a slow machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

# For everything that the tests wait for: it costs nothing where it comes early.
PATIENCE_SECONDS = 60.0
T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], what: str = "what the test waits for") -> T:
    """The first answer of ``condition`` that is true, asked every 20 ms; fails the test when none comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_SECONDS:g} seconds in vain for {what}")
        time.sleep(0.02)

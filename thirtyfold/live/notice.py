"""A message to the person who watches, shown for a moment."""

from __future__ import annotations

import time

_SHOWN_SECONDS = 3.0


class Notice:
    """``count`` is how many there were, so that a page can tell two of the same text apart."""

    def __init__(self) -> None:
        self.count = 0
        self._text = ""
        self._until = 0.0

    def say(self, text: str) -> None:
        self.count += 1
        self._text, self._until = text, time.perf_counter() + _SHOWN_SECONDS

    @property
    def text(self) -> str:
        """What is to be shown now, often nothing."""
        return self._text if time.perf_counter() < self._until else ""

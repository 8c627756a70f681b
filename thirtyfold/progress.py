"""How work that takes long reports its progress without printing: the caller passes in what shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Bar(Protocol):
    def advance(self, count: int = 1) -> None: ...

    def note(self, text: str) -> None:
        """Show ``text`` at the end of the bar (a loss, a count)."""


class Progress(Protocol):
    def say(self, text: str) -> None:
        """One line for the person who waits."""

    def bar(self, label: str, *, total: int | None = None, unit: str = "it") -> AbstractContextManager[Bar]: ...


class _SilentBar:
    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class Silent:
    """The library's default: says nothing."""

    def say(self, text: str) -> None:
        pass

    @contextmanager
    def bar(self, label: str, *, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
        yield _SilentBar()


SILENT = Silent()

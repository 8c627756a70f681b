"""The terminal: progress on stderr, data on stdout, tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from thirtyfold.progress import Bar


class _TqdmBar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        self._bar.update(count)

    def note(self, text: str) -> None:
        self._bar.set_postfix_str(text)


class Terminal:
    """Progress for a person: lines and tqdm bars on stderr (no bars when it is not a terminal)."""

    def say(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    @contextmanager
    def bar(self, label: str, *, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
        from tqdm import tqdm

        # disable=None: tqdm's own "only on a terminal".
        with tqdm(total=total, desc=label, unit=unit, disable=None, file=sys.stderr, dynamic_ncols=True) as bar:
            yield _TqdmBar(bar)


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; plain text where it is not a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        # As Text: a file or label named "[/b]" is no markup.
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print(table)


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Names and values, one a line, as a table without a head."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", show_header=False)
    for _ in range(2):
        table.add_column(overflow="fold")  # a path cut short with "..." is of no use
    for name, value in facts.items():
        table.add_row(Text(name), Text(str(value)))
    Console().print(table)

"""Names in the order in which people count, and the first few of many for a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from thirtyfold.datasets.reading import whole_number


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which 9.jpg stands before 10.jpg."""
    pieces = re.split(r"([0-9]+)", name)
    return [(1, 0, piece) if (number := whole_number(piece)) is None else (0, number, "") for piece in pieces if piece]


def some_of(names: Sequence[str], most: int = 3) -> str:
    """The first ``most`` names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

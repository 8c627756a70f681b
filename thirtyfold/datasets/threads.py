"""One thing done to many photos on threads: decoding and writing let go of Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from thirtyfold.progress import Progress

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_on_threads(
    function: Callable[[_Item], _Result], items: Sequence[_Item], *, label: str, progress: Progress, workers: int = 0
) -> list[_Result]:
    """``function`` of every item, in their order; ``workers`` threads, 0 is one a core.

    An error of one, or Ctrl-C, ends it: those that have not begun are never done.
    """
    results = []
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
    with progress.bar(label, total=len(items), unit="photos") as bar:
        try:
            for result in pool.map(function, items):
                results.append(result)
                bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)
    return results

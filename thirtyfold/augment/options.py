"""What a person can choose of the augmentation."""

from __future__ import annotations

import os
from dataclasses import dataclass

from thirtyfold.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentOptions:
    """``factor`` copies a train photo by ``recipe``, seeded by ``seed``, on ``workers`` processes.

    A box of which less than ``min_visible`` (0 to 1, of its area) is left in the
    picture counts as gone.
    """

    factor: int = 30
    recipe: str = "webcam"
    seed: int = 0
    workers: int = 0
    min_visible: float = 0.4

    def __post_init__(self) -> None:
        if not 1 <= self.factor <= 10_000:
            raise UsageError(f"--factor {self.factor}: 1 to 10000 copies a photo were expected")
        if self.workers < 0:
            raise UsageError(f"--workers {self.workers}: a number of processes was expected (0 = one a core)")
        if not 0 < self.min_visible <= 1:
            raise UsageError(f"--min-visible {self.min_visible}: a share above 0 and up to 1 was expected")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: 0 or more was expected")

    @property
    def processes(self) -> int:
        """The number of worker processes to start."""
        if self.workers:
            return self.workers
        # The cores this process may use, which in a container are fewer than the machine has.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""What a person can choose of the augmentation."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.errors import UsageError

STORES = ("files", "shards")
ENGINES = ("processes", "dask")


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentOptions:
    """``factor`` copies a train photo by ``recipe``, seeded by ``seed``, on ``workers`` processes.

    A box of which less than ``min_visible`` (0 to 1, of its area) is left in the
    picture counts as gone. ``store``: loose ``files``, or ``shards`` (TFRecord), whose pictures are scaled
    down until their longer side is ``shard_size`` pixels (0: not at all). ``engine``: ``processes`` of this
    machine, or ``dask``: the workers of the cluster at ``scheduler``, without one a cluster of this machine's own.
    ``attributes`` says where those of the photos stand: a photo that has some is multiplied without any shape.
    """

    factor: int = 30
    recipe: str = "webcam"
    seed: int = 0
    workers: int = 0
    min_visible: float = 0.4
    store: str = "files"
    shard_size: int = 0
    engine: str = "processes"
    scheduler: str | None = None
    attributes: AttributeOptions = field(default_factory=AttributeOptions)

    def __post_init__(self) -> None:
        if not 1 <= self.factor <= 10_000:
            raise UsageError(f"--factor {self.factor}: 1 to 10000 copies a photo were expected")
        if self.workers < 0:
            raise UsageError(f"--workers {self.workers}: a number of processes was expected (0 = one a core)")
        if not 0 < self.min_visible <= 1:
            raise UsageError(f"--min-visible {self.min_visible}: a share above 0 and up to 1 was expected")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: 0 or more was expected")
        if self.store not in STORES:
            raise UsageError(f"--store {self.store}: {' or '.join(STORES)} was expected")
        if self.shard_size and not 16 <= self.shard_size <= 10_000:
            raise UsageError(f"--shard-size {self.shard_size}: 16 to 10000 pixels were expected, or 0 for no change")
        if self.shard_size and self.store != "shards":
            raise UsageError("--shard-size is for pictures in shards; add --store shards, or leave it out")
        if self.engine not in ENGINES:
            raise UsageError(f"--engine {self.engine}: {' or '.join(ENGINES)} was expected")
        if self.scheduler is not None:
            self._check_scheduler(self.scheduler)

    def _check_scheduler(self, scheduler: str) -> None:
        if self.engine != "dask":
            raise UsageError(f"--scheduler {scheduler} is the address of a Dask cluster; add --engine dask")
        if not scheduler.startswith(("tcp://", "tls://", "ucx://", "ws://", "wss://")):
            raise UsageError(f"--scheduler {scheduler}: an address like tcp://10.0.0.5:8786 was expected")
        if self.workers:
            raise UsageError("--workers is for processes that we start; a cluster at --scheduler has its own workers")

    @property
    def processes(self) -> int:
        """The number of worker processes to start."""
        if self.workers:
            return self.workers
        # The cores this process may use, which in a container are fewer than the machine has.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

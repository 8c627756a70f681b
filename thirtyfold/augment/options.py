"""What a person can choose of the augmentation."""

from __future__ import annotations

import os
from dataclasses import dataclass

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.errors import UsageError
from thirtyfold.option import nested, option

STORES = ("files", "shards")
ENGINES = ("processes", "dask")


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentOptions:
    """``min_visible`` is a share of the box's area, 0 to 1. ``attributes`` says where those of the photos stand; a
    photo that has some is multiplied even without any shape.
    """

    factor: int = option(30, help="Copies a train photo.")
    recipe: str = option("webcam", help="What is done to the pictures: a name (see --list-recipes) or a YAML file.")
    seed: int = option(0, help="Same seed, same bytes.")
    workers: int = option(0, help="Processes; 0 is one a core.")
    min_visible: float = option(0.4, help="A box that shows less of itself counts as gone.")
    store: str = option(
        "files", help="`files`: a JPEG and a labelme file each. `shards`: TFRecord, faster, for training."
    )
    shard_size: int = option(
        0,
        help="Scale pictures in shards down until the longer side has so many pixels, labels with them; "
        "0 leaves them as the recipe made them.",
    )
    engine: str = option("processes", help="`processes` of this machine, or `dask`: a cluster's.")
    scheduler: str | None = option(None, help="The Dask cluster, tcp://HOST:PORT. [default: one of this machine's own]")
    attributes: AttributeOptions = nested(AttributeOptions)

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

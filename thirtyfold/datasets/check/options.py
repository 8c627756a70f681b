"""What a person can choose of ``check``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.errors import UsageError

PAGE_NAME = "check.html"
FIXED_NAME = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """``labels`` are the known ones (none: rare labels are compared with frequent ones).

    ``page`` writes the HTML page, into ``page_path`` or ``DATASET/check.html``; ``fix``
    writes corrected copies, into ``fix_dir`` or ``DATASET/fixed``. ``strict``: warnings
    count as errors. ``workers`` are threads, 0 is one a core. ``attributes`` says where those of the
    photos stand.
    """

    labels: tuple[str, ...] = ()
    page: bool = True
    page_path: Path | None = None
    fix: bool = False
    fix_dir: Path | None = None
    strict: bool = False
    workers: int = 0
    attributes: AttributeOptions = field(default_factory=AttributeOptions)

    def __post_init__(self) -> None:
        if self.page_path is not None and not self.page:
            raise UsageError("--html and --no-html exclude each other; leave one out")
        if self.workers < 0:
            raise UsageError(f"--workers {self.workers}: 0 (one a core) or more was expected")
        if any(not label.strip() for label in self.labels):
            raise UsageError("--labels: a label is empty; write them like --labels face,mask")

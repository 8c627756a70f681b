"""What a person can choose of ``check``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.errors import UsageError
from thirtyfold.option import nested, option

PAGE_NAME = "check.html"
FIXED_NAME = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Without ``labels`` rare labels are compared with frequent ones. ``attributes`` says where those of the photos
    stand.
    """

    labels: tuple[str, ...] = option((), help="The labels there should be, separated by commas. [default: any]")
    page_path: Path | None = option(None, flag="--html", help="Write the page here. [default: DATASET/check.html]")
    page: bool = option(True, flag="--no-html", help="Write no page.")
    fix: bool = option(False, help="Write corrected copies into DATASET/fixed.")
    fix_dir: Path | None = option(None, flag="--fix-into", help="Write corrected copies into this new folder.")
    strict: bool = option(False, help="Warnings count as errors.")
    workers: int = option(0, help="Threads; 0 is one a core.")
    attributes: AttributeOptions = nested(AttributeOptions)

    def __post_init__(self) -> None:
        if self.page_path is not None and not self.page:
            raise UsageError("--html and --no-html exclude each other; leave one out")
        if self.workers < 0:
            raise UsageError(f"--workers {self.workers}: 0 (one a core) or more was expected")
        if any(not label.strip() for label in self.labels):
            raise UsageError("--labels: a label is empty; write them like --labels face,mask")

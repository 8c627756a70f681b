"""What a person can choose of the live picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.errors import UsageError

VIEWS = ("auto", "window", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """``source`` as for capture. ``threshold`` is ``None`` for the model's own.

    ``view`` is ``window``, ``none``, or ``auto``: a window where there is a screen. ``save`` is a
    video file to write the drawn picture to; ``review_dataset`` is the dataset folder that the C key saves frames to.
    """

    source: str = "0"
    threshold: float | None = None
    view: str = "auto"
    save: Path | None = None
    max_seconds: float | None = None
    review_dataset: Path = Path("datasets/faces")

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise UsageError(f"--view {self.view}: one of {', '.join(VIEWS)} was expected")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold {self.threshold}: a score between 0 and 1 was expected")
        if self.max_seconds is not None and self.max_seconds <= 0:
            raise UsageError(f"--max-seconds {self.max_seconds}: more than 0 was expected")

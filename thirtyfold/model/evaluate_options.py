"""What a person can choose of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.errors import UsageError

EVALUATED_PARTS = ("test", "val", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """``run`` is the run to judge, ``None`` for ready detectors alone; ``against`` are others beside it.

    ``dataset`` is ``None`` for what the run was trained on. ``part`` is ``test``, ``val`` or ``all``; ``None`` is
    ``test``, and ``all`` for another dataset without a split. ``baselines`` are ready detectors (``haar``, ``yunet``,
    a ``.onnx`` file). ``threshold`` replaces everybody's own. ``out`` is a new folder for the report.
    """

    run: str | None = None
    against: tuple[str, ...] = ()
    dataset: Path | None = None
    part: str | None = None
    baselines: tuple[str, ...] = ()
    threshold: float | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.part is not None and self.part not in EVALUATED_PARTS:
            raise UsageError(f"--part {self.part}: one of {', '.join(EVALUATED_PARTS)} was expected")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold {self.threshold}: a score between 0 and 1 was expected")
        if self.run is None and not self.baselines:
            raise UsageError("nothing to evaluate: give a run, like `thirtyfold evaluate latest`, or --baselines haar")
        if self.run is None and self.dataset is None:
            raise UsageError("--baselines without a run need photos: give them by --dataset")
        if self.run is None and self.against:
            raise UsageError("--against: there is no run to compare with; name it first, like `evaluate latest`")

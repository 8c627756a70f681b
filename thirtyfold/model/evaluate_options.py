"""What a person can choose of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from thirtyfold.errors import UsageError

EVALUATED_PARTS = ("test", "val", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """``run`` is the run to judge, ``None`` for ready detectors alone; ``against`` are others beside it.

    ``dataset`` is ``None`` for what the run was trained on. ``part`` is ``test``, ``val`` or ``all``; ``None`` is
    ``test``, and ``all`` for another dataset without a split. ``baselines`` are ready detectors (``haar``, ``yunet``,
    a ``.onnx`` file). ``chain`` are finders behind which the run, a classifier, is judged
    (see ``chain_report.py``), ``map`` the class that a label of the photos means, ``None`` for one that is left out.
    ``threshold`` replaces everybody's own.
    ``attributes`` and ``attributes_from_name`` say where those of the photos stand, as they do to ``train``: what a
    run was trained with holds for its own dataset, not for others. ``out`` is a new folder for the report.
    """

    run: str | None = None
    against: tuple[str, ...] = ()
    dataset: Path | None = None
    part: str | None = None
    baselines: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    map: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    threshold: float | None = None
    attributes: Path | None = None
    attributes_from_name: str = ""
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.part is not None and self.part not in EVALUATED_PARTS:
            raise UsageError(f"--part {self.part}: one of {', '.join(EVALUATED_PARTS)} was expected")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold {self.threshold}: a score between 0 and 1 was expected")
        if self.chain and (self.baselines or self.against):
            raise UsageError("--chain: stands alone; leave out --baselines and --against")
        if self.map and not self.chain:
            raise UsageError("--map: says what the labels mean to the second of two models; give the first, by --chain")
        if self.run is None and not self.baselines:
            raise UsageError("nothing to evaluate: give a run, like `thirtyfold evaluate latest`, or --baselines haar")
        if self.run is None and self.dataset is None:
            raise UsageError("--baselines without a run need photos: give them by --dataset")
        if self.run is None and self.against:
            raise UsageError("--against: there is no run to compare with; name it first, like `evaluate latest`")

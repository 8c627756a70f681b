"""What a person can choose of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thirtyfold.datasets.attribute_options import FROM_NAME_HELP, TABLE_HELP
from thirtyfold.errors import UsageError
from thirtyfold.option import listed, option

EVALUATED_PARTS = ("test", "val", "all")
_A_SPACING = "a number above 0 was expected, like 0.5, or two, for rows and columns, like 0.7,0.5"


def _meanings(text: str) -> dict[str, str | None]:
    """``a=b,c=`` as {"a": "b", "c": None}: what has nothing behind the sign is left out."""
    pairs = [piece.rpartition("=") for piece in listed(text)]
    if wrong := [name for label, sign, name in pairs if not sign or not label.strip()]:
        raise UsageError(f"--map {wrong[0]}: LABEL=CLASS was expected, or LABEL= for one that is left out")
    return {label.strip(): name.strip() or None for label, _, name in pairs}


def _spacing(text: str) -> tuple[float, float] | None:
    """``0.5`` as (0.5, 0.5), ``0.7,0.5`` as (0.7, 0.5)."""
    pieces = listed(text)
    if not pieces:
        return None
    try:
        numbers = tuple(float(piece) for piece in pieces)
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 2):
        raise UsageError(f"--mm-per-pixel {text}: {_A_SPACING}")
    return numbers[0], numbers[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """Where no ``run`` is given it becomes ``latest``; with ``baselines`` and a ``dataset`` it stays ``None``, and only
    they are judged. ``part`` is ``None`` for ``test``, or for ``all`` of another dataset without a split. ``map``
    is the class that each label of the photos means, ``None`` for one that is left out. ``attributes`` and
    ``attributes_from_name`` are about the photos of ``dataset``: what a run was trained with holds for its own only.
    """

    run: str | None = option(
        None,
        argument=True,
        metavar="[RUN]",
        help="A run or `latest`; left out with --baselines and --dataset: only those.",
    )
    part: str | None = option(
        None, help="`test`, `val`; `all` of another dataset. [default: test, or all where there is no split]"
    )
    dataset: Path | None = option(None, help="Other photos than those of the run's own dataset. [default: its own]")
    baselines: tuple[str, ...] = option((), help="Ready detectors in the same table, like `haar,yunet`.")
    against: tuple[str, ...] = option((), help="Other runs in the same table, separated by commas.")
    chain: tuple[str, ...] = option(
        (), help="Finders like `haar,yunet,detect/3`: judge RUN, a classifier, on what each finds."
    )
    map: Mapping[str, str | None] = option(
        {}, parse=_meanings, help="--chain: what labels mean, like con=with_mask,sin=without_mask,other="
    )
    threshold: float | None = option(None, help="Count from this score. [default: each its own]")
    mm_per_pixel: tuple[float, float] | None = option(
        None,
        parse=_spacing,
        metavar="MM",
        help="Outlines: distances in mm, too; `row,column` where these differ. What DICOM files said goes first.",
    )
    attributes: Path | None = option(None, help=TABLE_HELP)
    attributes_from_name: str = option("", help=FROM_NAME_HELP)
    out: Path | None = option(None, help="A new folder for the report. [default: the next RUN/evaluation-N]")

    def __post_init__(self) -> None:
        if self.part is not None and self.part not in EVALUATED_PARTS:
            raise UsageError(f"--part {self.part}: one of {', '.join(EVALUATED_PARTS)} was expected")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold {self.threshold}: a score between 0 and 1 was expected")
        if self.mm_per_pixel is not None and not all(0 < number < 1e6 for number in self.mm_per_pixel):
            raise UsageError(f"--mm-per-pixel {','.join(f'{number:g}' for number in self.mm_per_pixel)}: {_A_SPACING}")
        if self.chain and (self.baselines or self.against or self.mm_per_pixel):
            raise UsageError("--chain: stands alone; leave out --baselines, --against and --mm-per-pixel")
        if self.map and not self.chain:
            raise UsageError("--map: says what the labels mean to the second of two models; give the first, by --chain")
        if self.run is None and not (self.baselines and self.dataset):
            object.__setattr__(self, "run", "latest")
        if self.run is None and self.against:
            raise UsageError("--against: there is no run to compare with; name it first, like `evaluate latest`")

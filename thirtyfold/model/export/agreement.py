"""How far the forms of one model are from Keras, in outputs, boxes, quality and time; and which one is to run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.images import letterbox
from thirtyfold.model.judge import LOWEST_SCORE
from thirtyfold.model.metrics.detection import Judged, best_threshold, measure
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import DECODERS, Array, Placement
from thirtyfold.predict.forms import KERAS, LITERT, LITERT_INT8
from thirtyfold.predict.matching import match
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

Runner = Callable[["Pixels"], Mapping[str, Array]]
"""One letterboxed picture, uint8 (size, size, 3), to raw outputs by name."""


class Figures(Protocol):
    """What is known of one form beside Keras, whatever the task: all that choosing and reporting look at.

    ``ms`` is the median time of one picture, ``quality`` how good its answers are on the photos (``None``: they say
    nothing about it), ``agrees`` whether its outputs are those of Keras but for rounding.
    """

    @property
    def ms(self) -> float: ...

    @property
    def quality(self) -> float | None: ...

    @property
    def quality_name(self) -> str: ...

    @property
    def agrees(self) -> bool: ...

    def apart(self) -> str:
        """How far it is from Keras, in words."""
        ...

    def in_short(self) -> dict[str, float]:
        """The largest differences, for ``model.json``."""
        ...

    def to_dict(self) -> dict[str, Any]: ...


# What `at_640` is about: boxes as they would be drawn on a webcam's picture.
SIDE_PX = 640
LARGEST_AGREEING_PX = 1.0
# Boxes of cells that are surer than this count; where Keras says the background is, they are noise.
_SURE = 0.1
LARGEST_LOSS = 0.005
# A tenth: less can be the machine's mood.
_FASTER = 0.9
_BLOCKS, _RUNS_A_BLOCK = 4, 4
TIMED_PHOTOS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFigures:
    """One form against Keras. ``px`` are of the input square, ``at_640`` of one of 640 px.

    ``box_difference`` is over the raw boxes of every cell that Keras gives a score of 0.1 or more,
    ``shown_difference`` over decoded boxes from the threshold up; ``shown_by_one`` counts those that only Keras
    or only the form shows. ``mean_iou`` is that of `measure`, ``None`` where no photo has an object;
    ``ms`` the median time of one picture, without reading and letterboxing it.
    """

    ms: float
    mean_iou: float | None
    largest_score_difference: float
    largest_box_difference_px: float
    mean_box_difference_px: float
    largest_box_difference_at_640: float
    mean_box_difference_at_640: float
    largest_shown_difference_at_640: float
    shown_by_one: int

    @property
    def agrees(self) -> bool:
        """Whether no box moved by more than a pixel at 640."""
        return self.largest_difference_at_640 <= LARGEST_AGREEING_PX

    @property
    def quality(self) -> float | None:
        return self.mean_iou

    @property
    def quality_name(self) -> str:
        return "mean IoU"

    def apart(self) -> str:
        return (
            f"boxes at most {self.largest_difference_at_640:.2g} px apart (of 640), scores "
            f"{self.largest_score_difference:.2g}"
        )

    def in_short(self) -> dict[str, float]:
        names = ("largest_score_difference", "largest_box_difference_px")
        return {name: value for name, value in self.to_dict().items() if name in names}

    @property
    def largest_difference_at_640(self) -> float:
        """Of raw and of shown boxes."""
        return max(self.largest_box_difference_at_640, self.largest_shown_difference_at_640)

    def to_dict(self) -> dict[str, Any]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The figures of each form by file name, over ``photos`` photos; ``threshold`` was chosen for ``mean_iou``."""

    photos: int
    threshold: float
    figures: Mapping[str, Figures]


@dataclass(slots=True)
class _Gaps:
    """The differences of one form, gathered photo by photo; boxes in 0 to 1 of the square."""

    score: float = 0.0
    largest: float = 0.0
    total: float = 0.0
    count: int = 0
    judged: list[Judged] = field(default_factory=list)

    def add(self, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> None:
        self.score = max(self.score, float(np.abs(ours["scores"] - theirs["scores"]).max()))
        scores = np.asarray(theirs["scores"]).max(axis=-1)
        gaps = np.abs(ours["boxes"] - theirs["boxes"])[scores >= min(_SURE, float(scores.max()))]
        self.largest = max(self.largest, float(gaps.max()))
        self.total, self.count = self.total + float(gaps.sum()), self.count + gaps.size


def compare(
    runners: Mapping[str, Runner], artifact: Artifact, samples: Sequence[Sample], *, progress: Progress = SILENT
) -> Comparison:
    """Run every form on the photos; ``runners`` go by file name, and have Keras among them.

    A photo that can't be read is left out: it was named when it was read for training. With no photo at all
    the forms are compared on noise.
    """
    gaps = {file: _Gaps() for file in runners}
    scales: list[float] = []
    squares: list[Pixels] = []
    with progress.bar("comparing the forms", total=len(samples), unit="photo") as bar:
        for sample in samples:
            bar.advance()
            try:
                pixels = read_pixels(sample)
            except FileDataError:
                continue
            square, scale, offset_xy = letterbox(pixels, artifact.size)
            image_wh = (pixels.shape[1], pixels.shape[0])
            placement = Placement(size=artifact.size, scale=scale, offset_xy=offset_xy, image_wh=image_wh)
            _add(gaps, runners, square, sample, placement, artifact)
            scales.append(scale)
            if len(squares) < TIMED_PHOTOS:
                squares.append(square)
    if not squares:
        squares = noise(artifact.size)
        placement = Placement(
            size=artifact.size, scale=1.0, offset_xy=(0.0, 0.0), image_wh=(artifact.size, artifact.size)
        )
        for square in squares:
            _add(gaps, runners, square, None, placement, artifact)
    judged = {file: gap.judged for file, gap in gaps.items()}
    threshold = best_threshold(judged[LITERT if LITERT in judged else KERAS])
    times_ms = time_runners(runners, squares)
    figures: dict[str, Figures] = {}
    for file, gap in gaps.items():
        measured = measure(gap.judged, threshold)
        shown, alone = _shown_difference(gap.judged, judged[KERAS], scales, threshold)
        figures[file] = FormFigures(
            ms=times_ms[file],
            mean_iou=measured.mean_iou if measured.objects else None,
            largest_score_difference=gap.score,
            largest_box_difference_px=gap.largest * artifact.size,
            mean_box_difference_px=gap.total / gap.count * artifact.size,
            largest_box_difference_at_640=gap.largest * SIDE_PX,
            mean_box_difference_at_640=gap.total / gap.count * SIDE_PX,
            largest_shown_difference_at_640=shown / artifact.size * SIDE_PX,
            shown_by_one=alone,
        )
    return Comparison(photos=len(scales), threshold=threshold, figures=figures)


def time_runners(runners: Mapping[str, Runner], squares: Sequence[Pixels]) -> dict[str, float]:
    """The median milliseconds of each. Turn about, in blocks: what disturbs the machine meets them all,
    and each starts with a run that does not count, for the caches and for threads of the one before.
    """
    times_ms: dict[str, list[float]] = {file: [] for file in runners}
    for block in range(_BLOCKS):
        for file, run in runners.items():
            for number in range(_RUNS_A_BLOCK):
                square = squares[(block * _RUNS_A_BLOCK + number) % len(squares)]
                started = time.perf_counter()
                run(square)
                if number:
                    times_ms[file].append((time.perf_counter() - started) * 1000)
    return {file: statistics.median(times) for file, times in times_ms.items()}


def choose_form(figures: Mapping[str, Figures], *, chosen_on_val: bool) -> tuple[str, str]:
    """The file that runs, and why: int8 only where it costs next to nothing and gains something.

    ``chosen_on_val``: the figures are of validation photos. Nothing is chosen by photos that were trained on.
    """
    if LITERT_INT8 not in figures:
        return LITERT, "there is no int8 form"
    exact, int8 = figures[LITERT], figures[LITERT_INT8]
    name = exact.quality_name
    if not chosen_on_val or exact.quality is None or int8.quality is None:
        return LITERT, "the validation photos hold nothing to judge int8 by"
    if exact.quality == 0:
        return LITERT, f"its {name} on the validation photos is 0, so there is nothing to judge int8 by"
    loss = exact.quality - int8.quality
    if loss > LARGEST_LOSS:
        return LITERT, f"int8 loses {loss:.4f} of the validation {name}, more than {LARGEST_LOSS}"
    times = f"{int8.ms:.1f} ms a frame against {exact.ms:.1f}"
    if int8.ms > exact.ms * _FASTER:
        return LITERT, f"int8 is not faster here: {times}"
    return LITERT_INT8, f"int8 is faster here: {times}; the validation {name} falls by {max(loss, 0):.4f}"


def _add(
    gaps: Mapping[str, _Gaps],
    runners: Mapping[str, Runner],
    square: Pixels,
    sample: Sample | None,
    placement: Placement,
    artifact: Artifact,
) -> None:
    outputs = {file: run(square) for file, run in runners.items()}
    decoder = DECODERS[artifact.decoder]
    for file, gap in gaps.items():
        gap.add(outputs[file], outputs[KERAS])
        if sample is not None:
            found = decoder.decode(
                outputs[file], artifact.classes, LOWEST_SCORE, artifact.decoder_options, placement
            )  # fmt: skip
            gap.judged.append(Judged(sample=sample, predictions=found))


def _shown_difference(
    ours: Sequence[Judged], theirs: Sequence[Judged], scales: Sequence[float], threshold: float
) -> tuple[float, int]:
    """The largest difference of a side, in pixels of the square, and the number of boxes that one shows alone."""
    largest, alone = 0.0, 0
    for mine, other, scale in zip(ours, theirs, scales, strict=True):
        shown, expected = mine.shown(threshold), other.shown(threshold)
        pairs = match(expected, shown)
        alone += len(shown) + len(expected) - 2 * len(pairs)
        for i, k, _ in pairs:
            sides = zip(expected[i].box_xyxy, shown[k].box_xyxy, strict=True)
            largest = max(largest, max(abs(a - b) for a, b in sides) * scale)
    return largest, alone


def noise(size: int) -> list[Pixels]:
    """Squares to compare on where there are no photos."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (size, size, 3), np.uint8) for _ in range(TIMED_PHOTOS)]

"""How a segmenter is judged: its outlines, filled again, against the drawn ones, pixel by pixel.

What is judged are the annotations that a user is given, so whatever their simplification costs is in the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.pixel_spacing import MmPerPixel
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.datasets.rasterize import label_map, numbers_of, ring_of
from thirtyfold.drawing import TRUTH_COLOR, draw_annotations
from thirtyfold.errors import FileDataError
from thirtyfold.model.exams.base import Examined, Part
from thirtyfold.model.exams.photo import Judging, PhotoExam, Sections, judged_pixels
from thirtyfold.model.judge import placement_of
from thirtyfold.model.metrics.intervals import bootstrap_figures, weighted_mean
from thirtyfold.model.metrics.segmentation import (
    RegionFigures,
    dice_of,
    image_figures,
    mean_dice,
    picture_means,
    summary,
)
from thirtyfold.model.report.card import CardWords
from thirtyfold.model.report.page import Gallery, Table, bigs_of, number
from thirtyfold.model.report.tiles import MOST_TILES, Tile, fitted
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import DECODERS, Outputs
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import Progress
from thirtyfold.sample import Annotation, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Not higher: a speck too many costs little, an object that is left out all of its Dice, and a few photos don't show
# where the objects begin.
THRESHOLDS = (0.0, 0.4, 0.5, 0.6, 0.7)
# Less is chance, on as few photos as validate.
_WORTH_IT = 0.005
_MOST_ROWS = 60
_OPACITY = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """One photo: what was found in it, and how well each class was."""

    sample: Sample
    found: tuple[Annotation, ...]
    figures: Mapping[str, RegionFigures]
    mm_per_pixel: MmPerPixel | None = None


class SegmentExam(PhotoExam):
    headline = (
        ("mean_dice", "mean Dice", ".3f"),
        ("mean_iou", "mean IoU", ".3f"),
        ("boundary_f1", "boundary F1", ".3f"),
        ("hausdorff95_px", "Hausdorff 95 (px)", ".1f"),
        ("hausdorff95_mm", "Hausdorff 95 (mm)", ".2f"),
    )
    measures_lengths = True
    quality_name = "mean Dice"
    # Probabilities; a pixel flips only where they are this near to a half.
    tolerance = 0.02

    def quality(self, outputs: Outputs, sample: Sample, artifact: Artifact, *, threshold: float = 0.0) -> float | None:
        placement = placement_of(sample, artifact.size)
        found = DECODERS[artifact.decoder].decode(
            outputs, artifact.classes, threshold, artifact.decoder_options, placement
        )
        numbers = numbers_of(artifact.classes)
        return dice_of(_truth(sample, numbers), label_map(found, numbers, placement.image_wh), len(numbers))

    def part(self, predictor: Predictor, samples: Sequence[Sample], judging: Judging) -> Part | None:
        classes = predictor.artifact.classes
        outlined = [
            _outlined(
                sample,
                predictor(pixels, threshold=judging.threshold or 0.0),
                classes,
                judging.mm_per_pixel.get(sample.image_path.name),
            )
            for pixels, sample in judged_pixels(samples, judging)
        ]
        return part_of(outlined, classes) if outlined else None

    def threshold(self, val: Part | None) -> float:
        """The score that a piece needs: the lowest with the best mean Dice, and 0 where none is better than that.

        What is doubtful in the mean of its pixels is mostly a speck beside the object.
        """
        if val is None:
            return 0.0
        outlined: Sequence[Outlined] = val.detail
        dice = {threshold: _dice_at(outlined, threshold) for threshold in THRESHOLDS}
        best = max(THRESHOLDS, key=lambda threshold: dice[threshold])
        return best if dice[best] > dice[0.0] + _WORTH_IT else 0.0

    def examine(
        self, predictor: Predictor, val: Sequence[Sample], test: Sequence[Sample], *, progress: Progress
    ) -> Examined:
        """As the other tasks; the figures of ``val`` are those at the threshold that was chosen there."""
        examined = super().examine(predictor, val, test, progress=progress)
        if not examined.threshold:
            return examined
        shown = [_above(item, examined.threshold) for item in examined.parts["val"].detail]
        return replace(examined, parts={**examined.parts, "val": part_of(shown, predictor.classes)})

    def sections(self, part: Part, name: str, artifact: Artifact) -> Sections:
        outlined: Sequence[Outlined] = part.detail
        worst = sorted(outlined, key=lambda item: mean_dice(item.figures))
        tiles = [tile for item in worst[:MOST_TILES] if (tile := _tile(item)) is not None]
        return Sections(
            bigs=bigs_of(part.figures, self.headline),
            tables=[*_by_class(part.figures, name), *_by_session(outlined, name)],
            galleries=[Gallery(name="worst", title=f"The worst of {name}, worst first ({len(tiles)})", tiles=tiles)],
            key="Truth is outlined in white; what was found is filled with the colour of its label.",
        )

    def lead(self, artifact: Artifact) -> str:
        return f"A U-Net on {super().lead(artifact)}"

    def card_words(self, artifact: Artifact) -> CardWords:
        return CardWords(
            pipeline_tag="image-segmentation",
            task_name="Image Segmentation",
            metrics=(("mean_dice", "dice", "mean Dice over the photos"), ("mean_iou", "mean_iou", "mean IoU")),
            rows=(
                ("mean Dice", "mean_dice"),
                ("mean IoU", "mean_iou"),
                ("boundary F1 (0.75 % of the diagonal)", "boundary_f1"),
                ("Hausdorff distance, 95 %, px", "hausdorff95_px"),
            ),
            does="Outlines {classes} in pictures: a U-Net on the backbone {backbone}, trained by thirtyfold.",
            use="Outlining these things in pictures like those it was trained on, for a person who looks at each "
            "outline. It was made from few photos; outside of what they show, what it draws is a guess.",
            not_for="No medical device: nobody has shown that a diagnosis or a treatment may rest on it. For nothing "
            "where a missed or invented outline does harm.",
            limits=(
                "A picture in which neither truth nor prediction has anything counts as Dice 1; how many there were "
                "stands in `model.json` as `agreed_empty`.",
                "Outlines are as fine as the network's output, half of its input's resolution.",
            ),
        )


def part_of(outlined: Sequence[Outlined], classes: Sequence[str]) -> Part:
    """The figures of photos, with intervals over their groups (patients, scans, sessions)."""
    pictures = [item.figures for item in outlined]
    means = [picture_means(picture) for picture in pictures]
    # ``None`` becomes not a number.
    columns = {name: np.array([one[name] for one in means], np.float64) for name in means[0]}
    intervals = bootstrap_figures(
        [item.sample.session for item in outlined],
        lambda weights: {name: weighted_mean(weights, values) for name, values in columns.items()},
        no_shares=("hausdorff95_px", "hausdorff95_mm"),
    )
    figures: dict[str, Any] = {**summary(pictures, classes), "intervals": intervals.to_dict()}
    return Part(figures=figures, detail=tuple(outlined))


def _truth(sample: Sample, numbers: Mapping[str, int]) -> NDArray[np.uint8]:
    return label_map(sample.annotations or (), numbers, (sample.width, sample.height))


def _by_class(figures: Mapping[str, Any], name: str) -> list[Table]:
    columns = (
        ("photos", "photos", "d"), ("dice", "Dice", ".3f"), ("dice_pixels", "Dice of all pixels", ".3f"),
        ("iou", "IoU", ".3f"), ("boundary_f1", "boundary F1", ".3f"), ("hausdorff95_px", "Hausdorff 95 (px)", ".1f"),
        *((("hausdorff95_mm", "Hausdorff 95 (mm)", ".2f"),) if "hausdorff95_mm" in figures else ()),
        ("missed", "missed", "d"), ("invented", "invented", "d"), ("agreed_empty", "rightly empty", "d"),
    )  # fmt: skip
    rows = [
        (label, *(number(found[key], form) for key, _, form in columns)) for label, found in figures["classes"].items()
    ]
    note = (
        "Dice and IoU are means over the photos in which truth or prediction has the class. Missed: photos where only "
        "the truth has it; invented: where only the prediction has. Boundary F1 counts boundary pixels within 0.75 % "
        "of the diagonal of the other boundary."
    )
    return [Table(title=f"By label: {name}", columns=("", *(title for _, title, _ in columns)), rows=rows, note=note)]


def _by_session(outlined: Sequence[Outlined], name: str) -> list[Table]:
    groups: dict[str, list[float]] = {}
    for item in outlined:
        groups.setdefault(item.sample.session or "", []).append(mean_dice(item.figures))
    if len(groups) < 2:
        return []
    ranked = sorted(groups.items(), key=lambda pair: sum(pair[1]) / len(pair[1]))
    rows = [(group, str(len(dice)), f"{sum(dice) / len(dice):.3f}") for group, dice in ranked[:_MOST_ROWS]]
    rest = "" if len(rows) == len(ranked) else f" The {len(rows)} worst of {len(ranked)} are shown."
    return [
        Table(
            title=f"By group: {name}",
            columns=("group", "photos", "mean Dice"),
            rows=rows,
            note=f"A group is a patient, a scan or a visit to the camera: what the split never tears apart.{rest}",
        )
    ]


def _tile(item: Outlined) -> Tile | None:
    try:
        pixels = fitted(read_pixels(item.sample))
    except FileDataError:
        return None  # it was there when it was judged
    scale = pixels.shape[1] / item.sample.width
    truth = [_scaled(shape, scale) for shape in item.sample.annotations or ()]
    found = [_scaled(shape, scale) for shape in item.found]
    drawn = draw_annotations(pixels, found, names=False, opacity=_OPACITY)
    drawn = draw_annotations(drawn, truth, color=TRUTH_COLOR, names=False)
    dice = mean_dice(item.figures)
    return Tile(name=item.sample.image_path.name, pixels=drawn, caption=f"Dice {dice:.2f}", session=item.sample.session)


def _scaled(shape: Annotation, scale: float) -> Annotation:
    """The outline of a shape in a picture scaled; of a mask, the one around its pixels."""
    points = tuple((x * scale, y * scale) for x, y in ring_of(shape))
    return Annotation(label=shape.label, kind="polygon", points=points)


def _outlined(
    sample: Sample, found: Sequence[Annotation], classes: Sequence[str], mm_per_pixel: MmPerPixel | None = None
) -> Outlined:
    numbers = numbers_of(classes)
    predicted = label_map(found, numbers, (sample.width, sample.height))
    figures = image_figures(_truth(sample, numbers), predicted, classes, mm_per_pixel=mm_per_pixel)
    return Outlined(sample=sample, found=tuple(found), figures=figures, mm_per_pixel=mm_per_pixel)


def _above(item: Outlined, threshold: float) -> Outlined:
    """The same photo with the pieces of that score or more."""
    kept = [shape for shape in item.found if (shape.score or 0.0) >= threshold]
    if len(kept) == len(item.found):
        return item
    return _outlined(item.sample, kept, list(item.figures), item.mm_per_pixel)


def _dice_at(outlined: Sequence[Outlined], threshold: float) -> float:
    return sum(mean_dice(_above(item, threshold).figures) for item in outlined) / len(outlined)


EXAM = SegmentExam()

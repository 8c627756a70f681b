"""How well a predicted region covers the true one: Dice, IoU, boundary F1, Hausdorff distance. Pure.

Where neither truth nor prediction has a class in a picture, Dice and IoU are 1 by convention and the picture is counted
apart (``agreed_empty``); the distances are not defined there, nor where only one of the two has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.pixel_spacing import MmPerPixel
from thirtyfold.datasets.rasterize import VOID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    LabelMap = NDArray[np.uint8]
    Distances = NDArray[np.float64]

# Csurka et al. (2013) take 0.75 % of the diagonal.
TOLERANCE_SHARE = 0.0075
PERCENTILE = 95
_MEANS = ("mean_dice", "mean_iou", "boundary_f1", "hausdorff95_px", "hausdorff95_mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFigures:
    """One class in one picture. ``boundary_f1`` is ``None`` where there is no boundary at all, the distances
    where truth or prediction is empty, and ``hausdorff95_mm`` where nobody knows how large a pixel is.
    """

    truth_px: int
    predicted_px: int
    shared_px: int
    boundary_f1: float | None
    hausdorff95_px: float | None
    hausdorff95_mm: float | None = None

    @property
    def dice(self) -> float:
        """2 × shared / (truth + predicted), 1 where both are empty (Dice, 1945)."""
        both = self.truth_px + self.predicted_px
        return 2 * self.shared_px / both if both else 1.0

    @property
    def iou(self) -> float:
        """shared / union, 1 where both are empty."""
        union = self.truth_px + self.predicted_px - self.shared_px
        return self.shared_px / union if union else 1.0

    @property
    def agreed_empty(self) -> bool:
        """Neither truth nor prediction has the class here."""
        return not self.truth_px and not self.predicted_px


def image_figures(
    truth: LabelMap, predicted: LabelMap, classes: Sequence[str], *, mm_per_pixel: MmPerPixel | None = None
) -> dict[str, RegionFigures]:
    """The figures of each class in one picture; maps are (height, width), class numbers from 1 on.

    Void pixels of the truth count for nothing.
    """
    counted = truth != VOID
    return {
        label: region_figures(truth == number, (predicted == number) & counted, mm_per_pixel=mm_per_pixel)
        for number, label in enumerate(classes, start=1)
    }


def region_figures(
    truth: Mask, predicted: Mask, *, tolerance_px: float | None = None, mm_per_pixel: MmPerPixel | None = None
) -> RegionFigures:
    """The figures of one region, masks (height, width).

    ``tolerance_px`` is that of the boundary F1, 0.75 % of the diagonal where it is not given.
    """
    if tolerance_px is None:
        tolerance_px = TOLERANCE_SHARE * float(np.hypot(*truth.shape))
    distances = _boundary_distances(truth, predicted)
    distances_mm = None if mm_per_pixel is None else _boundary_distances(truth, predicted, mm_per_pixel)
    empty = not truth.any() and not predicted.any()
    return RegionFigures(
        truth_px=int(truth.sum()),
        predicted_px=int(predicted.sum()),
        shared_px=int((truth & predicted).sum()),
        boundary_f1=None if empty else 0.0 if distances is None else _boundary_f1(*distances, tolerance_px),
        hausdorff95_px=None if distances is None else _hausdorff(*distances),
        hausdorff95_mm=None if distances_mm is None else _hausdorff(*distances_mm),
    )


def dice_of(truth: LabelMap, predicted: LabelMap, class_count: int) -> float:
    """:func:`mean_dice` of one picture without the boundaries, which take most of the time."""
    counted = truth != VOID
    found = []
    for number in range(1, class_count + 1):
        one, other = truth == number, (predicted == number) & counted
        both = int(one.sum()) + int(other.sum())
        if both:
            found.append(2 * int((one & other).sum()) / both)
    return sum(found) / len(found) if found else 1.0


def mean_dice(figures: Mapping[str, RegionFigures]) -> float:
    """The mean Dice of one picture over the classes that truth or prediction has there; 1 where there are none."""
    found = [region.dice for region in figures.values() if not region.agreed_empty]
    return sum(found) / len(found) if found else 1.0


def picture_means(figures: Mapping[str, RegionFigures]) -> dict[str, float | None]:
    """Of one picture, the mean of each figure over the classes that truth or prediction has there.

    Where there are none, ``mean_dice`` and ``mean_iou`` are 1; the others are ``None`` where no class has them.
    """
    there = [region for region in figures.values() if not region.agreed_empty]
    return {
        "mean_dice": mean_dice(figures),
        "mean_iou": _mean([region.iou for region in there]) if there else 1.0,
        "boundary_f1": _mean([region.boundary_f1 for region in there]),
        "hausdorff95_px": _mean([region.hausdorff95_px for region in there]),
        "hausdorff95_mm": _mean([region.hausdorff95_mm for region in there]),
    }


def summary(pictures: Sequence[Mapping[str, RegionFigures]], classes: Sequence[str]) -> dict[str, Any]:
    """The figures of many pictures: over all of them, and each class by itself.

    Over all, each figure is the mean over the pictures that have it of :func:`picture_means`. Of a class, ``dice`` is
    the mean over the pictures in which truth or prediction has it; ``dice_pixels`` takes all their pixels as one
    picture's. ``missed`` counts pictures where only the truth has it, ``invented`` those where only the prediction has.
    ``hausdorff95_mm`` is there if any picture has it.
    """
    means = [picture_means(picture) for picture in pictures]
    found: dict[str, Any] = {
        "photos": len(pictures),
        **{name: _rounded(_mean([picture[name] for picture in means])) for name in _MEANS},
        "agreed_empty": sum(all(region.agreed_empty for region in picture.values()) for picture in pictures),
        "classes": {label: _class_summary([picture[label] for picture in pictures]) for label in classes},
    }
    if found["hausdorff95_mm"] is None:
        for figures in (found, *found["classes"].values()):
            del figures["hausdorff95_mm"]
    return found


def boundary(mask: Mask) -> Mask:
    """The pixels of a region that touch what is not region, or the edge of the picture."""
    from scipy import ndimage

    inner: Mask = ndimage.binary_erosion(mask)
    return mask & ~inner


def _class_summary(regions: Sequence[RegionFigures]) -> dict[str, Any]:
    there = [region for region in regions if not region.agreed_empty]
    truth, predicted = sum(region.truth_px for region in there), sum(region.predicted_px for region in there)
    shared = sum(region.shared_px for region in there)
    return {
        "photos": sum(region.truth_px > 0 for region in regions),
        "dice": _rounded(_mean([region.dice for region in there])),
        "iou": _rounded(_mean([region.iou for region in there])),
        "dice_pixels": _rounded(2 * shared / (truth + predicted) if truth + predicted else None),
        "boundary_f1": _rounded(_mean([region.boundary_f1 for region in there])),
        "hausdorff95_px": _rounded(_mean([region.hausdorff95_px for region in there])),
        "hausdorff95_mm": _rounded(_mean([region.hausdorff95_mm for region in there])),
        "missed": sum(region.truth_px > 0 and not region.predicted_px for region in regions),
        "invented": sum(region.predicted_px > 0 and not region.truth_px for region in regions),
        "agreed_empty": len(regions) - len(there),
    }


def _boundary_distances(
    truth: Mask, predicted: Mask, spacing: tuple[float, float] = (1.0, 1.0)
) -> tuple[Distances, Distances] | None:
    """How far each boundary pixel of the prediction is from the truth's boundary, and the other way round.

    ``spacing`` is that of rows and of columns, in the unit of the result. ``None`` where either region is empty.
    """
    from scipy import ndimage

    if not (truth.any() and predicted.any()):
        return None
    # In the window of both: distances are the same there, and a small region in a large picture is quick.
    rows, columns = (np.flatnonzero((truth | predicted).any(axis=axis)) for axis in (1, 0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    one, other = boundary(np.pad(truth[window], 1)), boundary(np.pad(predicted[window], 1))
    return (
        ndimage.distance_transform_edt(~one, sampling=spacing)[other],
        ndimage.distance_transform_edt(~other, sampling=spacing)[one],
    )


def _boundary_f1(to_truth: Distances, to_predicted: Distances, tolerance_px: float) -> float:
    """Csurka et al., "What is a good evaluation measure for semantic segmentation?" (2013)."""
    precision, recall = float((to_truth <= tolerance_px).mean()), float((to_predicted <= tolerance_px).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _hausdorff(to_truth: Distances, to_predicted: Distances) -> float:
    """The larger of the two directed distances that 95 % of the boundary keeps (Huttenlocher et al., 1993)."""
    return max(float(np.percentile(distances, PERCENTILE)) for distances in (to_truth, to_predicted))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)

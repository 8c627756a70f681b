"""How well a predicted region covers the true one: Dice, IoU, boundary F1, Hausdorff distance. Pure.

Where neither truth nor prediction has a class in a picture, Dice and IoU are 1 by convention and the picture is counted
apart (``agreed_empty``); the distances are not defined there, and none where only one of the two has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.rasterize import VOID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    LabelMap = NDArray[np.uint8]

# Csurka et al. (2013) take 0.75 % of the diagonal.
TOLERANCE_SHARE = 0.0075
PERCENTILE = 95


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFigures:
    """One class in one picture. ``boundary_f1`` is ``None`` where there is no boundary at all, ``hausdorff95_px``
    where truth or prediction is empty.
    """

    truth_px: int
    predicted_px: int
    shared_px: int
    boundary_f1: float | None
    hausdorff95_px: float | None

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
    truth: LabelMap, predicted: LabelMap, classes: Sequence[str], *, tolerance_px: float | None = None
) -> dict[str, RegionFigures]:
    """The figures of each class in one picture; maps are (height, width), class numbers from 1 on.

    Void pixels of the truth count for nothing. ``tolerance_px`` is that of the boundary F1, 0.75 % of the diagonal
    where it is not given.
    """
    counted = truth != VOID
    return {
        label: region_figures((truth == number), (predicted == number) & counted, tolerance_px=tolerance_px)
        for number, label in enumerate(classes, start=1)
    }


def region_figures(truth: Mask, predicted: Mask, *, tolerance_px: float | None = None) -> RegionFigures:
    """The figures of one region, masks (height, width)."""
    if tolerance_px is None:
        tolerance_px = TOLERANCE_SHARE * float(np.hypot(*truth.shape))
    to_truth, to_predicted = _boundary_distances(truth, predicted)
    return RegionFigures(
        truth_px=int(truth.sum()),
        predicted_px=int(predicted.sum()),
        shared_px=int((truth & predicted).sum()),
        boundary_f1=_boundary_f1(to_truth, to_predicted, tolerance_px),
        hausdorff95_px=_hausdorff(to_truth, to_predicted),
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


def mean_of(figures: Mapping[str, RegionFigures], name: str) -> float | None:
    """As :func:`mean_dice`, of any figure of :class:`RegionFigures`; ``None`` where no class has it."""
    values = [getattr(region, name) for region in figures.values() if not region.agreed_empty]
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


def summary(
    pictures: Sequence[Mapping[str, RegionFigures]], classes: Sequence[str], *, mm_per_pixel: float | None = None
) -> dict[str, Any]:
    """The figures of many pictures: over all of them, and each class by itself.

    ``mean_dice`` is the mean over the pictures of :func:`mean_dice`. Of a class, ``dice`` is the mean over the pictures
    in which truth or prediction has it; ``dice_pixels`` takes all their pixels as one picture's. ``missed`` counts
    pictures where only the truth has it, ``invented`` those where only the prediction has.
    """
    figures: dict[str, Any] = {
        "photos": len(pictures),
        "mean_dice": _rounded(_mean([mean_dice(picture) for picture in pictures])),
        "mean_iou": _rounded(_mean([_or_one(mean_of(picture, "iou")) for picture in pictures])),
        "boundary_f1": _rounded(_mean([mean_of(picture, "boundary_f1") for picture in pictures])),
        "hausdorff95_px": _rounded(_mean([mean_of(picture, "hausdorff95_px") for picture in pictures])),
        "agreed_empty": sum(all(region.agreed_empty for region in picture.values()) for picture in pictures),
        "classes": {label: _class_summary([picture[label] for picture in pictures]) for label in classes},
    }
    if mm_per_pixel is not None and figures["hausdorff95_px"] is not None:
        figures["hausdorff95_mm"] = _rounded(figures["hausdorff95_px"] * mm_per_pixel)
    return figures


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
        "missed": sum(region.truth_px > 0 and not region.predicted_px for region in regions),
        "invented": sum(region.predicted_px > 0 and not region.truth_px for region in regions),
        "agreed_empty": len(regions) - len(there),
    }


def _boundary_distances(truth: Mask, predicted: Mask) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """How far each boundary pixel of the prediction is from the truth's boundary, and the other way round, in pixels.

    An array is empty where there is no such pixel; both are ``None`` where one region is empty and the other is not.
    """
    from scipy import ndimage

    if bool(truth.any()) != bool(predicted.any()):
        return None, None
    if not truth.any():
        return np.zeros(0), np.zeros(0)
    # In the window of both: distances are the same there, and a small region in a large picture is quick.
    rows, columns = (np.flatnonzero((truth | predicted).any(axis=axis)) for axis in (1, 0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    one, other = boundary(np.pad(truth[window], 1)), boundary(np.pad(predicted[window], 1))
    return ndimage.distance_transform_edt(~one)[other], ndimage.distance_transform_edt(~other)[one]


def _boundary_f1(
    to_truth: NDArray[np.float64] | None, to_predicted: NDArray[np.float64] | None, tolerance_px: float
) -> float | None:
    """Csurka et al., "What is a good evaluation measure for semantic segmentation?" (2013)."""
    if to_truth is None or to_predicted is None:
        return 0.0
    if not len(to_truth):
        return None
    precision, recall = float((to_truth <= tolerance_px).mean()), float((to_predicted <= tolerance_px).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _hausdorff(to_truth: NDArray[np.float64] | None, to_predicted: NDArray[np.float64] | None) -> float | None:
    """The larger of the two directed distances that 95 % of the boundary keeps (Huttenlocher et al., 1993)."""
    if to_truth is None or to_predicted is None or not len(to_truth):
        return None
    return max(float(np.percentile(distances, PERCENTILE)) for distances in (to_truth, to_predicted))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)

"""Faces turned upright by their five points, as networks that compare faces are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from thirtyfold.predict.detectors import YuNet

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

Points = NDArray[np.float32]

ALIGNED_PX = 112
# Where eyes (left of the picture first), nose and corners of the mouth lie in a face of 112×112 that is turned
# upright: the template of ArcFace (Deng et al., 2019), which OpenCV's ``alignCrop`` has as well.
_FACE_POINTS_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)


class FaceAligner:
    """A face cut out with its margin, to the same face upright, 112×112, by eyes, nose and mouth.

    Where no face is found again in the cut-out, its middle is taken: the cut-out without its margin.
    """

    def __init__(self, finder: YuNet, *, margin_share: float) -> None:
        self._finder = finder
        self._margin_share = margin_share

    def __call__(self, crop: Pixels) -> Pixels:
        import cv2

        points = self._points(crop)
        if points is not None:
            matrix = _similarity_transform(points, _FACE_POINTS_112)
            return cv2.warpAffine(crop, matrix, (ALIGNED_PX, ALIGNED_PX))  # type: ignore[return-value]
        height, width = crop.shape[:2]
        share = self._margin_share / (1 + 2 * self._margin_share)
        x, y = round(width * share), round(height * share)
        middle = crop[y : height - y, x : width - x]
        return cv2.resize(middle, (ALIGNED_PX, ALIGNED_PX), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

    def _points(self, crop: Pixels) -> Points | None:
        """The five points (5, 2) of the face nearest to the middle of ``crop``."""
        faces = self._finder.points(crop)
        middle = np.array(crop.shape[1::-1], np.float32) / 2
        return min(faces, key=lambda points: float(np.abs(points.mean(axis=0) - middle).sum()), default=None)


def _similarity_transform(source: Points, target: Points) -> NDArray[np.float64]:
    """The 2×3 matrix of turn, scale and shift that brings points (N, 2) nearest to others, by least squares."""
    x, y = source[:, 0].astype(np.float64), source[:, 1].astype(np.float64)
    one, none = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate([np.stack([x, -y, one, none], axis=1), np.stack([y, x, none, one], axis=1)])
    wanted = np.concatenate([target[:, 0], target[:, 1]]).astype(np.float64)
    (a, b, dx, dy), *_ = np.linalg.lstsq(rows, wanted, rcond=None)
    return np.array([[a, -b, dx], [b, a, dy]])

"""A soft, random bending of the picture that carries points exactly.

albumentations' elastic transform and its kin move keypoints by another way than pixels and
miss by a pixel and more. Here both follow one displacement field.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from albumentations.core.transforms_interface import DualTransform
from albumentations.core.type_definitions import Targets
from numpy.typing import NDArray

# Each round shrinks what is left by the field's steepness: 30 rounds leave less than a ten-thousandth.
_ROUNDS = 30
_STEEPEST = 0.7
# The field is smooth over many pixels; looking at every fourth finds its extremes.
_STRIDE = 4


class SmoothWarp(DualTransform):  # type: ignore[misc]
    """Bend the picture as if printed on rubber (Simard, Steinkraus and Platt, 2003).

    ``cells`` is how many independent pushes there are along the longer side, ``strength``
    the range of the largest push as a share of that side. Frame and size stay. Nothing folds:
    strengths that would are held back. What comes from outside of the picture is ``fill``.
    """

    _targets = (Targets.IMAGE, Targets.KEYPOINTS)

    def __init__(
        self, cells: int = 4, strength: tuple[float, float] = (0.005, 0.02), fill: int = 0, p: float = 0.5
    ) -> None:
        super().__init__(p=p)
        if not 2 <= cells <= 64:
            raise ValueError(f"cells {cells}: 2 to 64 were expected")
        if len(strength) != 2 or not 0 <= strength[0] <= strength[1] <= 0.2:
            raise ValueError(f"strength {strength}: two shares of the side, 0 to 0.2, were expected")
        self.cells, self.strength, self.fill = cells, strength, fill

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        side = max(height, width)
        # One cell more on either side, so that the frame is pushed like the middle.
        grid_hw = tuple(max(2, round(self.cells * length / side)) + 2 for length in (height, width))
        pushes = self.random_generator.uniform(-1, 1, (*grid_hw, 2)).astype(np.float32)
        wide = cv2.resize(
            pushes,
            (round(width * grid_hw[1] / (grid_hw[1] - 2)), round(height * grid_hw[0] / (grid_hw[0] - 2))),
            interpolation=cv2.INTER_CUBIC,
        )
        top, left = (wide.shape[0] - height) // 2, (wide.shape[1] - width) // 2
        field = wide[top : top + height, left : left + width]
        largest = float(np.abs(field[::_STRIDE, ::_STRIDE]).max())
        field *= self.py_random.uniform(*self.strength) * side / max(1e-6, largest)
        field *= min(1.0, _STEEPEST / max(1e-6, _steepness(field)))
        return {"field": np.ascontiguousarray(field)}

    def apply(self, img: NDArray[np.uint8], field: NDArray[np.float32], **params: Any) -> NDArray[np.uint8]:
        height, width = img.shape[:2]
        xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        border = (self.fill,) * 3
        warped = cv2.remap(
            img, xs + field[..., 0], ys + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
            borderValue=border,
        )  # fmt: skip
        return warped  # type: ignore[return-value]

    def apply_to_keypoints(
        self, keypoints: NDArray[np.float32], field: NDArray[np.float32], **params: Any
    ) -> NDArray[np.float32]:
        """A pixel at ``y`` shows what was at ``y + field(y)``; a point at ``x`` goes where that is ``x``."""
        moved = keypoints.copy()
        if len(moved):
            given = keypoints[:, :2].astype(np.float32)
            found = given.copy()
            for _ in range(_ROUNDS):
                # Points outside are pushed like the nearest place in the picture.
                push = cv2.remap(
                    field, found[None, :, 0], found[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
                )
                found = given - push.reshape(-1, 2)
            moved[:, :2] = found
        return moved


def _steepness(field: NDArray[np.float32]) -> float:
    """How much the push changes from one place to another at most, in pixels a pixel (the Jacobian's maximum norm)."""
    coarse = field[::_STRIDE, ::_STRIDE]
    if min(coarse.shape[:2]) < 2:
        return _STEEPEST if coarse.any() else 0.0  # a strip of a picture: nothing to measure, and hardly any push
    along_y, along_x = np.abs(np.diff(coarse, axis=0))[:, :-1], np.abs(np.diff(coarse, axis=1))[:-1]
    return float((along_x + along_y).max()) / _STRIDE

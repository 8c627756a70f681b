"""Random crops that albumentations lacks: they cut and never resize, whatever the picture's size.

albumentations' own either want a fixed size or scale the cut back up, which costs an
interpolation and larger files for pixels that the training shrinks again.
"""

from __future__ import annotations

import math
from typing import Any

from albumentations.augmentations.crops.transforms import BaseCrop


class RandomAreaCrop(BaseCrop):  # type: ignore[misc]
    """Keep a random share of the picture's area, at a random place.

    ``area`` is the range of the share, ``stretch`` the range of the crop's aspect ratio
    in terms of the picture's own: 1 keeps it.
    """

    def __init__(self, area: tuple[float, float], stretch: tuple[float, float] = (1.0, 1.0), p: float = 1.0) -> None:
        super().__init__(p=p)
        self.area = area
        self.stretch = stretch

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        share = self.py_random.uniform(*self.area)
        low, high = (math.log(v) / 2 for v in self.stretch)
        tilt = math.exp(self.py_random.uniform(low, high))
        crop_width = max(1, min(width, round(width * math.sqrt(share) * tilt)))
        crop_height = max(1, min(height, round(height * math.sqrt(share) / tilt)))
        left = self.py_random.randint(0, width - crop_width)
        top = self.py_random.randint(0, height - crop_height)
        return {"crop_coords": (left, top, left + crop_width, top + crop_height)}


class RandomSquareCrop(BaseCrop):  # type: ignore[misc]
    """Keep a square of ``side`` pixels at a random place, or the largest one that fits."""

    def __init__(self, side: int, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.side = side

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        side = min(self.side, height, width)
        left = self.py_random.randint(0, width - side)
        top = self.py_random.randint(0, height - side)
        return {"crop_coords": (left, top, left + side, top + side)}

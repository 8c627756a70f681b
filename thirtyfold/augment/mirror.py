"""Whether a transform turned the picture over, as a mirror does: then left labels become right ones.

Found out from where three points go, and not from the transform's name: flips, transposes,
random symmetries and an affine map with a negative scale all count, in any combination.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The corner of a right angle in the middle of the picture and the ends of its arms, in shares of the size.
_ANGLE = np.array([(0.5, 0.5), (0.75, 0.5), (0.5, 0.75)])


def right_angle(frame_wh: tuple[int, int]) -> NDArray[np.float32]:
    """Three points (x, y), float32 (3, 2), to be sent through a transform of a picture of that size."""
    return (_ANGLE * frame_wh).astype(np.float32)


def is_mirrored(points_xy: NDArray[np.float32]) -> bool:
    """Whether the arms of :func:`right_angle` have come out the other way round; ``points_xy`` is (3, 2)."""
    (ux, uy), (vx, vy) = points_xy[1] - points_xy[0], points_xy[2] - points_xy[0]
    return bool(ux * vy - uy * vx < 0)

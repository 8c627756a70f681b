"""One class's region taken apart into objects that touch each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pixels. Bumps of a border that are lower than this make no object of their own.
SMOOTHING_PX = 1.0
# Of two summits of the distance map the lower one is an object if the way to the higher one leads down to less than
# this share of it: where two round objects touch, the neck is narrower than both.
NECK_SHARE = 0.85


def separate(mask: NDArray[np.bool_], *, neck_share: float = NECK_SHARE) -> NDArray[np.int32]:
    """The objects of a mask (height, width), numbered from 1 on; 0 where the mask is not.

    How far each pixel is from the border is a landscape of hills, an object each; it is flooded from the summits
    (Beucher and Lantuéjoul, 1979; Vincent and Soille, "Watersheds in digital spaces", 1991). Summits that no real
    neck lies between are one: this takes apart what touches, not what is merely uneven.
    """
    from scipy import ndimage
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    # A frame of background: the edge of the picture is a border as well.
    padded = np.pad(mask, 1)
    height = ndimage.gaussian_filter(ndimage.distance_transform_edt(padded), SMOOTHING_PX) * padded
    # All hills lowered by the same share, then filled up as high as the real ones allow: summits with a neck that is
    # no lower than that between them have become one plateau.
    lowered = reconstruction(height * neck_share, height, method="dilation")
    summits, _ = ndimage.label(local_maxima(lowered) & padded)
    objects = watershed(-height, summits, mask=padded)[1:-1, 1:-1].astype(np.int32)
    return _with_small_ones(objects, mask)


def _with_small_ones(objects: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Pieces that no summit lies in, specks, are objects, too."""
    from scipy import ndimage

    rest, _ = ndimage.label(mask & (objects == 0))
    return np.where(rest > 0, rest + objects.max(), objects).astype(np.int32)

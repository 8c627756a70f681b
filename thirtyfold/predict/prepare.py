"""What is done to a photo before a network sees it, by name: the same in training, in judging and live.

=============  ======================================================================
``equalize``   The histogram of its brightness is spread over all greys (OpenCV's
               ``equalizeHist`` on Y of YCrCb: colours keep their hue). Done here, on
               the letterboxed square without its grey margin.
``whiten``     Each photo gets the same mean and deviation. Done by the network's first
               layer (``model/backbones.py:Preprocessing``), so every form of it has it.
=============  ======================================================================

``model.json`` lists what a model wants; a name that is not in :data:`STEPS` is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thirtyfold.images import letterbox, letterbox_placement

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

STEPS = ("equalize", "whiten")
# Those that change the square itself, and not only what the network makes of it.
ON_SQUARES = ("equalize",)


def on_squares(steps: Sequence[str]) -> tuple[str, ...]:
    """Those of ``steps`` that change the square."""
    return tuple(step for step in steps if step in ON_SQUARES)


def prepared_square(pixels: Pixels, size: int, steps: Sequence[str] = ()) -> tuple[Pixels, float, tuple[float, float]]:
    """As :func:`thirtyfold.images.letterbox`, with the ``steps`` that are done on squares."""
    square, scale, offset_xy = letterbox(pixels, size)
    return _equalized(square, pixels.shape[1], pixels.shape[0]) if "equalize" in steps else square, scale, offset_xy


def _equalized(square: Pixels, width: int, height: int) -> Pixels:
    """The square with the photo in it, of ``width`` × ``height`` pixels once, equalized; in new memory."""
    import cv2

    size = square.shape[0]
    scale, offset_xy = letterbox_placement(width, height, size)
    left, top = int(offset_xy[0]), int(offset_xy[1])
    right, bottom = left + max(1, round(width * scale)), top + max(1, round(height * scale))
    luma, red, blue = cv2.split(cv2.cvtColor(square[top:bottom, left:right], cv2.COLOR_RGB2YCrCb))
    equal = cv2.merge([cv2.equalizeHist(luma), red, blue])
    result = square.copy()
    result[top:bottom, left:right] = cv2.cvtColor(equal, cv2.COLOR_YCrCb2RGB)
    return result

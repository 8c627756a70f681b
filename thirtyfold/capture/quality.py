"""Whether a frame is worth keeping: sharp, neither black nor white, and not the last one again. Pure.

Sharpness is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
brightfield microscopy", ICPR 2000), taken at a fixed width so that cameras compare.

Measured on 8 webcam clips of four people (640×480), 2 GIFs and 30 webcam photos:

=====================  ===========================  ========================================
..                     good frames                  bad ones
=====================  ===========================  ========================================
sharpness              345–970; soft GIF 49–66      blurred by sigma 3 px: 3–21
brightness             means of 109–138             black: all of it below 40 of 255
difference, 0.1 s on   1.2–72, median 8–30          the same view twice, camera noise of
                                                    sigma 4 / 10 / 20: 1.0 / 1.1 / 2.2
=====================  ===========================  ========================================

A wall or a dim room is less sharp than that. So only plainly useless frames are refused,
and a camera that gives nothing else is not refused for ever (``chooser``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

MIN_SHARPNESS = 25.0
# Against the sharpest frame of the last moment: an autofocus that hunts, a camera that was pushed.
MIN_RELATIVE_SHARPNESS = 0.5
MIN_DIFFERENCE = 1.5

BLURRED = "blurred"
BLACK = "black"
WHITE = "overexposed"
SAME = "the same as the photo before"

_WIDTH = 320
_THUMBNAIL_WH = (32, 24)
_DARK, _BRIGHT = 40, 215
# So much of the picture has to be lit at all, or shaded at all.
_MIN_SHARE = 0.01
# A face that turns changes few cells, and noise changes all of them a little: the most changed ones count.
_CHANGED_CELLS = 38


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measure:
    """What a frame measures. ``exposure`` is its mean brightness, 0 to 1.

    ``lit`` and ``shaded`` are the shares of pixels that are not nearly black and not nearly
    white. ``thumbnail`` is grey float32 (24, 32), 0 to 255.
    """

    sharpness: float
    exposure: float
    lit: float
    shaded: float
    thumbnail: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``reasons`` against keeping the frame, in words; none if it is good."""

    reasons: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not self.reasons


def measure(pixels: Pixels) -> Measure:
    """Measure RGB uint8 pixels (height, width, 3); about 1 ms for 640×480."""
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (_WIDTH, max(1, round(height * _WIDTH / width))), interpolation=cv2.INTER_AREA)
    thumbnail = cv2.resize(grey.astype(np.float32), _THUMBNAIL_WH, interpolation=cv2.INTER_AREA)
    return Measure(
        sharpness=float(cv2.Laplacian(grey, cv2.CV_32F).var()),
        exposure=float(grey.mean()) / 255,
        lit=float((grey > _DARK).mean()),
        shaded=float((grey < _BRIGHT).mean()),
        thumbnail=thumbnail.astype(np.float32),
    )


def difference(one: Measure, other: Measure) -> float:
    """How much two frames differ where they differ most, in grey levels.

    A change of light over the whole picture does not count.
    """
    import numpy as np

    change = one.thumbnail - other.thumbnail
    change = np.abs(change - np.median(change)).ravel()
    return float(np.partition(change, -_CHANGED_CELLS)[-_CHANGED_CELLS:].mean())


def judge(measured: Measure, previous: Measure | None = None, *, recent_sharpness: float = 0.0) -> Verdict:
    """Judge a frame against the ``previous`` kept one and the sharpest of the last moment."""
    reasons = []
    if measured.lit < _MIN_SHARE:
        reasons.append(BLACK)
    elif measured.shaded < _MIN_SHARE:
        reasons.append(WHITE)
    elif measured.sharpness < max(MIN_SHARPNESS, MIN_RELATIVE_SHARPNESS * recent_sharpness):
        reasons.append(BLURRED)
    if previous is not None and difference(measured, previous) < MIN_DIFFERENCE:
        reasons.append(SAME)
    return Verdict(reasons=tuple(reasons))

"""A virtual camera: a real portrait that moves, turns and is relit before real backgrounds.

Made of the photos that scikit-image carries in its wheel, so it needs no camera, no
download and no file of ours, and it knows the true box of the face in every frame. The portrait
is NASA's of Eileen Collins (public domain). The same seed and index give the same frame.
"""

from __future__ import annotations

import math
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.capture.frames import Frame
from thirtyfold.errors import NotInstalledError, UsageError
from thirtyfold.images import read_rgb
from thirtyfold.sample import Annotation, BoxXyxy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

WIDTH, HEIGHT = 640, 480
FPS = 30.0
# Long enough for every use; an end, so that no script waits for ever.
DEMO_SECONDS = 600.0
LABEL = "face"
# A box of which less is in the picture is no face any more, as in augment.
MIN_VISIBLE = 0.4

_PORTRAIT = "astronaut.png"
# All CC0 or public domain. One a session, and different enough for a split by session to mean something.
_BACKGROUNDS = (
    "coffee.png",
    "chelsea.png",
    "rocket.jpg",
    "brick.png",
    "hubble_deep_field.jpg",
    "grass.png",
    "retina.jpg",
    "gravel.png",
)
# In pixels of the portrait (512×512): forehead to chin, ear to ear, agreeing with YuNet's (178, 65, 269, 176).
_FACE_XYXY: BoxXyxy = (177.0, 66.0, 271.0, 181.0)
# Hair, face, collar and shoulders, drawn round by hand.
_OUTLINE = (
    (172, 127), (159, 112), (153, 92), (154, 74), (166, 51), (186, 33), (210, 20), (236, 15), (261, 21),
    (281, 36), (296, 60), (301, 84), (296, 108), (283, 130), (273, 136), (266, 155), (257, 172), (279, 185),
    (300, 212), (306, 240), (322, 241), (344, 262), (357, 310), (362, 345), (24, 345), (34, 300), (48, 268),
    (82, 236), (110, 210), (116, 190), (130, 170), (156, 152), (182, 148), (181, 132),
)  # fmt: skip
_BODY_FADES_ROWS = (300, 345)


class DemoCamera:
    """The virtual camera: 640×480 at 30 frames a second, ``length_seconds`` long.

    ``seed`` chooses background, light, side and path, so that each seed is a session of
    its own. Raises :class:`NotInstalledError` if scikit-image's photos are not there.
    """

    live = False
    fps = FPS

    def __init__(self, seed: int = 0, *, length_seconds: float = DEMO_SECONDS) -> None:
        if seed < 0:
            raise UsageError(f"demo:{seed}: a seed of 0 or more was expected")
        self.name = f"demo:{seed}"
        self._scene = _Scene(seed)
        self._frames = round(length_seconds * FPS)
        self._index = 0
        self._closed = False

    def read(self) -> Frame | None:
        """The next frame with its true annotations: one face, or ``()``."""
        if self._closed or self._index >= self._frames:
            return None
        index = self._index
        self._index += 1
        pixels, annotations = self._scene.render(index)
        return Frame(
            pixels=pixels, index=index, seconds=index / FPS, read_at=time.perf_counter(), annotations=annotations
        )

    def close(self) -> None:
        self._closed = True


class _Scene:
    """What one seed looks like. ``render`` depends on the index alone."""

    def __init__(self, seed: int) -> None:
        import cv2
        import numpy as np

        random = np.random.default_rng(seed)
        self._portrait = read_rgb(_photo(_PORTRAIT))
        self._mask = _person_mask(self._portrait.shape[:2])
        background = read_rgb(_photo(_BACKGROUNDS[seed % len(_BACKGROUNDS)]))
        # A quarter more than the picture, so that there is something to pan over.
        cover = 1.25 * max(WIDTH / background.shape[1], HEIGHT / background.shape[0])
        self._background: Any = cv2.resize(background, None, fx=cover, fy=cover, interpolation=cv2.INTER_AREA)
        self._mirrored = bool(random.integers(2))
        self._phases = random.uniform(0, 2 * math.pi, 12)
        # Seconds a round trip; no two are multiples, so the path does not repeat itself.
        self._periods = random.uniform(5.0, 9.0, 12)
        self._gain = random.uniform(0.75, 1.15)
        self._cast = random.uniform(0.88, 1.12, 3)
        self._leaves_at = random.uniform(3.0, 9.0)
        self._leaves_to = 1.0 if random.integers(2) else -1.0
        self._noise = random.normal(0, 2.0, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.int16)

    def render(self, index: int) -> tuple[Pixels, tuple[Annotation, ...]]:
        import cv2
        import numpy as np

        seconds = index / FPS
        canvas = self._background_at(seconds)
        matrix = self._person_matrix(seconds)
        size_wh = (WIDTH, HEIGHT)
        person = cv2.warpAffine(self._portrait, matrix, size_wh, flags=cv2.INTER_AREA)
        alpha = cv2.warpAffine(self._mask, matrix, size_wh).astype(np.float32)[..., None] / 255
        lit = self._light_at(seconds)
        mixed = (canvas * (1 - alpha) + person * alpha) * lit
        roll_y, roll_x = (index * 17) % 64, (index * 29) % 64
        mixed += self._noise[roll_y : roll_y + HEIGHT, roll_x : roll_x + WIDTH]
        pixels = np.clip(mixed, 0, 255).astype(np.uint8)
        return pixels, _truth(matrix)

    def _wave(self, which: int, seconds: float) -> float:
        """A smooth path between -1 and 1."""
        return math.sin(2 * math.pi * seconds / self._periods[which] + self._phases[which])

    def _background_at(self, seconds: float) -> Pixels:
        spare_y, spare_x = self._background.shape[0] - HEIGHT, self._background.shape[1] - WIDTH
        top = round(spare_y * (0.5 + 0.5 * self._wave(0, seconds)))
        left = round(spare_x * (0.5 + 0.5 * self._wave(1, seconds)))
        view: Pixels = self._background[top : top + HEIGHT, left : left + WIDTH]
        return view

    def _person_matrix(self, seconds: float) -> NDArray[np.float64]:
        """Portrait to picture, (2, 3): scale, turn, mirror, and where the face is."""
        import numpy as np

        scale = math.exp(math.log(0.4) + (math.log(1.6) - math.log(0.4)) * (0.5 + 0.5 * self._wave(2, seconds)))
        angle = math.radians(14) * self._wave(3, seconds)
        x = WIDTH * (0.5 + 0.34 * self._wave(4, seconds)) + self._leaves_to * WIDTH * 1.6 * self._absence(seconds)
        y = HEIGHT * (0.45 + 0.22 * self._wave(5, seconds))
        side = -1.0 if self._mirrored else 1.0
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        turn = np.array([[cos * side, -sin], [sin * side, cos]])
        left, top, right, bottom = _FACE_XYXY
        centre = np.array([(left + right) / 2, (top + bottom) / 2])
        return np.hstack([turn, (np.array([x, y]) - turn @ centre)[:, None]])

    def _absence(self, seconds: float) -> float:
        """0 while the person is there, 1 while out of the picture: about 1.5 of every 12 seconds."""
        into = (seconds - self._leaves_at) % 12.0
        return min(1.0, math.sin(math.pi * into / 2.5) * 1.3) if into < 2.5 else 0.0

    def _light_at(self, seconds: float) -> NDArray[np.float32]:
        """Gain a channel, (3,): the session's own light, drifting."""
        import numpy as np

        drift = 1 + 0.18 * self._wave(6, seconds)
        casts = [self._cast[channel] * (1 + 0.05 * self._wave(7 + channel, seconds)) for channel in range(3)]
        return np.array([self._gain * drift * cast for cast in casts], np.float32)


def _truth(matrix: NDArray[np.float64]) -> tuple[Annotation, ...]:
    """The box of the face, clipped to the picture; ``()`` where too little of it is left.

    The face is taken for an ellipse: the corners of its box would, turned, give a box too large.
    """
    left, top, right, bottom = _FACE_XYXY
    centre_x, centre_y = matrix @ ((left + right) / 2, (top + bottom) / 2, 1)
    half_x = math.hypot(matrix[0, 0] * (right - left) / 2, matrix[0, 1] * (bottom - top) / 2)
    half_y = math.hypot(matrix[1, 0] * (right - left) / 2, matrix[1, 1] * (bottom - top) / 2)
    x1, x2 = (min(max(centre_x + sign * half_x, 0.0), float(WIDTH)) for sign in (-1, 1))
    y1, y2 = (min(max(centre_y + sign * half_y, 0.0), float(HEIGHT)) for sign in (-1, 1))
    if (x2 - x1) * (y2 - y1) < MIN_VISIBLE * 4 * half_x * half_y:
        return ()
    box_xyxy = (round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2))
    return (Annotation.from_box(LABEL, box_xyxy),)


def _person_mask(shape_hw: tuple[int, ...]) -> NDArray[np.uint8]:
    """(height, width) uint8, 255 where the person is, with a soft edge."""
    import cv2
    import numpy as np

    mask = np.zeros(shape_hw, np.uint8)
    cv2.fillPoly(mask, [np.array(_OUTLINE, np.int32)], 255)
    soft: Any = cv2.GaussianBlur(mask, (0, 0), 2.0)
    first, last = _BODY_FADES_ROWS
    fade = np.clip((last - np.arange(shape_hw[0])) / (last - first), 0, 1)[:, None]
    faded: NDArray[np.uint8] = (soft * fade).astype(np.uint8)
    return faded


def _photo(name: str) -> Path:
    spec = find_spec("skimage")
    path = Path(spec.origin).parent / "data" / name if spec is not None and spec.origin else Path(name)
    if not path.is_file():
        raise NotInstalledError(
            f"scikit-image's photo {name}: is not there, and `demo` is made of it; run `pip install scikit-image`"
        )
    return path

"""The window that a person looks into while photos are taken."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from thirtyfold import screen
from thirtyfold.errors import NotInstalledError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

TITLE = "thirtyfold capture"
KEYS_HELP = "Space: take one now    B: back one    Q: stop"
FLASH_SECONDS = 0.18

_MIN_WIDTH = 800
_WHITE = (255, 255, 255)
_AMBER = (255, 190, 60)
_GREEN = (80, 220, 140)
_ESCAPE = 27


class Action(Enum):
    """What a person wants."""

    TAKE = "take"
    BACK = "back"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the window says. ``due_in`` is seconds until the next photo.

    ``trouble`` is why the picture is refused just now; ``flash`` that a photo was taken a moment ago.
    """

    instruction: str
    taken: int
    wanted: int
    due_in: float = 0.0
    trouble: str = ""
    flash: bool = False


class Preview(Protocol):
    def show(self, pixels: Pixels, state: State) -> Action | None:
        """Show a frame (RGB, left as it is) and give back what a key asks for."""

    def close(self) -> None: ...


class PreviewWindow:
    """An OpenCV window with the mirrored picture. Raises :class:`NotInstalledError` where there can be none.

    Keys: Space, B, Q, Esc; closing the window stops too.
    """

    def __init__(self) -> None:
        import cv2

        if problem := screen.window_problem():
            raise NotInstalledError(f"no preview: {problem}; {screen.HOW_TO_GO_ON}, or go on with --no-preview")
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._sized = False

    def show(self, pixels: Pixels, state: State) -> Action | None:
        import cv2

        canvas = draw_preview(pixels, state)
        if not self._sized:
            cv2.resizeWindow(TITLE, canvas.shape[1], canvas.shape[0])
            self._sized = True
        cv2.imshow(TITLE, cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        if key in (ord("q"), ord("Q"), _ESCAPE) or not self._is_open():
            return Action.STOP
        return {ord(" "): Action.TAKE, ord("b"): Action.BACK, ord("B"): Action.BACK}.get(key)

    def close(self) -> None:
        import cv2

        if self._is_open():
            cv2.destroyWindow(TITLE)
            cv2.waitKey(1)

    def _is_open(self) -> bool:
        import cv2

        try:
            return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt has ended with its last window
            return False


def draw_preview(pixels: Pixels, state: State) -> Pixels:
    """The mirrored picture with instruction, countdown, counter and keys: new RGB pixels, at least 800 wide."""
    import cv2

    height, width = pixels.shape[:2]
    scale = max(1.0, _MIN_WIDTH / width)
    # People move the right way before a mirror, and the wrong way before a camera.
    canvas: Pixels = cv2.flip(cv2.resize(pixels, None, fx=scale, fy=scale), 1)  # type: ignore[assignment]
    height, width = canvas.shape[:2]
    size = max(14, round(width / 32))
    _shade(canvas, 0, round(size * 2.0))
    _shade(canvas, height - round(size * 3.3), height)
    _write(canvas, state.instruction, (size // 2, size // 2), size, _WHITE)
    counter = f"{state.taken} / {state.wanted}"
    _write(canvas, counter, (width - size // 2 - _text_mask(counter, size).shape[1], size // 2), size, _GREEN)
    bottom = height - round(size * 3.0)
    _write(canvas, _middle_line(state), (size // 2, bottom), round(size * 0.9), _AMBER if state.trouble else _WHITE)
    _write(canvas, KEYS_HELP, (size // 2, bottom + round(size * 1.5)), round(size * 0.7), _WHITE)
    done = round(width * state.taken / max(1, state.wanted))
    cv2.rectangle(canvas, (0, height - 6), (done, height), _GREEN, cv2.FILLED)
    if state.flash:
        cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), _WHITE, max(8, size // 2))
    return canvas


def _middle_line(state: State) -> str:
    if state.trouble:
        return f"Not taken: {state.trouble}"
    return f"Next photo in {state.due_in:.1f} s" if state.due_in > 0 else "Now"


def _shade(canvas: Pixels, top: int, bottom: int) -> None:
    canvas[top:bottom] //= 3


def _write(canvas: Pixels, text: str, left_top: tuple[int, int], size: int, ink: tuple[int, int, int]) -> None:
    import numpy as np

    left, top = left_top[0], max(0, left_top[1])  # a flat picture has no room for all the lines
    mask = _text_mask(text, size)[: max(0, canvas.shape[0] - top), : max(0, canvas.shape[1] - left)]
    region = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
    alpha = mask[..., None].astype(np.float32) / 255
    region[:] = (region * (1 - alpha) + np.array(ink, np.float32) * alpha).astype(np.uint8)


@lru_cache(maxsize=256)
def _text_mask(text: str, size: int) -> NDArray[np.uint8]:
    """Anti-aliased letters as (height, width) uint8. OpenCV's own font has nothing but ASCII."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    try:
        font = ImageFont.truetype(str(_font_path()), size)
    except OSError:
        font = ImageFont.load_default(size)
    image = Image.new("L", (max(1, round(font.getlength(text)) + 2), round(size * 1.4)))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return np.asarray(image, np.uint8)


def _font_path() -> Path:
    # DejaVu Sans comes with matplotlib: Latin, Greek and Cyrillic, the same on every machine.
    spec = find_spec("matplotlib")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    return folder / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"


class Flash:
    """Remembers for a moment that a photo was taken."""

    def __init__(self) -> None:
        self._until = 0.0

    def fire(self) -> None:
        self._until = time.monotonic() + FLASH_SECONDS

    def lit(self) -> bool:
        return time.monotonic() < self._until

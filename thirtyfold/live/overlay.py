"""What stands on the live picture beside the boxes: pure drawing of numbers and a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thirtyfold.drawing import Color, color_of, draw_annotations, draw_text
from thirtyfold.live.extras.counts import Tally
from thirtyfold.live.extras.places import LINE
from thirtyfold.predict.chain import caption, in_its_colour
from thirtyfold.predict.segment_options import OPACITY
from thirtyfold.predict.track import Track

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

KEYS_HELP = "C save to review   P pause   + - threshold   Q quit"
PLACE_COLOR: Color = (255, 255, 255)
_GAP = "   "


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """``age_ms`` is from camera to screen, ``lag_ms`` how much older the boxes are (``None``: no boxes yet)."""

    fps: float
    age_ms: float
    lag_ms: float | None
    dropped: int
    threshold: float

    def parts(self) -> list[str]:
        return [
            f"{self.fps:.1f} fps",
            f"frame {self.age_ms:.0f} ms old",
            # From the camera, like the frame's: whoever knows one need not add.
            "model starting" if self.lag_ms is None else f"boxes {self.age_ms + self.lag_ms:.0f} ms old",
            f"{self.dropped} dropped",
            f"threshold {self.threshold:.2f}",
        ]


def draw_live(
    pixels: Pixels,
    tracks: Sequence[Track],
    numbers: Numbers | None,
    *,
    numbered: bool = False,
    tally: Tally | None = None,
    ink_of: Callable[[str], Color] = color_of,
    opacity: float = OPACITY,
) -> Pixels:
    """A copy of RGB ``pixels`` (height, width, 3) with boxes, and the numbers (if any) along the top.

    ``numbered``: objects are told apart by their numbers where there are several. ``tally``: the zones and
    lines that are counted, with their counts. ``ink_of`` says the colour of a label, ``opacity`` is that
    of filled outlines.
    """
    numbered = numbered and len(tracks) > 1
    lines = [] if numbers is None else wrapped(numbers.parts(), pixels.shape[1])
    canvas = draw_annotations(
        pixels,
        [in_its_colour(track.annotation) for track in tracks],
        texts=[caption(track.detected, number=track.id if numbered else None) for track in tracks],
        ink_of=ink_of,
        opacity=opacity,
        clear_above=len(lines) * _line_height(pixels.shape[1]),
    )
    if tally is not None:
        _draw_places(canvas, tally)
    _write_lines(canvas, lines, first_row=0)
    return canvas


def _draw_places(canvas: Pixels, tally: Tally) -> None:
    import cv2

    height, width = canvas.shape[:2]
    thickness = max(1, round(max(height, width) / 320))
    for place in tally.places:
        (x1, y1), (x2, y2) = ((round(x), round(y)) for x, y in place.points((width, height)))
        if place.kind == LINE:
            cv2.arrowedLine(canvas, (x1, y1), (x2, y2), PLACE_COLOR, thickness, cv2.LINE_AA, tipLength=0.04)
        else:
            cv2.rectangle(canvas, (x1, y1), (x2, y2), PLACE_COLOR, thickness)
        # Inside of its lower edge: the upper one is where boxes have their labels.
        left, bottom = min(x1, x2) + 2 * thickness, max(y1, y2) - 2 * thickness
        draw_text(canvas, tally.text(place), (left, bottom), scale=_scale(width))


def draw_notes(pixels: Pixels, message: str, footer: str) -> Pixels:
    """``pixels`` with ``message`` in the middle and ``footer`` along the bottom; the same array if both are empty."""
    if not message and not footer:
        return pixels
    canvas = pixels.copy()
    rows = canvas.shape[0] // _line_height(canvas.shape[1])
    if message:
        _write_lines(canvas, wrapped(message.split(" "), canvas.shape[1], gap=" "), first_row=rows // 2)
    if footer:
        lines = wrapped(footer.split(_GAP), canvas.shape[1])
        _write_lines(canvas, lines, first_row=rows - len(lines))
    return canvas


def wrapped(parts: Sequence[str], width: int, *, gap: str = _GAP) -> list[str]:
    """``parts`` joined to lines that fit into ``width`` pixels, broken only between parts."""
    import cv2

    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{gap}{part}" if lines else part
        if lines and cv2.getTextSize(longer, cv2.FONT_HERSHEY_SIMPLEX, _scale(width), 1)[0][0] <= width - 8:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def _write_lines(canvas: Pixels, lines: Sequence[str], *, first_row: int) -> None:
    height = _line_height(canvas.shape[1])
    for row, line in enumerate(lines, first_row + 1):
        draw_text(canvas, line, (0, row * height - height // 4), scale=_scale(canvas.shape[1]))


def _scale(width: int) -> float:
    return max(0.4, width / 1280)


def _line_height(width: int) -> int:
    return round(36 * _scale(width))

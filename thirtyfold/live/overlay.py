"""What stands on the live picture beside the boxes: pure drawing of numbers and a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thirtyfold.drawing import draw_annotations, draw_text
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

KEYS_HELP = "C save to review   P pause   + - threshold   Q quit"
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
            "model starting" if self.lag_ms is None else f"boxes +{self.lag_ms:.0f} ms",
            f"{self.dropped} dropped",
            f"threshold {self.threshold:.2f}",
        ]


def draw_live(pixels: Pixels, annotations: Sequence[Annotation], numbers: Numbers) -> Pixels:
    """A copy of RGB ``pixels`` (height, width, 3) with boxes, and the numbers along the top."""
    canvas = draw_annotations(pixels, annotations)
    _write_lines(canvas, wrapped(numbers.parts(), canvas.shape[1]), first_row=0)
    return canvas


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

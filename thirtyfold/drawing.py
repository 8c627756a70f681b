"""Annotations drawn onto pixels. New pixels are returned; the given ones stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

Color = tuple[int, int, int]

# Distinct on photographs, in both themes and for colour-blind eyes (Okabe and Ito, 2008).
PALETTE: tuple[Color, ...] = (
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
)
TRUTH_COLOR: Color = (255, 255, 255)


def color_of(label: str) -> Color:
    """The RGB colour of a label, the same in every picture and process."""
    return PALETTE[crc32(label.encode("utf-8", "surrogatepass")) % len(PALETTE)]


def draw_annotations(
    pixels: Pixels,
    annotations: Sequence[Annotation],
    *,
    color: Color | None = None,
    names: bool = True,
    texts: Sequence[str] | None = None,
) -> Pixels:
    """A copy of RGB ``pixels`` (height, width, 3) with outlines on it, and labels and scores if ``names``.

    ``texts``, one an annotation, stand there instead of label and score.
    """
    canvas = pixels.copy()
    thickness = max(1, round(max(canvas.shape[:2]) / 320))
    for index, annotation in enumerate(annotations):
        ink = color or color_of(annotation.label)
        _outline(canvas, annotation, ink, thickness)
        if not names:
            continue
        left, top, _, _ = annotation.box_xyxy
        text = _text(annotation) if texts is None else texts[index]
        draw_text(canvas, text, (round(left), round(top) - 2 * thickness), background=ink, scale=thickness / 4)
    return canvas


def _text(annotation: Annotation) -> str:
    return annotation.label if annotation.score is None else f"{annotation.label} {annotation.score:.0%}"


def draw_text(
    canvas: Pixels, text: str, left_bottom: tuple[int, int], *, background: Color = (0, 0, 0), scale: float = 0.5
) -> None:
    """Write ``text`` onto ``canvas`` **in place**, on a filled strip, moved inside the picture."""
    import cv2

    scale = max(scale, 0.4)
    text = text.encode("ascii", "replace").decode()  # OpenCV's font has nothing else
    (width, height), baseline = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x = max(0, min(left_bottom[0], canvas.shape[1] - width - 4))
    y = max(height + baseline, min(left_bottom[1], canvas.shape[0] - 2))
    cv2.rectangle(canvas, (x, y - height - baseline), (x + width + 4, y + 2), background, cv2.FILLED)
    dark = sum(background) < 380
    ink = (255, 255, 255) if dark else (0, 0, 0)
    cv2.putText(canvas, text, (x + 2, y - baseline // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)


def _outline(canvas: Pixels, annotation: Annotation, ink: Color, thickness: int) -> None:
    import cv2
    import numpy as np

    points = np.round(np.asarray(annotation.points, np.float64)).astype(np.int32)
    if annotation.kind in ("polygon", "linestrip", "line") and len(points) > 1:
        cv2.polylines(canvas, [points], annotation.kind == "polygon", ink, thickness, cv2.LINE_AA)
    elif annotation.kind in ("point", "points"):
        for x, y in points:
            cv2.circle(canvas, (int(x), int(y)), 2 * thickness, ink, cv2.FILLED, cv2.LINE_AA)
    elif annotation.kind == "circle" and len(points) == 2:
        radius = round(float(np.hypot(*(points[1] - points[0]))))
        cv2.circle(canvas, (int(points[0][0]), int(points[0][1])), radius, ink, thickness, cv2.LINE_AA)
    else:
        left, top, right, bottom = (round(v) for v in annotation.box_xyxy)
        cv2.rectangle(canvas, (left, top), (right, bottom), ink, thickness)

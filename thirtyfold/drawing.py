"""Annotations drawn onto pixels. New pixels are returned; the given ones stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from thirtyfold.sample import Annotation, Point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    opacity: float = 0.0,
    ink_of: Callable[[str], Color] = color_of,
    clear_above: int = 0,
) -> Pixels:
    """A copy of RGB ``pixels`` (height, width, 3) with outlines on it, and labels and scores if ``names``.

    ``texts``, one an annotation, stand there instead of label and score. Polygons and circles are filled with their
    colour, 0 (not at all) to 1 (nothing is seen through it) ``opacity``. ``ink_of`` says the colour of a label where
    ``color`` is not the one for all. No text stands in the ``clear_above`` uppermost rows.
    """
    solid = opacity > 0 and any(annotation.kind in ("polygon", "circle") for annotation in annotations)
    canvas = _filled(pixels, annotations, color, opacity, ink_of) if solid else pixels.copy()
    thickness = max(1, round(max(canvas.shape[:2]) / 320))
    for index, annotation in enumerate(annotations):
        ink = color or ink_of(annotation.label)
        _outline(canvas, annotation, ink, thickness)
        if not names:
            continue
        left, top, _, _ = annotation.box_xyxy
        text = _text(annotation) if texts is None else texts[index]
        at = (round(left), round(top) - 2 * thickness)
        draw_text(canvas, text, at, background=ink, scale=thickness / 4, clear_above=clear_above)
    return canvas


def _text(annotation: Annotation) -> str:
    return annotation.label if annotation.score is None else f"{annotation.label} {annotation.score:.0%}"


def draw_text(
    canvas: Pixels,
    text: str,
    left_bottom: tuple[int, int],
    *,
    background: Color = (0, 0, 0),
    scale: float = 0.5,
    clear_above: int = 0,
) -> None:
    """Write ``text`` onto ``canvas`` **in place**, on a filled strip, moved inside the picture.

    And out of its ``clear_above`` uppermost rows.
    """
    import cv2

    scale = max(scale, 0.4)
    text = text.encode("ascii", "replace").decode()  # OpenCV's font has nothing else
    # Large letters of thin lines can't be read once the picture is shown smaller.
    stroke = max(1, round(2 * scale))
    (width, height), baseline = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    x = max(0, min(left_bottom[0], canvas.shape[1] - width - 4))
    y = max(height + baseline + clear_above, min(left_bottom[1], canvas.shape[0] - 2))
    cv2.rectangle(canvas, (x, y - height - baseline), (x + width + 4, y + 2), background, cv2.FILLED)
    ink = (0, 0, 0) if _luminance(background) > _HALFWAY else (255, 255, 255)
    cv2.putText(canvas, text, (x + 2, y - baseline // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, stroke, cv2.LINE_AA)


# Black and white have the same contrast to it (WCAG 2.2, 1.4.3).
_HALFWAY = 0.179


def _luminance(color: Color) -> float:
    """The relative luminance of an RGB colour, 0 to 1, as WCAG 2.2 defines it."""
    shares = [value / 255 for value in color]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _filled(
    pixels: Pixels,
    annotations: Sequence[Annotation],
    color: Color | None,
    opacity: float,
    ink_of: Callable[[str], Color],
) -> Pixels:
    """A copy with polygons and circles filled."""
    import cv2

    ink = pixels.copy()
    for annotation in annotations:
        if annotation.kind == "polygon":
            # 1/16 of a pixel; by the even-odd rule, so that holes stay holes.
            points = _whole([(16 * x - 8, 16 * y - 8) for x, y in annotation.points])
            cv2.fillPoly(ink, [points], color or ink_of(annotation.label), cv2.LINE_8, 4)
        elif annotation.kind == "circle":
            _circle(ink, annotation, color or ink_of(annotation.label), cv2.FILLED)
    return cv2.addWeighted(ink, opacity, pixels, 1 - opacity, 0)  # type: ignore[return-value]


def _circle(canvas: Pixels, annotation: Annotation, ink: Color, thickness: int) -> None:
    import cv2

    left, _, right, _ = annotation.box_xyxy
    centre = annotation.points[0]
    cv2.circle(canvas, (round(centre[0]), round(centre[1])), round((right - left) / 2), ink, thickness, cv2.LINE_AA)


def _whole(points: Sequence[Point]) -> NDArray[np.int32]:
    import numpy as np

    return np.round(np.asarray(points, np.float64)).astype(np.int32)


def _strokes(points: Sequence[Point]) -> list[list[Point]]:
    """A ring without the ways that it goes there and back to a hole or another piece: lines to be drawn."""
    edges = list(zip(points, [*points[1:], points[0]], strict=True))
    if len(set(points)) == len(points):
        return [[*points, points[0]]]
    there = set(edges)
    both_ways = {edge for edge in edges if edge[::-1] in there}
    strokes: list[list[Point]] = [[]]
    for start, end in edges:
        if (start, end) in both_ways:
            strokes.append([])
        else:
            strokes[-1] = strokes[-1] or [start]
            strokes[-1].append(end)
    return [stroke for stroke in strokes if stroke]


def _outline(canvas: Pixels, annotation: Annotation, ink: Color, thickness: int) -> None:
    import cv2

    points = _whole(annotation.points)
    if annotation.kind == "polygon" and len(points) > 1:
        lines = [_whole(stroke) for stroke in _strokes(annotation.points)]
        cv2.polylines(canvas, lines, False, ink, thickness, cv2.LINE_AA)
    elif annotation.kind in ("linestrip", "line") and len(points) > 1:
        cv2.polylines(canvas, [points], False, ink, thickness, cv2.LINE_AA)
    elif annotation.kind in ("point", "points"):
        for x, y in points:
            cv2.circle(canvas, (int(x), int(y)), 2 * thickness, ink, cv2.FILLED, cv2.LINE_AA)
    elif annotation.kind == "circle" and len(points) == 2:
        _circle(canvas, annotation, ink, thickness)
    else:
        left, top, right, bottom = (round(v) for v in annotation.box_xyxy)
        cv2.rectangle(canvas, (left, top), (right, bottom), ink, thickness)

"""Predictions beside the truth: which photos to show, and each as a tile that can be read.

Truth is white, predictions have the colour of their label. Where the faces are small the tile shows the
part of the photo that matters, enlarged.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.drawing import TRUTH_COLOR, Color, color_of, draw_text
from thirtyfold.errors import FileDataError
from thirtyfold.images import Pixels
from thirtyfold.model.metrics.detection import FOUND_IOU, Judged, tally
from thirtyfold.model.report.tiles import MOST_TILES, TILE_WH, Tile, drawable, resized
from thirtyfold.predict.matching import match
from thirtyfold.sample import Annotation, BoxXyxy

# A box with a side below it, in pixels of the tile, is enlarged to it, up to so much.
_LEGIBLE_PX = 72
_LARGEST_ZOOM = 10.0
_NAMED_PX = 60


def worst_tiles(judged: Sequence[Judged], threshold: float) -> list[Tile]:
    """The photos with the worst predictions, worst first."""
    ranked = sorted(judged, key=lambda item: quality(item, threshold))
    return _tiles(ranked, threshold)


def random_tiles(judged: Sequence[Judged], threshold: float, *, seed: int = 0) -> list[Tile]:
    """Photos drawn by ``seed``: what one would see on any day."""
    names = sorted(range(len(judged)), key=lambda number: judged[number].sample.image_path.name)
    chosen = random.Random(seed).sample(names, len(names))  # noqa: S311 - nothing secret
    return _tiles([judged[number] for number in chosen], threshold)


def quality(item: Judged, threshold: float) -> float:
    """1 where every object is met exactly and nothing else is shown, 0 where all is wrong."""
    counts = tally(item, threshold)
    most = max(counts.objects, counts.shown)
    return counts.iou / most if most else 1.0


def _tiles(items: Sequence[Judged], threshold: float) -> list[Tile]:
    tiles: list[Tile] = []
    for item in items:
        if len(tiles) == MOST_TILES:
            break
        try:
            pixels = read_pixels(item.sample)
        except FileDataError:
            continue  # it was there when it was judged
        tiles.append(_tile(item, pixels, threshold))
    return tiles


def _tile(item: Judged, pixels: Pixels, threshold: float) -> Tile:
    shown = item.shown(threshold)
    height, width = pixels.shape[:2]
    window = window_of(item.truths, shown, (width, height))
    zoomed = window != (0, 0, width, height)
    left, top, right, bottom = window
    scale = min(TILE_WH[0] / (right - left), TILE_WH[1] / (bottom - top))
    canvas = resized(pixels[top:bottom, left:right], scale)
    for annotation in item.truths:
        _frame(canvas, _moved(annotation.box_xyxy, left, top, scale), TRUTH_COLOR, 1)
    for annotation in shown:
        box = _moved(annotation.box_xyxy, left, top, scale)
        ink = color_of(annotation.label)
        _frame(canvas, box, ink, 2)
        # Names of small boxes would cover their neighbours, those of boxes outside would stand at the wrong place.
        inside = 0 <= box[0] < canvas.shape[1] and 0 <= box[1] < canvas.shape[0]
        if inside and _short_side(box) >= _NAMED_PX:
            text = f"{annotation.label} {annotation.score or 0:.0%}"
            draw_text(canvas, text, (round(box[0]), round(box[1]) - 3), background=ink, scale=0.4)
    counts = tally(item, threshold)
    false = counts.shown - counts.hits
    caption = f"{counts.hits} of {counts.objects} found" if counts.objects else "nothing there"
    caption += f", {false} false" if false else ""
    caption += f", IoU {counts.iou / counts.objects:.2f}" if counts.objects else ""
    return Tile(
        name=item.sample.image_path.name,
        session=item.sample.session,
        pixels=canvas,
        zoomed=zoomed,
        caption=caption,
    )


def window_of(
    truths: Sequence[Annotation], shown: Sequence[Annotation], image_wh: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The part of a photo to show (left, top, right, bottom, pixels): all of it where its boxes can be made out
    there, else around what went wrong, or around the smallest box if nothing did.
    """
    width, height = image_wh
    whole = (0, 0, width, height)
    boxes = _wrong(truths, shown) or [shape.box_xyxy for shape in (*truths, *shown)]
    if not boxes:
        return whole
    smallest = min(boxes, key=_short_side)
    shrunk = min(TILE_WH[0] / width, TILE_WH[1] / height)
    zoom = min(_LEGIBLE_PX / max(_short_side(smallest) * shrunk, 1e-3), _LARGEST_ZOOM)
    if zoom <= 1:
        return whole
    across, down = min(width, TILE_WH[0] / shrunk / zoom), min(height, TILE_WH[1] / shrunk / zoom)
    cx, cy = (smallest[0] + smallest[2]) / 2, (smallest[1] + smallest[3]) / 2
    left = round(min(max(cx - across / 2, 0), width - across))
    top = round(min(max(cy - down / 2, 0), height - down))
    return (left, top, min(width, left + max(round(across), 1)), min(height, top + max(round(down), 1)))


def _wrong(truths: Sequence[Annotation], shown: Sequence[Annotation]) -> list[BoxXyxy]:
    pairs = [pair for pair in match(truths, shown) if pair[2] >= FOUND_IOU]
    met, used = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    missed = [shape.box_xyxy for number, shape in enumerate(truths) if number not in met]
    return missed + [shape.box_xyxy for number, shape in enumerate(shown) if number not in used]


def _short_side(box_xyxy: BoxXyxy) -> float:
    return min(box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1])


def _moved(box_xyxy: BoxXyxy, left: int, top: int, scale: float) -> BoxXyxy:
    x1, y1, x2, y2 = box_xyxy
    return ((x1 - left) * scale, (y1 - top) * scale, (x2 - left) * scale, (y2 - top) * scale)


def _frame(canvas: Pixels, box_xyxy: BoxXyxy, ink: Color, thickness: int) -> None:
    """An outline with a dark edge, so that it is seen on any photo."""
    import cv2

    left, top, right, bottom = drawable(box_xyxy)
    cv2.rectangle(canvas, (left, top), (right, bottom), (0, 0, 0), thickness + 2, cv2.LINE_AA)
    cv2.rectangle(canvas, (left, top), (right, bottom), ink, thickness, cv2.LINE_AA)

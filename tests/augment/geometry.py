"""Shapes against pixels: a shape that was moved, and its own picture that was moved by the same transform.

Used by ``test_geometry.py`` and ``benchmarks/geometry.py``. The picture shows exactly the shape, white on
black and painted five times finer than a pixel; it moves as pixels do and knows nothing of
outlines. What is white in the copy is where the shape has to be.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment.recipes import Recipe, Step
from thirtyfold.augment.transform import augment
from thirtyfold.datasets.formats.regions import fill, mask_annotation, mask_of, outline, rings_of
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation, Point

WIDTH, HEIGHT = 320, 240
# Odd, so that the middle of a pixel is the middle of a fine one, too.
FINER = 5

# Every way of moving that keeps straight lines straight, in any combination.
ANY_WAY = Recipe(
    name="any way",
    steps=(
        Step(
            transform="Affine",
            probability=0.8,
            arguments={
                "rotate": (-180, 180),
                "scale": (0.6, 1.6),
                "keep_ratio": False,
                "shear": (-20, 20),
                "translate_percent": (-0.25, 0.25),
            },
        ),
        Step(transform="Perspective", probability=0.2, arguments={"scale": (0.02, 0.1)}),
        Step(transform="RandomAreaCrop", probability=0.6, arguments={"area": (0.3, 1.0), "stretch": (0.5, 2.0)}),
        Step(transform="HorizontalFlip", probability=0.5),
        Step(transform="VerticalFlip", probability=0.3),
        Step(transform="Transpose", probability=0.3),
        Step(transform="RandomRotate90", probability=0.3),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a shape covers against what is white, in pixels of the copy.

    ``breadth`` is that of the square with the same ratio of area to edge: what a pixel's width along the
    edge costs of the IoU. ``farthest`` is how far from the shape's edge the centre of a pixel lies that differs,
    at most: how far the two edges are apart, as far as pixels can tell.
    """

    iou: float
    differing: int
    area: int
    edge: float
    farthest: float
    pieces: int

    @property
    def breadth(self) -> float:
        return 4 * self.area / self.edge if self.edge else 0.0


def star(chance: random.Random) -> Annotation:
    """A polygon with dents that crosses itself nowhere, perhaps partly outside of the picture."""
    count = chance.randint(5, 24)
    turns = [2 * math.pi * (step + chance.uniform(-0.3, 0.3)) / count for step in range(count)]
    cx, cy, radius = chance.uniform(40, WIDTH - 40), chance.uniform(40, HEIGHT - 40), chance.uniform(30, 130)
    radii = [radius * chance.uniform(0.35, 1) for _ in turns]
    points = tuple((cx + r * math.cos(turn), cy + r * math.sin(turn)) for r, turn in zip(radii, turns, strict=True))
    return Annotation(label="hand", kind="polygon", points=points)


def bracket(chance: random.Random) -> Annotation:
    """A C, which crops like to cut in two."""
    left, top = chance.uniform(5, 60), chance.uniform(5, 40)
    right, bottom = chance.uniform(200, WIDTH - 5), chance.uniform(170, HEIGHT - 5)
    thick = chance.uniform(25, 50)
    points = (
        (left, top), (right, top), (right, top + thick), (left + thick, top + thick),
        (left + thick, bottom - thick), (right, bottom - thick), (right, bottom), (left, bottom),
    )  # fmt: skip
    return Annotation(label="hand", kind="polygon", points=points)


def keyhole(chance: random.Random) -> Annotation:
    """A ring, drawn as one outline that goes in to the hole and back the same way."""
    cx, cy = chance.uniform(110, 210), chance.uniform(100, 140)
    outer, inner = chance.uniform(70, 100), chance.uniform(20, 40)
    turns = [2 * math.pi * step / 20 for step in range(21)]
    around = [(cx + outer * math.cos(turn), cy + outer * math.sin(turn)) for turn in turns[:-1]]
    around.append(around[0])
    hole = [(cx + inner * math.cos(turn), cy - inner * math.sin(turn)) for turn in turns[:-1]]
    return Annotation(label="hand", kind="polygon", points=(*around, *hole, hole[0]))


def bow_tie(chance: random.Random) -> Annotation:
    """An outline that crosses itself."""
    left, right = chance.uniform(5, 80), chance.uniform(220, WIDTH - 5)
    top, bottom = chance.uniform(5, 60), chance.uniform(160, HEIGHT - 5)
    return Annotation(label="hand", kind="polygon", points=((left, top), (right, bottom), (right, top), (left, bottom)))


def circle(chance: random.Random) -> Annotation:
    cx, cy = chance.uniform(60, WIDTH - 60), chance.uniform(60, HEIGHT - 60)
    return Annotation(label="hand", kind="circle", points=((cx, cy), (cx + chance.uniform(30, 100), cy)))


def mask(chance: random.Random) -> Annotation:
    """labelme's mask: pixels, with a hole, and a second piece."""
    canvas = fill(star(chance).points, (WIDTH, HEIGHT)) & ~fill(outline(circle(chance)), (WIDTH, HEIGHT))
    return mask_annotation("hand", canvas | fill(outline(circle(chance)), (WIDTH, HEIGHT)))


SHAPES: Mapping[str, Callable[[random.Random], Annotation]] = {
    made.__name__: made for made in (star, bracket, keyhole, bow_tie, circle, mask)
}


def compare(annotation: Annotation, seed: int, recipe: Recipe = ANY_WAY) -> Compared:
    """Move the shape and its picture, and compare what came out."""
    pixels, moved = augment(picture_of(annotation), [annotation], recipe, seed, min_visible=0.0)
    size_wh = (pixels.shape[1], pixels.shape[0])
    covered = np.zeros((size_wh[1], size_wh[0]), np.bool_)
    for piece in moved:
        covered |= mask_of(piece, size_wh)
    white = pixels[..., 0] >= 128
    differing = covered != white
    union = int((covered | white).sum())
    return Compared(
        iou=1 - int(differing.sum()) / union if union else 1.0,
        differing=int(differing.sum()),
        area=int(white.sum()),
        edge=_edge_length(white),
        farthest=_farthest(differing, moved, size_wh),
        pieces=len(moved),
    )


def picture_of(annotation: Annotation) -> Pixels:
    """White where the shape is, grey where it covers a pixel in part."""
    if annotation.kind == "mask":
        gray = mask_of(annotation, (WIDTH, HEIGHT)) * np.uint8(255)
    else:
        corners: list[Point] = [(x * FINER, y * FINER) for x, y in outline(annotation)]
        fine = fill(corners, (WIDTH * FINER, HEIGHT * FINER)).astype(np.float32)
        gray = np.round(cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def _farthest(differing: NDArray[np.bool_], moved: Sequence[Annotation], size_wh: tuple[int, int]) -> float:
    outlines = [ring for piece in moved for ring in _rings(piece, size_wh)]
    contours = [np.asarray(ring, np.float32).reshape(-1, 1, 2) for ring in outlines]
    farthest = 0.0
    for y, x in zip(*np.nonzero(differing & ~_crumbs(differing)), strict=True):
        centre = (float(x) + 0.5, float(y) + 0.5)
        away = min((abs(cv2.pointPolygonTest(contour, centre, True)) for contour in contours), default=math.inf)
        farthest = max(farthest, away)
    return farthest


def _rings(piece: Annotation, size_wh: tuple[int, int]) -> list[Sequence[Point]]:
    if piece.kind != "mask":
        return [outline(piece)]
    around, holes = rings_of(mask_of(piece, size_wh))
    return [*around, *holes]


def _crumbs(differing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spots of a pixel or two at the frame: pieces of less than a square pixel are dropped on purpose."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(differing.astype(np.uint8), connectivity=8)
    at_frame = np.unique(np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]]))
    small = [number for number in at_frame if number and stats[number, cv2.CC_STAT_AREA] <= 2]
    return np.isin(numbers, small)


def _edge_length(covered: NDArray[np.bool_]) -> float:
    """The length of the edge, pixels: a slanted line has 4 / pi times as many cracks as its length, on average."""
    padded = np.pad(covered, 1)
    cracks = (padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum()
    return float(cracks) * math.pi / 4

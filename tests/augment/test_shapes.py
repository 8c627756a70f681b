from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thirtyfold.augment import shapes
from thirtyfold.sample import Annotation

FRAME = (100, 80)
coordinates = st.floats(-150, 250)


def polygon(*points: tuple[float, float]) -> Annotation:
    return Annotation(label="hand", points=points, kind="polygon")


def test_what_lies_inside_comes_back_as_it_is() -> None:
    box = Annotation(label="face", points=((90, 70), (10, 0)), group=3, extra={"difficult": True})
    assert shapes.cut(box, FRAME) == (box, 1.0)


def test_a_rectangle_is_cut_at_the_frame_and_keeps_everything_else() -> None:
    box = Annotation(label="face", points=((-20, 20), (20, 60)), score=0.5, extra={"difficult": True})
    inside, share = shapes.cut(box, FRAME)
    assert inside is not None
    assert inside.box_xyxy == (0, 20, 20, 60)
    assert (inside.score, inside.extra) == (0.5, {"difficult": True})
    assert share == 0.5


@pytest.mark.parametrize("corners", [((-30, 0), (-1, 50)), ((100, 0), (130, 50)), ((10, 10), (10, 10))])
def test_a_rectangle_outside_or_without_area_is_gone(corners: tuple[tuple[float, float], ...]) -> None:
    assert shapes.cut(Annotation(label="face", points=corners), FRAME) == (None, 0.0)


def test_spreading_and_gathering_gives_the_rectangle_back() -> None:
    box = Annotation.from_box("face", (10.5, 20, 31, 60.25))
    assert shapes.gather(box, shapes.spread(box)) == box


def test_a_turned_rectangle_is_the_box_around_the_turned_ellipse() -> None:
    box = Annotation.from_box("face", (-10, -20, 10, 20))
    turn = math.radians(30)
    turned = [
        (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))
        for x, y in shapes.spread(box)
    ]
    angles = np.linspace(0, 2 * np.pi, 100_000)
    xs = 10 * np.cos(angles) * math.cos(turn) - 20 * np.sin(angles) * math.sin(turn)
    ys = 10 * np.cos(angles) * math.sin(turn) + 20 * np.sin(angles) * math.cos(turn)
    expected = (xs.min(), ys.min(), xs.max(), ys.max())
    assert shapes.gather(box, turned).box_xyxy == pytest.approx(expected, abs=1e-4)


def test_a_circle_moves_as_a_circle_and_a_squashed_one_as_a_polygon() -> None:
    circle = Annotation(label="ball", points=((30, 30), (40, 30)), kind="circle")
    ends = shapes.spread(circle)
    doubled = shapes.gather(circle, [(2 * x, 2 * y) for x, y in ends])
    assert (doubled.kind, doubled.points) == ("circle", ((60, 60), (80, 60)))
    squashed = shapes.gather(circle, [(x, y / 2) for x, y in ends])
    assert squashed.kind == "polygon"
    assert squashed.box_xyxy == pytest.approx((20, 10, 40, 20))


def test_a_circle_cut_by_the_frame_becomes_the_polygon_that_is_left() -> None:
    circle = Annotation(label="ball", points=((0, 40), (10, 40)), kind="circle")
    inside, share = shapes.cut(circle, FRAME)
    assert inside is not None
    assert inside.kind == "polygon"
    assert inside.box_xyxy == pytest.approx((0, 30, 10, 50))
    assert share == pytest.approx(0.5)


def test_a_triangle_is_cut_to_what_the_frame_shows() -> None:
    inside, share = shapes.cut(polygon((-10, 10), (10, 10), (10, 30)), FRAME)
    assert inside is not None
    assert sorted(inside.points) == [(0, 10), (0, 20), (10, 10), (10, 30)]
    assert share == 0.75


def test_an_outline_that_crosses_itself_is_cut_too() -> None:
    # Its two lobes have the same area and opposite directions: the shoelace formula gives 0.
    inside, share = shapes.cut(polygon((10, -40), (50, 40), (50, -40), (10, 40)), FRAME)
    assert inside is not None
    assert inside.box_xyxy == (10, 0, 50, 40)
    assert share == 0.5


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=10))
def test_a_cut_polygon_covers_the_pixels_that_the_whole_one_covers_in_the_frame(
    corners: list[tuple[float, float]],
) -> None:
    whole = polygon(*corners)
    inside, share = shapes.cut(whole, FRAME)
    assert 0 <= share <= 1
    expected = _raster(corners)
    if inside is None:
        assert expected.sum() <= 300  # thinner than a pixel, or only touched along an edge
        return
    left, top, right, bottom = inside.box_xyxy
    assert left >= 0 and top >= 0 and right <= FRAME[0] and bottom <= FRAME[1]
    differing = expected != _raster(inside.points)
    # OpenCV paints the pixels that an outline touches: only those may differ.
    outline = _raster(corners, outline=True) | _raster(inside.points, outline=True)
    assert not (differing & ~outline).any()


def _raster(points: object, *, outline: bool = False) -> np.ndarray:
    """Which pixels of the frame an even-odd polygon covers, computed by OpenCV on a larger canvas."""
    canvas = np.zeros((FRAME[1] + 400, FRAME[0] + 400), np.uint8)
    fixed = np.round((np.asarray(points, np.float64) + 200 - 0.5) * 256).astype(np.int32)
    if outline:
        cv2.polylines(canvas, [fixed], True, 1, 3, cv2.LINE_8, 8)
    else:
        cv2.fillPoly(canvas, [fixed], 1, cv2.LINE_8, 8)
    return canvas[200 : 200 + FRAME[1], 200 : 200 + FRAME[0]] > 0


def test_a_line_is_cut_and_of_a_strip_the_longest_piece_is_kept() -> None:
    line = Annotation(label="edge", points=((-50, 40), (50, 40)), kind="line")
    assert shapes.cut(line, FRAME) == (Annotation(label="edge", points=((0, 40), (50, 40)), kind="line"), 0.5)
    strip = Annotation(label="edge", points=((10, 10), (10, -10), (30, -10), (30, 40), (60, 40)), kind="linestrip")
    inside, share = shapes.cut(strip, FRAME)
    assert inside is not None
    assert inside.points == ((30, 0), (30, 40), (60, 40))
    assert share == 70 / 120
    outside = Annotation(label="edge", points=((-5, -5), (-5, 90)), kind="line")
    assert shapes.cut(outside, FRAME) == (None, 0.0)


def test_points_outside_are_dropped() -> None:
    def point(x: float, y: float) -> Annotation:
        return Annotation(label="nose", points=((x, y),), kind="point")

    assert shapes.cut(point(-0.1, 4), FRAME) == (None, 0.0)
    assert shapes.cut(point(100, 80), FRAME) == (point(100, 80), 1.0)
    several = Annotation(label="eyes", points=((1, 1), (120, 1)), kind="points")
    inside, share = shapes.cut(several, FRAME)
    assert inside is not None
    assert (inside.points, share) == (((1, 1),), 0.5)


def test_masks_are_said_to_be_unmovable() -> None:
    assert not shapes.can_move(Annotation(label="hand", points=((0, 0), (9, 9)), kind="mask"))
    assert shapes.can_move(Annotation(label="hand", points=((0, 0), (9, 9))))

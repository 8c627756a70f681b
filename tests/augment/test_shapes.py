from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thirtyfold.augment import clipping, shapes
from thirtyfold.datasets.formats.regions import fill, mask_annotation, polygon_area
from thirtyfold.sample import Annotation

FRAME = (100, 80)
coordinates = st.floats(-150, 250)


def polygon(*points: tuple[float, float]) -> Annotation:
    return Annotation(label="hand", points=points, kind="polygon")


def test_what_lies_inside_comes_back_as_it_is() -> None:
    box = Annotation(label="face", points=((90, 70), (10, 0)), group=3, extra={"difficult": True})
    assert shapes.cut(box, FRAME) == ((box, 1.0),)


def test_a_rectangle_is_cut_at_the_frame_and_keeps_everything_else() -> None:
    box = Annotation(label="face", points=((-20, 20), (20, 60)), score=0.5, extra={"difficult": True})
    ((inside, share),) = shapes.cut(box, FRAME)
    assert inside.box_xyxy == (0, 20, 20, 60)
    assert (inside.score, inside.extra) == (0.5, {"difficult": True})
    assert share == 0.5


@pytest.mark.parametrize("corners", [((-30, 0), (-1, 50)), ((100, 0), (130, 50)), ((10, 10), (10, 10))])
def test_a_rectangle_outside_or_without_area_is_gone(corners: tuple[tuple[float, float], ...]) -> None:
    assert shapes.cut(Annotation(label="face", points=corners), FRAME) == ()


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
    assert doubled.kind == "circle"
    assert np.asarray(doubled.points) == pytest.approx(np.array([(60, 60), (80, 60)]))
    squashed = shapes.gather(circle, [(x, y / 2) for x, y in ends])
    assert squashed.kind == "polygon"
    assert squashed.box_xyxy == pytest.approx((20, 10, 40, 20))


def test_a_circle_cut_by_the_frame_becomes_the_polygon_that_is_left() -> None:
    circle = Annotation(label="ball", points=((0, 40), (10, 40)), kind="circle")
    ((inside, share),) = shapes.cut(circle, FRAME)
    assert inside.kind == "polygon"
    assert inside.box_xyxy == pytest.approx((0, 30, 10, 50))
    assert share == pytest.approx(0.5)


def test_a_triangle_is_cut_to_what_the_frame_shows() -> None:
    ((inside, share),) = shapes.cut(polygon((-10, 10), (10, 10), (10, 30)), FRAME)
    assert sorted(inside.points) == [(0, 10), (0, 20), (10, 10), (10, 30)]
    assert share == 0.75


def test_a_polygon_that_the_frame_cuts_in_two_becomes_two() -> None:
    # A bracket whose back lies to the left of the frame; its arms are 20 x 10 in it, its back 10 x 50 outside.
    bracket = polygon((-10, 10), (20, 10), (20, 20), (0, 20), (0, 50), (20, 50), (20, 60), (-10, 60))
    pieces = shapes.cut(bracket, FRAME)
    assert [piece.box_xyxy for piece, _ in pieces] == [(0, 10, 20, 20), (0, 50, 20, 60)]
    assert [share for _, share in pieces] == pytest.approx([200 / 900, 200 / 900])
    assert all(piece.kind == "polygon" and len(piece.points) == 4 for piece, _ in pieces)


def test_a_polygon_whose_middle_lies_over_a_corner_of_the_frame_is_one_piece_around_it() -> None:
    ((inside, share),) = shapes.cut(polygon((-30, 50), (130, 50), (130, 130), (-30, 130)), FRAME)
    assert inside.box_xyxy == (0, 50, 100, 80)
    assert share == pytest.approx(30 * 100 / (160 * 80))


def test_crumbs_beside_a_larger_piece_are_dropped_and_a_crumb_alone_is_kept() -> None:
    # Two teeth stand in the frame, 20 and half a square pixel of them.
    comb = polygon((-5, 0), (2, 0), (2, 10), (-1, 10), (-1, 40), (0.5, 40), (0.5, 41), (-5, 41))
    assert [piece.box_xyxy for piece, _ in shapes.cut(comb, FRAME)] == [(0, 0, 2, 10)]
    ((alone, _),) = shapes.cut(polygon((-5, 40), (0.5, 40), (0.5, 41), (-5, 41)), FRAME)
    assert alone.box_xyxy == (0, 40, 0.5, 41)


def test_a_hole_drawn_with_a_bridge_stays_a_hole_and_the_two_sides_of_it_are_two_pieces() -> None:
    # There along the bridge from (10, 20), around the hole, and back the same way.
    ring = ((10, -20), (70, -20), (70, 60), (10, 60), (10, 20), (30, 20), (30, -10), (50, -10), (50, 40), (30, 40))
    keyhole = polygon(*ring, (30, 20), (10, 20))
    pieces = shapes.cut(keyhole, FRAME)
    painted = np.logical_xor.reduce([fill(piece.points, FRAME) for piece, _ in pieces])
    assert np.array_equal(painted, fill(keyhole.points, FRAME))
    assert sum(share for _, share in pieces) == pytest.approx((60 * 60 - 20 * 40) / (60 * 80 - 20 * 50), abs=0.01)


def test_an_outline_that_crosses_itself_is_cut_by_what_it_encloses() -> None:
    # Its two lobes have the same area and opposite directions: the shoelace formula gives 0.
    pieces = shapes.cut(polygon((10, -40), (50, 40), (50, -40), (10, 40)), FRAME)
    assert [piece.box_xyxy for piece, _ in pieces] == [(30, 0, 50, 40), (10, 0, 30, 40)]
    assert [share for _, share in pieces] == pytest.approx([0.25, 0.25], abs=0.005)


def test_pieces_that_lie_over_each_other_stay_one_outline() -> None:
    # Two arms from the left of the frame that cross in it: two pieces would count the crossing twice.
    arms = polygon((-20, 0), (60, 50), (60, 60), (-10, 15), (-10, 45), (60, 0), (60, 10), (-20, 60))
    ((inside, _),) = shapes.cut(arms, FRAME)
    assert np.array_equal(fill(inside.points, FRAME), fill(arms.points, FRAME))


@settings(max_examples=500)
@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=10))
def test_cut_polygons_cover_the_pixels_that_the_whole_one_covers_in_the_frame(
    corners: list[tuple[float, float]],
) -> None:
    pieces = shapes.cut(polygon(*corners), FRAME)
    painted = np.zeros((FRAME[1], FRAME[0]), np.int32)
    for piece, _ in pieces:
        left, top, right, bottom = piece.box_xyxy
        assert left >= 0 and top >= 0 and right <= FRAME[0] and bottom <= FRAME[1]
        painted += fill(piece.points, FRAME)
    assert 0 <= sum(share for _, share in pieces) <= 1.02
    assert painted.max() <= 1  # no two pieces have a pixel in common
    # Only crumbs may be missing, and pixels whose centres lie on the outline to the last digit.
    differing = (painted > 0) != fill(corners, FRAME)
    assert not (differing & ~_touched(corners)).any()


@settings(max_examples=300)
@given(
    st.lists(st.floats(0.2, 1), min_size=12, max_size=40),
    st.tuples(coordinates, coordinates),
    st.floats(20, 200),
)
def test_pieces_of_a_star_that_crosses_nowhere_are_apart_and_have_its_area(
    radii: list[float], centre: tuple[float, float], radius: float
) -> None:
    turns = [2 * math.pi * step / len(radii) for step in range(len(radii))]
    corners = [
        (centre[0] + radius * share * math.cos(turn), centre[1] + radius * share * math.sin(turn))
        for share, turn in zip(radii, turns, strict=True)
    ]
    pieces = [piece for piece, _ in shapes.cut(polygon(*corners), FRAME)]
    whole = clipping.clip_to_one_ring(corners, FRAME)
    expected = polygon_area(whole) if len(whole) > 2 else 0.0
    assert sum(polygon_area(piece.points) for piece in pieces) == pytest.approx(expected, abs=1.0 * len(radii))
    assert (sum(fill(piece.points, FRAME).astype(int) for piece in pieces) <= 1).all() if pieces else True


def _touched(points: object) -> np.ndarray:
    """Which pixels of the frame an outline touches, computed by OpenCV on a larger canvas."""
    canvas = np.zeros((FRAME[1] + 400, FRAME[0] + 400), np.uint8)
    fixed = np.round((np.asarray(points, np.float64) + 200 - 0.5) * 256).astype(np.int32)
    cv2.polylines(canvas, [fixed], True, 1, 3, cv2.LINE_8, 8)
    return canvas[200 : 200 + FRAME[1], 200 : 200 + FRAME[0]] > 0


def test_every_piece_of_a_cut_line_stays() -> None:
    line = Annotation(label="edge", points=((-50, 40), (50, 40)), kind="line")
    assert shapes.cut(line, FRAME) == ((Annotation(label="edge", points=((0, 40), (50, 40)), kind="line"), 0.5),)
    strip = Annotation(label="edge", points=((10, 10), (10, -10), (30, -10), (30, 40), (60, 40)), kind="linestrip")
    pieces = shapes.cut(strip, FRAME)
    assert [piece.points for piece, _ in pieces] == [((10, 10), (10, 0)), ((30, 0), (30, 40), (60, 40))]
    assert [share for _, share in pieces] == [10 / 120, 70 / 120]
    outside = Annotation(label="edge", points=((-5, -5), (-5, 90)), kind="line")
    assert shapes.cut(outside, FRAME) == ()


def test_points_outside_are_dropped() -> None:
    def point(x: float, y: float) -> Annotation:
        return Annotation(label="nose", points=((x, y),), kind="point")

    assert shapes.cut(point(-0.1, 4), FRAME) == ()
    assert shapes.cut(point(100, 80), FRAME) == ((point(100, 80), 1.0),)
    several = Annotation(label="eyes", points=((1, 1), (120, 1)), kind="points")
    ((inside, share),) = shapes.cut(several, FRAME)
    assert (inside.points, share) == (((1, 1),), 0.5)


def test_masks_that_cannot_be_read_and_kinds_nobody_knows_are_said_to_be_unmovable() -> None:
    mask = Annotation(label="hand", points=((0, 0), (9, 9)), kind="mask", extra={"mask": "iVBORw0KGgo="})
    assert not shapes.can_move(mask)
    assert not shapes.can_move(Annotation(label="hand", points=((0, 0), (9, 9)), kind="mask"))
    assert not shapes.can_move(Annotation(label="hand", points=((0, 0), (9, 9)), kind="cuboid"))
    assert not shapes.can_move(Annotation(label="ball", points=((0, 0), (9, 9), (8, 8)), kind="circle"))
    assert shapes.can_move(mask_annotation("hand", np.ones((5, 5), np.bool_)))
    assert shapes.can_move(Annotation(label="hand", points=((0, 0), (9, 9))))

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.corpus import png_header
from thirtyfold.datasets.formats import regions
from thirtyfold.sample import Annotation, Point

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def _filled(shapes: list[Annotation], mask: np.ndarray) -> np.ndarray:
    canvas = np.zeros_like(mask)
    for shape in shapes:
        canvas |= regions.mask_of(shape, (mask.shape[1], mask.shape[0]))
    return canvas


@given(masks)
@settings(max_examples=300)
def test_a_mask_made_into_shapes_and_filled_again_is_the_same_mask(mask: np.ndarray) -> None:
    shapes = regions.shapes_around("a", mask) if mask.any() else []
    assert np.array_equal(_filled(shapes, mask), mask)


@given(masks)
@settings(max_examples=200)
def test_there_is_one_outline_a_piece_as_opencv_counts_them(mask: np.ndarray) -> None:
    outer, inner = regions.rings_of(mask)
    pieces, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    background, _ = cv2.connectedComponents((~np.pad(mask, 1)).astype(np.uint8), connectivity=8)
    assert len(outer) == pieces - 1
    assert bool(inner) == (background > 2)


def test_the_outline_of_one_pixel_is_its_four_outer_corners() -> None:
    mask = np.zeros((5, 7), np.bool_)
    mask[2, 3] = True
    outer, _ = regions.rings_of(mask)
    assert outer == [((3, 2), (4, 2), (4, 3), (3, 3))]


@pytest.mark.parametrize(("edge", "filled"), [(2.4, 3), (2.5, 3), (2.6, 2), (3.5, 2), (3.6, 1)])
def test_a_pixel_belongs_to_the_polygon_that_holds_its_centre(edge: float, filled: int) -> None:
    mask = regions.fill([(edge, 0), (5, 0), (5, 1), (edge, 1)], (9, 1))
    assert mask.sum() == filled
    assert not mask[0, 5:].any()


@given(st.lists(st.tuples(st.integers(-80, 320), st.integers(-80, 320)), min_size=3, max_size=7))
@settings(max_examples=150)
def test_filling_agrees_with_opencv_asked_about_every_pixel_centre(corners: list[tuple[int, int]]) -> None:
    points = [(x / 16 + 0.013, y / 16 + 0.007) for x, y in corners]
    mask = regions.fill(points, (15, 14))
    hull = cv2.convexHull(np.array(points, np.float32))
    convex = regions.fill([tuple(map(float, point)) for point in hull[:, 0]], (15, 14))
    for y in range(14):
        for x in range(15):
            distance = cv2.pointPolygonTest(hull, (x + 0.5, y + 0.5), True)
            if abs(distance) > 1e-3:
                assert convex[y, x] == (distance > 0)
    assert not (mask & ~convex).sum() > 2  # only where the centre lies on the hull's own edge


def test_a_mask_shape_is_what_labelme_itself_makes_of_it() -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[4:12, 6:20] = True
    mask[6:9, 10:13] = False
    shape = regions.mask_annotation("ring", mask)
    assert shape.points == ((6.0, 4.0), (19.0, 11.0))
    assert regions.extent(shape) == (6.0, 4.0, 20.0, 12.0)
    assert np.array_equal(regions.mask_of(shape, (30, 20)), mask)


def test_a_mask_shape_that_reaches_over_the_edge_is_cut_there() -> None:
    whole = regions.mask_annotation("a", np.ones((4, 6), np.bool_))
    moved = Annotation(label="a", kind="mask", points=((-2, -1), (3, 2)), extra=whole.extra)
    assert regions.mask_of(moved, (10, 10)).sum() == 4 * 3
    outside = Annotation(label="a", kind="mask", points=((40, 40), (45, 43)), extra=whole.extra)
    assert not regions.mask_of(outside, (10, 10)).any()


def test_a_mask_whose_picture_has_another_size_than_its_corners_say_is_not_readable() -> None:
    shape = regions.mask_annotation("a", np.ones((4, 6), np.bool_))
    assert regions.mask_is_readable(shape)
    assert not regions.mask_is_readable(Annotation(label="a", kind="mask", points=((0, 0), (9, 9)), extra=shape.extra))
    assert not regions.mask_is_readable(
        Annotation(label="a", kind="mask", points=((0, 0), (1, 1)), extra={"mask": "!"})
    )


@pytest.mark.parametrize("side", [30_000, 40_000])
def test_a_mask_of_gigabytes_of_pixels_is_never_unpacked(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    data = base64.b64encode(png_header(side, side)).decode()
    for corner in (side - 1, 9):
        shape = Annotation(label="a", kind="mask", points=((0, 0), (corner, corner)), extra={"mask": data})
        assert not regions.mask_is_readable(shape)


def test_small_shapes_are_painted_over_large_ones_in_whatever_order_they_come() -> None:
    large = Annotation(label="a", points=((0, 0), (10, 10)))
    small = Annotation(label="b", points=((3, 3), (5, 5)))
    for objects, number in (([[small], [large]], 1), ([[large], [small]], 2)):
        canvas, by_itself = regions.paint(objects, (10, 10))
        assert (canvas == number).sum() == 4
        assert sorted(by_itself) == [4, 100]


corner = st.tuples(st.integers(-40, 100), st.integers(-40, 100))


@given(st.lists(corner, min_size=3, max_size=3, unique=True))
def test_a_ring_cut_at_the_edge_covers_what_the_whole_one_covers_inside(raw: list[tuple[int, int]]) -> None:
    points: tuple[Point, ...] = tuple((float(x), float(y)) for x, y in raw)
    width, height = 64, 48
    cut = regions.cut_ring(points, (width, height))
    assert all(0 <= x <= width and 0 <= y <= height for x, y in cut)
    # Painted by OpenCV, four times as large, with a margin around the photo.
    scale, margin = 4, 50

    def paint(corners: tuple[Point, ...]) -> np.ndarray:
        canvas = np.zeros(((height + 2 * margin) * scale, (width + 2 * margin) * scale), np.uint8)
        if corners:
            cv2.fillPoly(canvas, [((np.asarray(corners) + margin) * scale).round().astype(np.int32)], 1)
        return canvas[margin * scale : (margin + height) * scale, margin * scale : (margin + width) * scale]

    differing = (paint(points) != paint(cut)).sum()
    assert differing <= 2 * scale * (width + height)  # an outline's worth: OpenCV paints whole pixels


def test_cutting_a_polygon_at_the_edge_keeps_what_lies_inside() -> None:
    diamond = ((0.0, 5.0), (5.0, 0.0), (10.0, 5.0), (5.0, 10.0))
    half = regions.cut_polygon([(x - 5, y) for x, y in diamond], (20, 20))
    assert regions.polygon_area(half) == pytest.approx(25)
    assert min(x for x, _ in half) == 0
    assert regions.cut_polygon([(x - 50, y) for x, y in diamond], (20, 20)) == ()

"""Shapes to label maps, against two independent methods: OpenCV's fill, and whether points lie inside."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thirtyfold.datasets.formats.regions import mask_annotation
from thirtyfold.datasets.rasterize import VOID, label_map, letterboxed_label_map, numbers_of, ring_of
from thirtyfold.images import letterbox
from thirtyfold.predict.outlines import region
from thirtyfold.sample import Annotation, Point, Sample

SIZE_WH = (60, 48)


def polygon(*points: Point, label: str = "a") -> Annotation:
    return Annotation(label=label, kind="polygon", points=points)


def even_odd(points: tuple[Point, ...], x: float, y: float) -> bool:
    """Whether a ray to the right crosses the outline an odd number of times (PNPOLY)."""
    inside = False
    for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


def opencv_fill(points: tuple[Point, ...], size_wh: tuple[int, int], *, times: int = 16) -> np.ndarray:
    """The share of each pixel that OpenCV fills, 0 to 1, on a grid ``times`` as fine."""
    fine = np.zeros((size_wh[1] * times, size_wh[0] * times), np.uint8)
    cv2.fillPoly(fine, [np.round(np.array(points) * times - 0.5).astype(np.int32)], 1)
    return fine.reshape(size_wh[1], times, size_wh[0], times).mean(axis=(1, 3))


corner = st.tuples(st.floats(-20, 80).map(lambda v: round(v, 3)), st.floats(-20, 70).map(lambda v: round(v, 3)))


@given(st.lists(corner, min_size=3, max_size=9, unique=True))
def test_a_pixel_belongs_to_a_polygon_if_its_centre_lies_inside_crossings_and_parts_outside_included(
    points: list[Point],
) -> None:
    found = label_map([polygon(*points)], {"a": 1}, SIZE_WH)
    wanted = np.array(
        [[even_odd(tuple(points), x + 0.5, y + 0.5) for x in range(SIZE_WH[0])] for y in range(SIZE_WH[1])], np.uint8
    )
    if wanted.any():
        # A centre that lies on the outline itself, to the last digit, may go either way.
        assert (found != wanted).sum() <= 1
    else:
        assert found.sum() <= 1


@given(st.lists(corner, min_size=3, max_size=9, unique=True))
def test_opencv_fills_the_same_but_for_half_a_pixel_along_the_edge(points: list[Point]) -> None:
    found = label_map([polygon(*points)], {"a": 1}, SIZE_WH)
    share = opencv_fill(tuple(points), SIZE_WH)
    # What OpenCV fills wholly is ours, what it does not touch is not; it draws the line itself as well, so that a
    # pixel beside one may have a little of it.
    assert not (found[share > 0.999] == 0).any() or _near_edges(points, (found == 0) & (share > 0.999))
    if found.sum() > 1:
        assert not (found[share == 0] == 1).any()


def _near_edges(points: list[Point], where: np.ndarray) -> bool:
    ring = np.array(points, np.float32).reshape(-1, 1, 2)
    return all(
        abs(cv2.pointPolygonTest(ring, (float(x) + 0.5, float(y) + 0.5), True)) <= 0.5 for y, x in np.argwhere(where)
    )


def test_the_edge_of_a_filled_outline_is_half_a_pixel_from_the_outline_at_most() -> None:
    star = tuple(
        (30 + radius * np.cos(turn), 24 + radius * np.sin(turn))
        for turn, radius in zip(np.linspace(0, 2 * np.pi, 10, endpoint=False), [20, 9] * 5, strict=True)
    )
    found = label_map([polygon(*star)], {"a": 1}, SIZE_WH)
    ring = np.array(star, np.float32).reshape(-1, 1, 2)
    for y, x in np.ndindex(found.shape):
        distance = cv2.pointPolygonTest(ring, (x + 0.5, y + 0.5), True)
        if abs(distance) > 1e-3:
            assert (distance > 0) == bool(found[y, x])


def test_a_shape_that_stands_later_in_the_file_lies_on_top() -> None:
    small, large = (
        polygon((10, 10), (20, 10), (20, 20), (10, 20)),
        polygon((0, 0), (40, 0), (40, 40), (0, 40), label="b"),
    )
    numbers = {"a": 1, "b": 2}
    assert set(np.unique(label_map([large, small], numbers, SIZE_WH))) == {0, 1, 2}
    assert label_map([small, large], numbers, SIZE_WH)[15, 15] == 2


@pytest.mark.parametrize(
    "points",
    [
        ((10.2, 10.2), (10.4, 10.2), (10.3, 10.4)),  # holds no centre
        ((5.0, 7.9), (40.0, 8.1), (5.0, 8.2)),  # a sliver
        ((12.0, 12.0), (13.0, 12.0), (13.0, 13.0), (12.0, 13.0)),  # one pixel exactly
    ],
)
def test_a_shape_of_a_pixel_or_less_leaves_a_pixel(points: tuple[Point, ...]) -> None:
    found = label_map([polygon(*points)], {"a": 1}, SIZE_WH)
    assert found.any()
    for y, x in np.argwhere(found):
        ring = np.array(points, np.float32).reshape(-1, 1, 2)
        assert cv2.pointPolygonTest(ring, (float(x) + 0.5, float(y) + 0.5), True) >= -1


def test_a_speck_survives_being_scaled_down_a_hundred_times() -> None:
    speck = polygon((3000, 2000), (3010, 2000), (3005, 2012))
    found = label_map([speck], {"a": 1}, (60, 40), transform=(0.01, (0.0, 0.0)))
    assert found.sum() == 1
    assert found[20, 30] == 1


def test_a_shape_wholly_outside_leaves_nothing() -> None:
    outside = [
        polygon((-9, -9), (-2, -9), (-2, -2)),
        polygon((70, 60), (90, 60), (90, 90)),
        Annotation.from_box("a", (61, 0, 70, 10)),
    ]
    assert not label_map(outside, {"a": 1}, SIZE_WH).any()


def test_masks_keep_their_holes_and_boxes_and_circles_are_filled() -> None:
    ring = np.zeros((48, 60), bool)
    ring[10:30, 10:40] = True
    ring[15:20, 15:20] = False
    found = label_map([mask_annotation("a", ring)], {"a": 1}, SIZE_WH)
    assert np.array_equal(found > 0, ring)
    box = label_map([Annotation.from_box("a", (20.0, 30.0, 10.0, 5.0))], {"a": 1}, SIZE_WH)
    assert box.sum() == 250
    circle = label_map([Annotation(label="a", kind="circle", points=((30.0, 24.0), (40.0, 24.0)))], {"a": 1}, SIZE_WH)
    y, x = np.mgrid[:48, :60] + 0.5
    assert (circle.astype(bool) != (np.hypot(x - 30, y - 24) < 10)).sum() <= 4


def test_a_mask_that_reaches_over_the_edge_is_cut() -> None:
    square = mask_annotation("a", np.ones((10, 10), bool))
    moved = Annotation(label="a", kind="mask", points=((-5.0, -5.0), (4.0, 4.0)), extra=square.extra)
    found = label_map([moved], {"a": 1}, SIZE_WH)
    assert found[:5, :5].all()
    assert found.sum() == 25


def test_a_mask_that_cannot_be_read_and_a_line_cover_nothing() -> None:
    broken = Annotation(label="a", kind="mask", points=((0.0, 0.0), (4.0, 4.0)), extra={"mask": "no PNG"})
    line = Annotation(label="a", kind="linestrip", points=((0.0, 0.0), (40.0, 40.0)))
    assert ring_of(broken) == ()
    assert not label_map([broken, line], {"a": 1}, SIZE_WH).any()


def test_areas_to_be_ignored_are_void_and_other_labels_background() -> None:
    crowd = Annotation(label="a", kind="polygon", points=((0, 0), (9, 0), (9, 9)), extra={"coco": {"iscrowd": 1}})
    ignored = polygon((20, 0), (29, 0), (29, 9), label="__ignore__")
    other = polygon((40, 0), (49, 0), (49, 9), label="nobody knows")
    found = label_map([crowd, ignored, other], {"a": 1}, SIZE_WH)
    assert set(np.unique(found)) == {0, VOID}
    assert not found[:, 35:].any()


@pytest.mark.parametrize("size_wh", [(200, 100), (100, 200), (123, 77)])
def test_a_letterboxed_map_lies_where_the_pixels_do_and_its_margin_is_background(size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    pixels = np.full((height, width, 3), 40, np.uint8)
    pixels[height // 4 : height // 2, width // 3 : width // 2] = 250
    box = Annotation.from_box("a", (width // 3, height // 4, width // 2, height // 2))
    sample = Sample(image_path=None, width=width, height=height, annotations=(box,))  # type: ignore[arg-type]
    labels = letterboxed_label_map(sample, numbers_of(["a"]), 64, 64)
    square = letterbox(pixels, 64)[0][..., 0]
    assert ((labels == 1) != (square > 145)).sum() <= 0.05 * (labels == 1).sum() + 4
    over = Annotation.from_box("a", (-width, -height, 2 * width, 2 * height))
    everywhere = Sample(image_path=None, width=width, height=height, annotations=(over,))  # type: ignore[arg-type]
    assert np.array_equal(letterboxed_label_map(everywhere, numbers_of(["a"]), 64, 64) == 0, square == 114)
    half = letterboxed_label_map(sample, numbers_of(["a"]), 64, 32)
    assert half.shape == (32, 32)
    assert abs(4 * int((half == 1).sum()) - int((labels == 1).sum())) <= 0.2 * (labels == 1).sum()


@given(st.integers(0, 2**32 - 1))
def test_mask_to_outline_to_mask_is_the_identity_with_holes_and_pieces(seed: int) -> None:
    noise = np.random.default_rng(seed).random((9, 11))
    mask = noise > 0.45
    if mask.any():
        found = label_map([region("a", mask, tolerance_px=0)], {"a": 1}, (11, 9))
        assert np.array_equal(found > 0, mask)

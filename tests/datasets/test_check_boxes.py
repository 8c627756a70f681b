from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thirtyfold.datasets.check.boxes import are_the_same, iou, shape_findings
from thirtyfold.sample import Annotation, BoxXyxy

SIZE = (640, 480)


def box(*corners: float, label: str = "face") -> Annotation:
    return Annotation.from_box(label, (corners[0], corners[1], corners[2], corners[3]))


def codes(*shapes: Annotation) -> list[tuple[str, int]]:
    return [(code, index) for code, index, _ in shape_findings(shapes, SIZE)]


def test_a_box_in_the_photo_is_well() -> None:
    assert codes(box(10, 10, 100, 100), box(0, 0, 50, 480), box(540, 0, 640, 480)) == []


def test_half_a_pixel_over_the_edge_is_how_some_tools_count_and_no_problem() -> None:
    assert codes(box(-0.5, 10, 100, 480.5)) == []
    assert codes(box(-0.6, 10, 100, 100)) == [("box-partly-outside", 0)]


@pytest.mark.parametrize("shift", [(-200, 0), (-100, 0), (630, 0), (0, -200), (0, -100), (0, 470)])
def test_a_box_of_which_nothing_shows_is_outside_and_nothing_else(shift: tuple[int, int]) -> None:
    x, y = shift
    assert codes(box(10 + x, 10 + y, 100 + x, 100 + y)) == [("box-outside", 0)]


def test_a_box_is_tiny_below_a_hundredth_of_the_longer_side() -> None:
    assert codes(box(10, 10, 16.3, 60)) == [("box-tiny", 0)]
    assert codes(box(10, 10, 16.5, 60)) == []


def test_what_shows_of_a_box_over_the_edge_decides_whether_it_is_tiny() -> None:
    assert codes(box(-100, 10, 3, 100)) == [("box-partly-outside", 0), ("box-tiny", 0)]


def test_a_point_and_a_line_need_no_size() -> None:
    point = Annotation(label="nose", kind="point", points=((5, 5),))
    line = Annotation(label="edge", kind="line", points=((5, 5), (5, 90)))
    assert codes(point, line, point) == [("box-duplicate", 2)]


def test_a_circle_is_measured_by_its_radius() -> None:
    def circle(radius: float) -> Annotation:
        return Annotation(label="eye", kind="circle", points=((100, 100), (100 + radius, 100)))

    assert codes(circle(20)) == []
    assert codes(circle(0)) == [("box-zero-size", 0)]
    assert codes(circle(120)) == [("box-partly-outside", 0)]


def test_one_thing_under_two_labels_is_not_a_duplicate() -> None:
    assert codes(box(10, 10, 100, 100), box(11, 10, 100, 99, label="mask")) == [("box-two-labels", 1)]


def test_a_duplicate_may_be_shifted_a_little_to_the_side() -> None:
    assert codes(box(100, 100, 300, 300), box(105, 100, 305, 300)) == [("box-duplicate", 1)]
    assert codes(box(110, 100, 310, 300), box(100, 100, 300, 300, label="mask")) == [("box-two-labels", 1)]
    assert codes(box(100, 100, 300, 300), box(110, 100, 310, 300)) == []


def test_faces_close_together_in_a_crowd_are_no_duplicates() -> None:
    assert codes(box(10, 10, 60, 60), box(20, 10, 70, 60), box(10, 14, 60, 64)) == []


def test_a_polygon_and_its_box_are_two_shapes() -> None:
    polygon = Annotation(label="face", kind="polygon", points=((10, 10), (100, 10), (100, 100), (10, 100)))
    assert codes(polygon, box(10, 10, 100, 100)) == []


coordinate = st.floats(0, 600, allow_nan=False, width=32)


@given(st.lists(st.tuples(coordinate, coordinate, st.floats(1, 60), st.floats(1, 60)), max_size=12))
def test_sorting_by_the_left_edge_misses_no_duplicate(raw: list[tuple[float, float, float, float]]) -> None:
    shapes = [box(x, y, x + w, y + h) for x, y, w, h in raw]
    shapes += shapes[:2]  # so that there are some
    by_all_pairs = {
        later
        for later in range(len(shapes))
        for earlier in range(later)
        if are_the_same(shapes[earlier], shapes[later])
    }
    found = {index for code, index, _ in shape_findings(shapes, (10_000, 10_000)) if code == "box-duplicate"}
    assert found == by_all_pairs


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3), ((0, 0, 2, 2), (2, 0, 4, 2), 0), ((1, 1, 1, 1), (1, 1, 1, 1), 0)],
)
def test_iou_is_as_everywhere(one: BoxXyxy, other: BoxXyxy, expected: float) -> None:
    assert iou(one, other) == pytest.approx(expected)

"""What lies on top hides shapes: how much counts, and what is left, are exact."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.augment.geometry import SHAPES
from thirtyfold.augment import travel
from thirtyfold.augment.hiding import Mask, covered_share, hide
from thirtyfold.datasets.formats.regions import fill, mask_annotation, mask_of
from thirtyfold.sample import Annotation

WIDTH, HEIGHT = 320, 240
FRAME = (WIDTH, HEIGHT)


def hidden(left: int, top: int, right: int, bottom: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def left_of(annotation: Annotation, mask: Mask, min_visible: float = 0.0) -> tuple[Annotation, ...]:
    moving = hide(travel.depart([annotation], FRAME), mask)
    return travel.unpack(moving, [annotation], FRAME, min_visible)[0]


def polygon(*points: tuple[float, float]) -> Annotation:
    return Annotation(label="hand", kind="polygon", points=points)


SQUARE = ((100.0, 50.0), (200.0, 50.0), (200.0, 150.0), (100.0, 150.0))


@pytest.mark.parametrize(("covered", "kept"), [(59, True), (60, True), (61, False)])
def test_a_box_stays_whole_as_long_as_enough_of_it_is_uncovered(covered: int, kept: bool) -> None:
    box = Annotation.from_box("face", (100, 50, 200, 150))
    assert left_of(box, hidden(100, 0, 100 + covered, HEIGHT), 0.4) == ((box,) if kept else ())


@pytest.mark.parametrize(("covered", "kept"), [(59, True), (60, True), (61, False)])
def test_a_polygon_is_cut_and_counts_by_what_can_be_seen(covered: int, kept: bool) -> None:
    left = left_of(polygon(*SQUARE), hidden(100, 0, 100 + covered, HEIGHT), 0.4)
    assert [annotation.box_xyxy for annotation in left] == ([(100 + covered, 50, 200, 150)] if kept else [])


def test_a_boxes_share_is_counted_to_the_fraction_of_a_pixel() -> None:
    mask = hidden(10, 10, 20, 20)
    assert covered_share((10.0, 10.0, 20.0, 20.0), mask) == 1
    assert covered_share((9.5, 10.0, 10.5, 11.0), mask) == pytest.approx(0.5)
    assert covered_share((15.25, 5.0, 25.25, 15.0), mask) == pytest.approx(4.75 * 5 / 100)
    assert covered_share((310.0, 230.0, 330.0, 250.0), hidden(0, 0, WIDTH, HEIGHT)) == pytest.approx(0.25)
    assert covered_share((10.0, 10.0, 10.0, 20.0), mask) == 0


@settings(max_examples=150)
@example(name="circle", shape=33554431, cover=8706)
@given(name=st.sampled_from(list(SHAPES)), shape=st.integers(0, 2**32 - 1), cover=st.integers(0, 2**32 - 1))
def test_areas_cover_what_they_covered_less_what_is_hidden(name: str, shape: int, cover: int) -> None:
    annotation = SHAPES[name](random.Random(shape))
    mask = mask_of(SHAPES["star"](random.Random(cover)), FRAME)
    before, left = mask_of(annotation, FRAME), left_of(annotation, mask)
    after = np.zeros_like(mask)
    for piece in left:
        after |= mask_of(piece, FRAME)
    expected = before & ~mask
    differing = after != expected
    if not (before & mask).any():
        assert left == left_of(annotation, hidden(0, 0, 0, 0))
    else:
        # Only specks of up to 3 pixels are left out; along a thin sliver many may touch by their corners.
        _, _, stats, _ = cv2.connectedComponentsWithStats(differing.astype(np.uint8), connectivity=4)
        assert all(size <= 3 for size in stats[1:, cv2.CC_STAT_AREA])
        assert differing.sum() <= 0.01 * max(400, before.sum())


def test_a_polygon_cut_through_becomes_two_of_one_object() -> None:
    left = left_of(polygon(*SQUARE), hidden(140, 0, 160, HEIGHT))
    assert [(piece.kind, piece.group, piece.box_xyxy) for piece in left] == [
        ("polygon", 1, (100, 50, 140, 150)),
        ("polygon", 1, (160, 50, 200, 150)),
    ]


def test_a_hole_makes_a_mask_of_a_polygon_and_specks_make_nothing() -> None:
    (ring,) = left_of(polygon(*SQUARE), hidden(140, 90, 160, 110))
    assert (ring.kind, ring.label) == ("mask", "hand")
    assert np.array_equal(mask_of(ring, FRAME), fill(SQUARE, FRAME) & ~hidden(140, 90, 160, 110))
    (whole,) = left_of(polygon(*SQUARE), hidden(140, 90, 141, 93))
    assert (whole.kind, set(whole.points)) == ("polygon", set(SQUARE))
    specks = hidden(100, 50, 190, 150) | hidden(190, 50, 200, 149)
    specks[50:52, 100] = False  # two pixels that could still be seen, beside the ten of the last row
    (strip,) = left_of(polygon(*SQUARE), specks)
    assert strip.box_xyxy == (190, 149, 200, 150)


def test_masks_lose_their_pixels_and_circles_become_polygons() -> None:
    pixels = fill(SQUARE, FRAME) & ~hidden(120, 70, 130, 80)
    (mask,) = left_of(mask_annotation("hand", pixels), hidden(0, 0, 150, HEIGHT))
    assert np.array_equal(mask_of(mask, FRAME), pixels & ~hidden(0, 0, 150, HEIGHT))
    circle = Annotation(label="ball", kind="circle", points=((100.0, 100.0), (140.0, 100.0)))
    assert left_of(circle, hidden(200, 0, 300, 200)) == (circle,)
    (half,) = left_of(circle, hidden(0, 0, 100, HEIGHT))
    assert (half.kind, half.box_xyxy[0]) == ("polygon", 100)


def test_hidden_points_are_gone_and_lines_count_by_their_length() -> None:
    cover = hidden(100, 0, 200, HEIGHT)
    points = [Annotation(label="eye", kind="point", points=((x, 20.0),)) for x in (99.9, 100.0, 199.9, 200.0)]
    assert [len(left_of(point, cover)) for point in points] == [1, 0, 0, 1]
    several = Annotation(label="dots", kind="points", points=((50.0, 20.0), (150.0, 20.0), (250.0, 20.0)))
    assert [dots.points for dots in left_of(several, cover, 0.66)] == [((50.0, 20.0), (250.0, 20.0))]
    assert left_of(several, cover, 0.67) == ()
    line = Annotation(label="wire", kind="linestrip", points=((80.0, 20.0), (180.0, 20.0), (180.0, 40.0)))
    assert left_of(line, cover, 20 / 120) == (line,)
    assert left_of(line, cover, 0.17) == ()


def test_what_is_covered_and_what_a_frame_cuts_count_together() -> None:
    box = Annotation.from_box("face", (100, 50, 200, 150))
    moving = hide(travel.depart([box], FRAME), hidden(100, 0, 150, HEIGHT))
    points = np.asarray([point for shape in moving for point in shape.points], np.float64)
    cropped = travel.arrive(moving, points, (180, HEIGHT))
    assert cropped[0].visible == pytest.approx(0.5 * 0.8)
    assert len(travel.unpack(cropped, [box], (180, HEIGHT), 0.4)[0]) == 1
    assert travel.unpack(cropped, [box], (180, HEIGHT), 0.41) == ((), 1)

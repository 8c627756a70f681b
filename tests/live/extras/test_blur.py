from __future__ import annotations

import numpy as np
import pytest

from thirtyfold.images import Pixels
from thirtyfold.live.extras.blur import CELLS, Veil, blurred
from thirtyfold.sample import Annotation, BoxXyxy


def noise(seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (240, 320, 3), np.uint8)


def face(left: float, *, score: float = 0.9) -> Annotation:
    return Annotation.from_box("face", (left, 80, left + 60, 160), score=score)


def covers(boxes: list[BoxXyxy], box: BoxXyxy) -> bool:
    return any(b[0] <= box[0] and b[1] <= box[1] and b[2] >= box[2] and b[3] >= box[3] for b in boxes)


def test_inside_of_a_box_nothing_is_left_and_outside_nothing_changes() -> None:
    pixels = noise()
    before = pixels.copy()
    out = blurred(pixels, [(100.4, 60.2, 180.6, 150.9)])
    assert np.array_equal(pixels, before)
    inside = np.zeros((240, 320), bool)
    inside[60:151, 100:181] = True
    assert np.array_equal(out[~inside], pixels[~inside])
    assert out[60:151, 100:181].std() < 0.25 * pixels[60:151, 100:181].std()


def test_pictures_with_the_same_few_averages_come_out_the_same_so_none_of_them_can_be_brought_back() -> None:
    rows, columns = np.mgrid[0:100, 0:100]
    checks = np.where(rows + columns & 1, 90, 110).astype(np.uint8)[..., None].repeat(3, axis=2)
    stripes = np.where(columns & 1, 90, 110).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert not np.array_equal(checks, stripes)
    box = [(0.0, 0.0, 100.0, 100.0)]
    assert np.array_equal(blurred(checks, box), blurred(stripes, box))


@pytest.mark.parametrize("box", [(0, 0, 320, 240), (10, 20, 11, 21), (-50, -50, 30, 40), (100, 0, 110, 240)])
def test_at_most_five_by_five_cells_are_left_whatever_the_box(box: BoxXyxy) -> None:
    out = blurred(noise(1), [box])
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(320, box[2]), min(240, box[3])
    inside = out[int(top) : int(bottom), int(left) : int(right)].astype(int)
    # A plateau a cell: between their middles the value changes its direction once a cell at most.
    for line in (inside[inside.shape[0] // 2, :, 0], inside[:, inside.shape[1] // 2, 0]):
        steps = np.sign(np.diff(line))
        turns = np.count_nonzero(np.diff(steps[steps != 0]))
        assert turns <= CELLS - 1


def test_boxes_outside_or_without_area_are_no_error_and_no_boxes_cost_nothing() -> None:
    pixels = noise()
    assert blurred(pixels, []) is pixels
    assert np.array_equal(blurred(pixels, [(400, 10, 500, 50), (10, 10, 10, 50), (-9, -9, -1, -1)]), pixels)


def test_more_than_the_box_is_covered_from_the_first_detection_on() -> None:
    veil = Veil(0.5)
    veil.learn([face(100)], 0.0)
    assert covers(veil.boxes_xyxy(0.0), (90, 66, 170, 174))


def test_weak_detections_are_covered_too_and_noise_is_not() -> None:
    veil = Veil(0.5)
    veil.learn([face(100, score=0.3), face(220, score=0.1)], 0.0)
    boxes = veil.boxes_xyxy(0.0)
    assert covers(boxes, face(100).box_xyxy)
    assert not covers(boxes, face(220).box_xyxy)


def test_where_the_model_missed_it_stays_covered_for_a_second_and_ever_wider() -> None:
    veil = Veil(0.5)
    for frame in range(10):
        veil.learn([face(100)], frame / 30)
    for frame in range(10, 38):
        veil.learn([], frame / 30)
        assert covers(veil.boxes_xyxy(frame / 30), face(100).box_xyxy)
    assert covers(veil.boxes_xyxy(1.2), (60, 40, 200, 200))
    for frame in range(38, 60):
        veil.learn([], frame / 30)
    assert veil.boxes_xyxy(2.0) == []


def test_one_that_leaps_is_covered_where_it_is_and_where_it_was() -> None:
    veil = Veil(0.5)
    veil.learn([face(20)], 0.0)
    veil.learn([face(200)], 0.1)
    boxes = veil.boxes_xyxy(0.1)
    assert covers(boxes, face(20).box_xyxy)
    assert covers(boxes, face(200).box_xyxy)

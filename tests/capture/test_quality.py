from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.quality import BLACK, BLURRED, SAME, WHITE, difference, judge, measure

PHOTO = draw_photo(1)[0]


def test_a_good_photo_has_nothing_against_it() -> None:
    verdict = judge(measure(PHOTO), measure(draw_photo(2)[0]))
    assert verdict.good and verdict.reasons == ()


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (cv2.GaussianBlur(PHOTO, (0, 0), 6), BLURRED),
        (PHOTO // 10, BLACK),
        (np.maximum(PHOTO, 240), WHITE),
        (np.full_like(PHOTO, 120), BLURRED),
    ],
)
def test_a_useless_frame_is_refused_in_words(pixels: np.ndarray, reason: str) -> None:
    assert judge(measure(pixels)).reasons == (reason,)


def test_the_same_picture_twice_is_refused_even_with_noise_and_other_light() -> None:
    random = np.random.default_rng(0)
    noisy = np.clip(PHOTO + random.normal(0, 4, PHOTO.shape), 0, 255).astype(np.uint8)
    brighter = cv2.add(PHOTO, np.full_like(PHOTO, 9))
    assert judge(measure(noisy), measure(PHOTO)).reasons == (SAME,)
    assert SAME in judge(measure(brighter), measure(PHOTO)).reasons


def test_a_small_thing_that_moved_makes_another_picture() -> None:
    moved = PHOTO.copy()
    cv2.circle(moved, (60, 60), 25, (250, 230, 200), cv2.FILLED)
    assert judge(measure(moved), measure(PHOTO)).good


def test_a_frame_much_softer_than_a_moment_ago_is_blurred() -> None:
    measured = measure(PHOTO)
    assert judge(measured, recent_sharpness=measured.sharpness * 1.5).good
    assert judge(measured, recent_sharpness=measured.sharpness * 3).reasons == (BLURRED,)


def test_sharpness_does_not_depend_on_the_resolution() -> None:
    smooth = cv2.GaussianBlur(PHOTO, (0, 0), 1.0)
    double = cv2.resize(smooth, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    assert measure(double).sharpness == pytest.approx(measure(smooth).sharpness, rel=0.5)


def test_odd_shapes_are_measured() -> None:
    for shape in ((1, 1, 3), (5, 900, 3), (900, 5, 3)):
        assert measure(np.zeros(shape, np.uint8)).exposure == 0


def test_every_real_clip_has_plenty_of_good_frames(shared: Callable[[str], Path]) -> None:
    for path in sorted(shared("data/clips").glob("*.mkv")):
        camera = open_camera(str(path))
        measured = []
        while (frame := camera.read()) is not None:
            measured.append(measure(frame.pixels))
        camera.close()
        assert all(judge(one).good for one in measured), path.name
        steps = list(zip(measured[3::3], measured[::3], strict=False))
        new = sum(1 for one, before in steps if judge(one, before).good)
        assert new >= 0.8 * len(steps), path.name


def test_blurred_real_frames_are_found(shared: Callable[[str], Path]) -> None:
    for path in sorted(shared("data/clips").glob("*.mkv")):
        frame = open_camera(str(path)).read()
        assert frame is not None
        assert judge(measure(cv2.GaussianBlur(frame.pixels, (0, 0), 3))).reasons == (BLURRED,), path.name


def test_measuring_leaves_the_frame_alone() -> None:
    before = PHOTO.copy()
    difference(measure(PHOTO), measure(PHOTO))
    assert np.array_equal(before, PHOTO)

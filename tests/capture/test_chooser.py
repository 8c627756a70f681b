from __future__ import annotations

import cv2
import numpy as np

from tests.capture.sources import black, moving_photo
from thirtyfold.capture.chooser import Choice, Chooser, Timing
from thirtyfold.capture.frames import Frame
from thirtyfold.capture.quality import BLACK, BLURRED, SAME
from thirtyfold.images import Pixels

TIMING = Timing(warm_up=0.5, new_shot=1.0, leave=2.0, patience=2.0)


def _frame(index: int, seconds: float, pixels: Pixels) -> Frame:
    return Frame(pixels=pixels, index=index, seconds=seconds, read_at=0.0)


def _run(chooser: Chooser, frames: list[tuple[float, Pixels]]) -> list[Choice]:
    taken = []
    for index, (seconds, pixels) in enumerate(frames):
        choice = chooser.offer(_frame(index, seconds, pixels))
        if choice is not None:
            taken.append(choice)
            chooser.took(choice, at_seconds=seconds)
    return taken


def _chooser(*, every: float, live: bool, keep_all: bool = False) -> Chooser:
    return Chooser(every=every, live=live, fps=30, keep_all=keep_all, timing=TIMING)


def test_a_file_gives_a_photo_every_so_often_of_its_own_clock_rounded_stamps_or_not() -> None:
    stamps = [round(index / 30, 3) for index in range(31)]
    taken = _run(_chooser(every=0.1, live=False), [(s, moving_photo(i)) for i, s in enumerate(stamps)])
    assert [choice.frame.index for choice in taken] == list(range(0, 31, 3))


def test_every_zero_takes_each_frame() -> None:
    taken = _run(_chooser(every=0, live=False), [(i / 30, moving_photo(i)) for i in range(6)])
    assert len(taken) == 6


def test_a_camera_warms_up_first() -> None:
    taken = _run(_chooser(every=1, live=True), [(i / 10, moving_photo(i)) for i in range(20)])
    assert [choice.frame.seconds for choice in taken] == [0.5, 1.5]


def test_a_bad_frame_is_refused_and_the_next_good_one_taken() -> None:
    photos = [moving_photo(0), black(), cv2.GaussianBlur(moving_photo(2), (0, 0), 5), moving_photo(0), moving_photo(3)]
    chooser = _chooser(every=0.1, live=False)
    taken = _run(chooser, [(i * 0.1, pixels) for i, pixels in enumerate(photos)])
    assert [choice.frame.index for choice in taken] == [0, 4]
    assert chooser.refused == {BLACK: 1, BLURRED: 1, SAME: 1}
    assert all(not choice.despite for choice in taken)


def test_a_camera_that_gives_only_bad_frames_gets_its_best_one_taken_in_the_end() -> None:
    soft = cv2.GaussianBlur(moving_photo(1), (0, 0), 5)
    softer = cv2.GaussianBlur(moving_photo(1), (0, 0), 9)
    frames = [(i / 10, soft if i == 10 else black() if i % 2 else softer) for i in range(40)]
    taken = _run(_chooser(every=1, live=True), frames)
    assert taken[0].frame.index == 10, "the sharpest of those not black, though older"
    assert taken[0].despite == (BLURRED,)


def test_a_file_never_gets_a_bad_frame_taken() -> None:
    assert _run(_chooser(every=0, live=False), [(float(i), black()) for i in range(50)]) == []


def test_keep_all_takes_whatever_is_due() -> None:
    taken = _run(_chooser(every=0.2, live=False, keep_all=True), [(i / 10, black()) for i in range(5)])
    assert [choice.frame.index for choice in taken] == [0, 2, 4]


def test_waiting_for_a_new_shot_puts_the_photo_off() -> None:
    chooser = _chooser(every=0.1, live=True)
    chooser.wait_until(3.0)
    assert chooser.due_in(1.0) == 2.0
    assert chooser.offer(_frame(0, 2.9, moving_photo(0))) is None
    assert chooser.offer(_frame(1, 3.0, moving_photo(1))) is not None
    assert chooser.due_in(9.0) == 0


def test_pictures_of_a_folder_are_not_blurred_by_comparison() -> None:
    chooser = _chooser(every=0, live=False)
    rough = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    for index, pixels in enumerate((rough, moving_photo(1))):
        frame = Frame(pixels=pixels, index=index, seconds=index * 0.1, read_at=0.0, name=f"{index}.jpg")
        choice = chooser.offer(frame)
        assert choice is not None
        chooser.took(choice, at_seconds=frame.seconds)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from thirtyfold.drawing import color_of
from thirtyfold.live.extras.counts import Tally
from thirtyfold.live.extras.places import parse_place
from thirtyfold.live.overlay import KEYS_HELP, Numbers, draw_live, draw_notes, wrapped
from thirtyfold.predict.track import Track
from thirtyfold.sample import Annotation, BoxXyxy

NUMBERS = Numbers(fps=29.97, age_ms=12.4, lag_ms=33.0, dropped=3, threshold=0.5)


def track(number: int, box_xyxy: BoxXyxy, *, extra: dict[str, Any] | None = None) -> Track:
    found = replace(Annotation.from_box("face", box_xyxy, score=0.9), extra=extra or {})
    return Track(id=number, annotation=found, detected=found, hits=2, seen_seconds=0.0)


def test_the_numbers_say_how_old_frame_and_boxes_are() -> None:
    assert NUMBERS.parts() == ["30.0 fps", "frame 12 ms old", "boxes 45 ms old", "3 dropped", "threshold 0.50"]
    starting = Numbers(fps=0, age_ms=0, lag_ms=None, dropped=0, threshold=0.5)
    assert "model starting" in starting.parts()


def test_box_and_numbers_are_drawn_on_a_copy() -> None:
    pixels = np.full((480, 640, 3), 90, np.uint8)
    drawn = draw_live(pixels, [track(1, (200, 200, 400, 420))], NUMBERS)
    assert (pixels == 90).all()
    assert (drawn[:20, :200] != 90).any()
    assert (drawn[210:410, 200] != 90).all()
    assert (drawn[300:310, 250:350] == 90).all()
    assert (drawn[430:] == 90).all()


def test_what_is_said_of_the_whole_picture_stands_below_the_numbers() -> None:
    pixels = np.full((480, 640, 3), 90, np.uint8)
    whole = track(1, (0, 0, 640, 480))
    ink = np.array(color_of("face"))
    (row, *_) = np.nonzero((draw_live(pixels, [whole], NUMBERS)[:, 20:60] == ink).all(axis=(1, 2)))[0]
    # Without them the label is at the very top; with them it begins where their line ends.
    assert (draw_live(pixels, [whole], None)[4:10, 20:60] == ink).any()
    assert 18 <= row < 40


def test_notes_stand_in_the_middle_and_at_the_bottom_and_nothing_costs_nothing() -> None:
    pixels = np.full((480, 640, 3), 90, np.uint8)
    assert draw_notes(pixels, "", "") is pixels
    drawn = draw_notes(pixels, "saved", KEYS_HELP)
    assert (pixels == 90).all()
    assert (drawn[-18:, :100] != 90).any()
    assert (drawn[220:260, :60] != 90).any()
    assert (drawn[:200] == 90).all()


@pytest.mark.parametrize("width", [160, 320, 640, 1920])
def test_no_line_is_wider_than_the_picture_and_nothing_is_lost(width: int) -> None:
    lines = wrapped(NUMBERS.parts(), width)
    assert "   ".join(lines).split("   ") == NUMBERS.parts()
    for line in lines:
        assert cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, max(0.4, width / 1280), 1)[0][0] <= width


def test_even_a_picture_smaller_than_its_texts_can_be_drawn() -> None:
    pixels = np.zeros((24, 32, 3), np.uint8)
    assert draw_notes(draw_live(pixels, [], NUMBERS), "paused", KEYS_HELP).shape == pixels.shape


def test_a_box_has_the_colour_of_what_the_second_model_said() -> None:
    pixels = np.full((240, 320, 3), 90, np.uint8)
    judged = track(1, (100, 80, 200, 180), extra={"then": {"label": "with_mask", "score": 0.9}})
    drawn = draw_live(pixels, [judged], None)
    assert tuple(drawn[130, 100]) == color_of("with_mask") != color_of("face")


def test_zones_and_lines_are_drawn_with_their_counts() -> None:
    pixels = np.full((240, 320, 3), 90, np.uint8)
    tally = Tally([parse_place("door=0.25,0.25,0.75,0.75", "zone"), parse_place("gate=10,0,10,240", "line")])
    drawn = draw_live(pixels, [], None, tally=tally)
    assert drawn[120, 80].min() == drawn[120, 240].min() == 255
    assert drawn[100, 10].min() > 200
    assert (drawn[160:178, 84:160] != 90).any()
    assert (pixels == 90).all()

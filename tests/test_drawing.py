from __future__ import annotations

import numpy as np
import pytest

from thirtyfold.drawing import PALETTE, Color, draw_annotations, draw_text
from thirtyfold.predict.label_colors import BAD, GOOD
from thirtyfold.sample import Annotation


def luminance(color: tuple[int, ...]) -> float:
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in (v / 255 for v in color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("background", [*PALETTE, GOOD, BAD, (0, 0, 0), (255, 255, 255)])
def test_text_can_be_read_on_every_colour(background: Color) -> None:
    canvas = np.zeros((60, 300, 3), np.uint8)
    draw_text(canvas, "with_mask 98%", (4, 40), background=background, scale=1.0)
    strip = canvas[(canvas != 0).any(axis=2)] if background != (0, 0, 0) else canvas.reshape(-1, 3)
    inks = [tuple(int(value) for value in ink) for ink in np.unique(strip, axis=0)] + [(0, 0, 0)]
    contrasts = [
        (max(luminance(ink), luminance(background)) + 0.05) / (min(luminance(ink), luminance(background)) + 0.05)
        for ink in inks
        if ink in ((0, 0, 0), (255, 255, 255))
    ]
    assert max(contrasts) >= 4.5, "WCAG 2.2, 1.4.3"
    white = (strip == 255).all(axis=1).sum() > 50
    assert white == (luminance(background) < 0.179 or background == (255, 255, 255))


def test_letters_of_a_large_picture_are_as_thick_for_their_size_as_those_of_a_small_one() -> None:
    shares = []
    for side in (800, 4000):
        canvas = np.zeros((side, side, 3), np.uint8)
        face = Annotation.from_box("face", (side / 4, side / 4, side / 2, side / 2), score=0.98)
        drawn = draw_annotations(canvas, [face], color=(128, 128, 128), texts=["with_mask 98%"])
        strip = (drawn == 128).all(axis=2)
        rows = np.flatnonzero(strip.sum(axis=1) > 0.2 * side / 4)
        letters = drawn[rows[0] : side // 4 - side // 320, side // 4 : side // 2]
        shares.append(float((letters == 0).all(axis=2).mean()))
    assert shares[1] > 0.6 * shares[0] > 0

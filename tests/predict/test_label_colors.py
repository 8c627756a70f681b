from __future__ import annotations

import pytest

from thirtyfold.drawing import PALETTE, Color, color_of
from thirtyfold.errors import UsageError
from thirtyfold.predict.label_colors import BAD, GOOD, NAMED, colors_for, parse_colors


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("with_mask", "without_mask"),
        ("con_mascarilla", "sin_mascarilla"),
        ("mask", "no_mask"),
        ("mask", "without mask"),
        ("With Mask", "No Mask"),
        ("HelmetOn", "HelmetOff"),
        ("light-on", "light-off"),
        ("yes", "no"),
        ("seal ok", "seal nok"),
    ],
)
def test_of_two_opposites_the_good_one_is_green_and_the_other_red_in_any_order(good: str, bad: str) -> None:
    for labels in ((good, bad), (bad, good), ("face", bad, good)):
        colors = colors_for(labels)
        assert (colors.of(good), colors.of(bad)) == (GOOD, BAD)


def test_labels_without_an_opposite_keep_the_colour_of_their_name() -> None:
    for labels in (("without_mask",), ("dog", "cat"), ("notebook", "no"), ("1", "2"), ("with_hat", "without_mask")):
        colors = colors_for(labels)
        assert [colors.of(label) for label in labels] == [color_of(label) for label in labels]


def test_a_third_class_looks_like_neither() -> None:
    for number in range(40):
        third = colors_for(("with_mask", "without_mask", f"badly worn {number}")).of(f"badly worn {number}")
        assert third not in (GOOD, BAD, PALETTE[0], PALETTE[3])


def test_what_a_person_says_wins() -> None:
    given = parse_colors("with_mask=red, gender=female=#0102ff,")
    assert given == {"with_mask": NAMED["red"], "gender=female": (1, 2, 255)}
    colors = colors_for(("with_mask", "without_mask"), given)
    assert (colors.of("with_mask"), colors.of("without_mask")) == (BAD, BAD)


@pytest.mark.parametrize("text", ["with_mask", "=green", "with_mask=greenish", "with_mask=#12345", "a=b=c"])
def test_a_colour_that_is_none_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"--colors .*like with_mask=green"):
        parse_colors(text)


def linear(color: Color) -> tuple[float, ...]:
    shares = [value / 255 for value in color]
    return tuple(x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)


def luminance(color: Color) -> float:
    red, green, blue = linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_green_and_red_differ_in_lightness_too_for_those_who_see_no_hues() -> None:
    # WCAG 2.2's contrast ratio; a deuteranope's and a protanope's by Viénot, Brettel and Mollon (1999).
    deuteranope = ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0))
    protanope = ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0))
    assert (luminance(GOOD) + 0.05) / (luminance(BAD) + 0.05) > 2
    for rows in (deuteranope, protanope):
        good, bad = (
            [sum(share * value for share, value in zip(row, linear(color), strict=True)) for row in rows]
            for color in (GOOD, BAD)
        )
        light, dark = (0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (good, bad))
        assert (light + 0.05) / (dark + 0.05) > 1.5

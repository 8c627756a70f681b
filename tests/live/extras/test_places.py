from __future__ import annotations

import pytest

from thirtyfold.errors import UsageError
from thirtyfold.live.extras.places import WHOLE_PICTURE, parse_place, parse_places

SIZE_WH = (200, 100)


def test_numbers_up_to_one_are_shares_and_others_pixels() -> None:
    assert parse_place("door=0.1,0.2,0.5,1", "zone").points(SIZE_WH) == ((20, 20), (100, 100))
    assert parse_place("door=10,20,50,60", "zone").points(SIZE_WH) == ((10, 20), (50, 60))


def test_a_zone_may_be_given_by_any_two_opposite_corners() -> None:
    zone = parse_place("door=50,60,10,20", "zone")
    assert zone.holds((10, 20), SIZE_WH)
    assert zone.holds((30, 40), SIZE_WH)
    assert not zone.holds((30, 61), SIZE_WH)


def test_right_of_a_line_is_where_the_right_hand_is_of_who_walks_along_it() -> None:
    down = parse_place("gate=100,10,100,90", "line")
    assert down.distance((60, 50), SIZE_WH) == pytest.approx(40)
    assert down.distance((130, 50), SIZE_WH) == pytest.approx(-30)


def test_a_line_ends_where_it_ends() -> None:
    gate = parse_place("gate=100,10,100,50", "line")
    assert gate.is_crossed((90, 30), (110, 30), SIZE_WH)
    assert not gate.is_crossed((90, 70), (110, 70), SIZE_WH)
    assert not gate.is_crossed((90, 20), (110, 90), SIZE_WH)
    assert not gate.is_crossed((90, 30), (90, 30), SIZE_WH)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("door", "zone"),
        ("=1,2,3,4", "zone"),
        ("door=1,2,3", "zone"),
        ("door=1,2,3,x", "zone"),
        ("door=1,2,nan,4", "zone"),
        ("door=-1,2,3,4", "zone"),
        ("do\nor=1,2,3,4", "zone"),
        ("door=5,2,5,4", "zone"),
        ("gate=5,4,5,4", "line"),
    ],
)
def test_what_is_no_place_is_said_with_an_example(text: str, kind: str) -> None:
    with pytest.raises(UsageError, match=f"--{kind} "):
        parse_place(text, kind)


def test_without_places_the_whole_picture_is_counted_and_names_are_used_once() -> None:
    assert parse_places((), ()) == (WHOLE_PICTURE,)
    with pytest.raises(UsageError, match="door is there twice"):
        parse_places(("door=0,0,1,1",), ("door=0,0,1,1",))

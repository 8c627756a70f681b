from __future__ import annotations

from thirtyfold.annotate.pace import Pace


def test_the_pace_is_said_for_people_and_for_programs() -> None:
    pace = Pace(seconds=200, photos=12, drawn=4, confirmed=10)
    assert str(pace) == (
        "12 photos and 14 labels in 3 min 20 s: 3.6 photos and 4.2 labels a minute "
        "(4 drawn or moved, 10 right as they were)"
    )
    assert pace.to_dict() == {
        "seconds": 200,
        "photos": 12,
        "labels": 14,
        "drawn": 4,
        "confirmed": 10,
        "photos_per_minute": 3.6,
        "labels_per_minute": 4.2,
    }
    assert str(Pace(seconds=30, photos=1, drawn=1, confirmed=0)) == (
        "1 photo and 1 label in 30 s: 2.0 photos and 2.0 labels a minute"
    )


def test_a_clock_that_stood_still_is_no_division_by_zero() -> None:
    assert Pace(seconds=0, photos=1, drawn=1, confirmed=0).to_dict()["labels_per_minute"] == 0

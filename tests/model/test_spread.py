import numpy as np
import pytest

from thirtyfold.model.spread import Look, spread_of

RANDOM = np.random.default_rng(0)


def looks(ious: list[float], *, per_session: int = 3, skip: int | None = None) -> list[Look]:
    """A photo an IoU, each with one object."""
    return [
        Look(photo=f"{number:03d}.jpg", session=f"s{number // per_session}", objects=1, score=iou)
        for number, iou in enumerate(ious)
        if number != skip
    ]


def test_the_mean_is_over_objects_and_seeds() -> None:
    first = [Look(photo="a", session="s", objects=3, score=2.4), Look(photo="b", session="s", objects=1, score=0.0)]
    second = [Look(photo="a", session="s", objects=3, score=3.0), Look(photo="b", session="s", objects=1, score=1.0)]
    assert spread_of({"x": [first, second]}).means["x"] == pytest.approx((0.6 + 1.0) / 2)


def test_networks_that_differ_on_every_photo_alike_are_told_apart_however_hard_the_photos_are() -> None:
    hard = RANDOM.uniform(0.2, 0.9, 30)
    worse = [looks(list(hard)), looks(list(hard))]
    better = [looks(list(hard + 0.05)), looks(list(hard + 0.05))]
    spread = spread_of({"worse": worse, "better": better})
    # Each for itself is uncertain by more than the difference; on the same sessions that goes away.
    quality = spread.quality("better")
    assert quality.low is not None
    assert quality.high is not None
    assert quality.high - quality.low > 0.1
    assert spread.told_apart("better", "worse")
    assert spread.difference("better", "worse").mean == pytest.approx(0.05)


def test_networks_whose_seeds_differ_more_than_they_do_are_not_told_apart() -> None:
    first = [looks([0.6] * 30), looks([0.9] * 30), looks([0.7] * 30)]
    second = [looks([0.8] * 30), looks([0.65] * 30), looks([0.85] * 30)]
    spread = spread_of({"first": first, "second": second})
    assert not spread.told_apart("first", "second")
    assert not spread.told_apart("second", "first")


def test_what_was_drawn_and_what_is_missing_is_said() -> None:
    many = spread_of({"x": [looks([0.5, 0.7] * 9), looks([0.6, 0.6] * 9)]})
    assert (many.by, many.groups) == ("sessions", 6)
    assert many.note() == "Intervals: 95 % over 6 sessions and 2 seeds."
    few = spread_of({"x": [looks([0.5, 0.7] * 4, per_session=6)]})
    assert few.by == "photos"
    assert "too few sessions" in few.note()
    assert "One seed" in few.note()
    none = spread_of({"x": [looks([0.5, 0.7])]})
    assert none.quality("x").low is None
    assert not none.told_apart("x", "x")
    assert "too few" in none.note()


def test_a_photo_that_one_training_could_not_read_is_left_out_of_all() -> None:
    spread = spread_of({"x": [looks([0.0, 1.0, 1.0, 1.0])], "y": [looks([0.5, 1.0, 1.0, 1.0], skip=0)]})
    assert spread.photos == 3
    assert spread.means == {"x": 1.0, "y": 1.0}


def test_the_same_figures_give_the_same_intervals() -> None:
    runs = {"x": [looks(list(RANDOM.uniform(0, 1, 20)))]}
    assert spread_of(runs).quality("x") == spread_of(runs).quality("x")

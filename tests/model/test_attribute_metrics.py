"""Figures of attributes: worked out by hand, and in groups."""

from __future__ import annotations

import numpy as np
import pytest

from thirtyfold.model.metrics.attributes import (
    SMALLEST_GROUP,
    HeadAnswers,
    Scale,
    group_figures,
    groups_of,
    head_figures,
)
from thirtyfold.model.metrics.intervals import bootstrap_figures
from thirtyfold.predict.attribute_heads import Head

GENDER = Head(name="gender", output="head0_gender", classes=("female", "male"))
AGE = Head(name="age", output="head1_age")
WEIGHT = Head(name="weight", output="head1_weight")


def chosen(truths: list[float], answers: list[float]) -> HeadAnswers:
    """A head that chooses; ``nan`` is a truth that is not known."""
    probabilities = np.where(np.array(answers)[:, None] == [0, 1], 0.8, 0.2).astype(np.float32)
    of_truth = np.array(truths, np.float64)
    return HeadAnswers(
        head=GENDER,
        truths=of_truth,
        answers=np.array(answers, np.float64),
        known=~np.isnan(of_truth),
        probabilities=probabilities,
    )


def number(truths: list[float], answers: list[float], head: Head = AGE) -> HeadAnswers:
    of_truth = np.array(truths, np.float64)
    return HeadAnswers(head=head, truths=of_truth, answers=np.array(answers, np.float64), known=~np.isnan(of_truth))


def sessions(count: int) -> list[str | None]:
    return [f"s{index}" for index in range(count)]


def test_figures_of_a_number_are_those_of_the_photos_that_know_it() -> None:
    one = number([10, 20, 40, float("nan")], [13, 15, 50, 99])
    figures = head_figures(one, sessions(4), Scale(mean=30, spread=10))
    assert figures["photos"] == 3
    assert figures["mae"] == pytest.approx((3 + 5 + 10) / 3, abs=1e-6)
    assert figures["bias"] == pytest.approx((3 - 5 + 10) / 3, abs=1e-6)
    assert figures["rmse"] == pytest.approx(((9 + 25 + 100) / 3) ** 0.5, abs=1e-6)
    assert figures["mae_of_mean"] == pytest.approx((20 + 10 + 10) / 3, abs=1e-6)
    assert figures["within_5"] == pytest.approx(2 / 3, abs=1e-6)
    assert [(row["group"], row["photos"], row["mae"], row["bias"]) for row in figures["by_value"]] == [
        ("10–19", 1, 3.0, 3.0),
        ("20–29", 1, 5.0, -5.0),
        ("40–49", 1, 10.0, 10.0),
    ]


def test_figures_of_classes_are_beside_the_most_frequent_one() -> None:
    figures = head_figures(chosen([0, 0, 0, 1, float("nan")], [0, 0, 1, 1, 0]), sessions(5), None)
    assert (figures["photos"], figures["accuracy"], figures["most_frequent"]) == (4, 0.75, 0.75)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-6)
    assert figures["confusion"]["counts"] == [[2, 1], [0, 1]]
    assert "accuracy" in figures["intervals"]


def test_an_error_that_is_the_same_everywhere_is_no_share_of_one() -> None:
    figures = head_figures(number([30.0] * 8, [31.0] * 8), sessions(8), None)
    assert figures["intervals"]["mae"] == figures["intervals"]["bias"] == [1.0, 1.0]
    assert figures["intervals"]["within_5"] == [1 - 3 / 8, 1.0]
    assert figures["by_value"][0]["interval"] == [1.0, 1.0]


def test_what_no_photo_knows_has_no_figures() -> None:
    nothing = float("nan")
    assert head_figures(number([nothing, nothing], [1, 2]), sessions(2), None) == {"photos": 0}
    assert groups_of(number([nothing, nothing], [1, 2])) == []


def test_a_number_without_a_unit_has_no_years_and_goes_by_quarters() -> None:
    values = [float(value) for value in range(40)]
    one = number(values, [value + 1 for value in values], WEIGHT)
    figures = head_figures(one, sessions(40), Scale(mean=20, spread=11))
    assert "within_5" not in figures
    assert [row["group"] for row in figures["by_value"]] == ["0–9", "10–19", "20–29", "30–39"]
    assert [members.sum() for _, members in groups_of(one)] == [10, 10, 10, 10]


def test_groups_that_differ_are_named_and_the_others_are_not_said_to_be_alike() -> None:
    count = 2 * SMALLEST_GROUP
    genders = chosen([index % 2 for index in range(count)], [0] * count)
    errors = np.random.default_rng(1).uniform(0, 2, count)
    far = number([30.0] * count, [30 + error + (20 if index % 2 else 0) for index, error in enumerate(errors)])
    found = group_figures(genders, far, sessions(count))
    assert found["verdict"] == "differ"
    assert found["said"].startswith("age MAE differs clearly by gender: ")
    assert [row["photos"] for row in found["groups"]] == [SMALLEST_GROUP, SMALLEST_GROUP]
    assert found["groups"][1]["figure"] - found["groups"][0]["figure"] == pytest.approx(20, abs=2)
    same = group_figures(genders, number([30.0] * count, list(30 + errors)), sessions(count))
    assert same["verdict"] == "alike"
    assert "no proof" in same["said"]


def test_of_small_groups_nothing_is_said() -> None:
    count = 2 * SMALLEST_GROUP
    genders = chosen([0] * (count - 5) + [1] * 5, [0] * count)
    far = number([30.0] * count, [31.0] * (count - 5) + [60.0] * 5)
    found = group_figures(genders, far, sessions(count))
    assert found["verdict"] == "too few"
    assert "male (5)" in found["said"]
    # Photos enough, but of two people: a difference would be one between these.
    halves = chosen([index % 2 for index in range(count)], [0] * count)
    apart = number([30.0] * count, [31.0 if index % 2 else 60.0 for index in range(count)])
    assert group_figures(halves, apart, [f"p{index % 2}" for index in range(count)])["verdict"] == "too few"
    assert group_figures(halves, apart, sessions(count))["verdict"] == "differ"


def test_of_many_groups_none_differs_by_chance() -> None:
    random, differ = np.random.default_rng(5), 0
    for _ in range(40):
        truths = np.repeat(np.arange(5, 85, 10), SMALLEST_GROUP).astype(np.float64)
        right = random.integers(0, 10, len(truths)) < 7
        genders = chosen([0.0] * len(truths), list(np.where(right, 0.0, 1.0)))
        differ += (
            group_figures(number(list(truths), list(truths)), genders, sessions(len(truths)))["verdict"] == "differ"
        )
    # One in twenty would be two; without the correction it is twelve.
    assert differ <= 4


def test_intervals_of_another_level_say_so_and_are_wider() -> None:
    values = np.random.default_rng(2).normal(size=60)

    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean": weights @ values / weights.sum(axis=1)}

    usual, wide = (bootstrap_figures(sessions(60), mean, level=level) for level in (0.95, 0.99))
    assert wide.to_dict()["level"] == 0.99
    assert wide.bounds["mean"][0] < usual.bounds["mean"][0] < usual.bounds["mean"][1] < wide.bounds["mean"][1]

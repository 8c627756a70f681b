"""Scores that mean what they say."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.drawn import draw_photo
from tests.tiny_model import write_tiny_run
from thirtyfold.errors import ModelError
from thirtyfold.model.metrics.reliability import ENOUGH, fit_calibration, reliability
from thirtyfold.predict.artifact import read_card, write_artifact
from thirtyfold.predict.calibration import Calibration, calibrate
from thirtyfold.predict.runtime import load
from thirtyfold.sample import Annotation

scores_0_1 = st.floats(0, 1)
lines = st.builds(Calibration, slope=st.floats(0.05, 8), intercept=st.floats(-5, 5))


@given(lines, scores_0_1, scores_0_1)
def test_calibration_keeps_the_order_and_stays_within_0_and_1(line: Calibration, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= line.apply(low) <= line.apply(high) <= 1


@given(lines, st.floats(0.01, 0.99))
def test_undoing_gives_the_score_back(line: Calibration, score: float) -> None:
    calibrated = line.apply(score)
    if 1e-6 < calibrated < 1 - 1e-6:
        assert line.undo(calibrated) == pytest.approx(score, abs=1e-6)


def test_no_calibration_changes_not_a_bit() -> None:
    assert Calibration.from_dict({}).apply(0.1 + 0.2) == 0.1 + 0.2


@pytest.mark.parametrize(
    "raw", [{"slope": 0}, {"slope": -1}, {"slope": math.nan}, {"intercept": math.inf}, {"slope": "steep"}]
)
def test_what_is_no_rising_line_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"calibration|steep"):
        Calibration.from_dict(raw)


def overconfident(seed: int, boxes: int = 4000) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores whose boxes are right less often than they say: the line (0.5, -1) makes them true."""
    random = np.random.default_rng(seed)
    scores = random.uniform(0.02, 0.98, boxes)
    share = 1 / (1 + np.exp(-(0.5 * np.log(scores / (1 - scores)) - 1)))
    return scores, random.random(boxes) < share


def test_platts_line_is_found_again_and_makes_fresh_scores_true() -> None:
    fitted = fit_calibration(*overconfident(1))
    assert fitted.calibration.slope == pytest.approx(0.5, abs=0.08)
    assert fitted.calibration.intercept == pytest.approx(-1, abs=0.1)
    scores, right = overconfident(2)
    after = np.array([fitted.calibration.apply(score) for score in scores])
    before_error, after_error = reliability(scores, right).error, reliability(after, right).error
    assert before_error is not None
    assert after_error is not None
    assert before_error > 0.15
    assert after_error < 0.04


def test_with_too_few_of_a_kind_nothing_is_calibrated_and_the_numbers_are_said() -> None:
    scores, right = np.linspace(0.1, 0.9, 40), np.arange(40) >= 40 - (ENOUGH - 1)
    fitted = fit_calibration(scores, right)
    assert fitted.calibration.is_identity
    assert fitted.note == "not calibrated: 9 right and 31 wrong validation boxes, and 10 of either kind are needed"
    assert set(fitted.to_dict()) == {"hits", "misses", "note"}
    assert fit_calibration(np.zeros(0), np.zeros(0, bool)).calibration.is_identity


def test_scores_that_say_nothing_or_the_opposite_are_left_alone() -> None:
    scores = np.linspace(0.05, 0.95, 60)
    fitted = fit_calibration(scores, scores < 0.5)
    assert fitted.calibration.is_identity
    assert "not more often right" in fitted.note


def test_perfectly_parted_scores_give_a_line_that_is_finite() -> None:
    scores = np.array([0.1] * 20 + [0.9] * 20)
    line = fit_calibration(scores, scores > 0.5).calibration
    assert line.apply(0.1) < 0.1
    assert line.apply(0.9) > 0.9


def test_reliability_counts_each_box_once_and_the_error_is_the_mean_distance() -> None:
    found = reliability(np.array([0.05, 0.95, 0.95, 1.0]), np.array([False, True, True, False]))
    assert (found.counts[0], found.counts[9], sum(found.counts)) == (1, 3, 4)
    assert found.right[9] == pytest.approx(2 / 3)
    assert found.error == pytest.approx((0.05 + abs(2.9 - 2)) / 4)
    assert reliability(np.zeros(0), np.zeros(0, bool)).error is None


def test_a_threshold_counts_in_calibrated_scores() -> None:
    line = Calibration(slope=0.5, intercept=-1)
    boxes = [Annotation.from_box("face", (0, 0, 9, 9), score=score) for score in (0.95, 0.5, 0.2)]
    kept = calibrate(boxes, line, threshold=0.25)
    assert [box.score for box in kept] == [line.apply(0.95), line.apply(0.5)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_tiny_run(tmp_path_factory.mktemp("runs") / "1")
    write_artifact(run, replace(read_card(run), calibration={"slope": 0.5, "intercept": -1.0, "note": "by hand"}))
    return run


def test_the_running_model_gives_calibrated_scores_and_the_same_boxes(run: Path, tmp_path: Path) -> None:
    pixels, _ = draw_photo(3)
    (raw,) = load(write_tiny_run(tmp_path / "raw"))(pixels)
    (found,) = load(run, threshold=0.0)(pixels)
    assert raw.score is not None
    assert found.score == pytest.approx(Calibration(slope=0.5, intercept=-1).apply(raw.score))
    assert found.box_xyxy == raw.box_xyxy


def test_the_threshold_given_to_it_is_one_of_calibrated_scores(run: Path) -> None:
    pixels, _ = draw_photo(3)
    predictor = load(run)
    (found,) = predictor(pixels, threshold=0.0)
    assert found.score is not None
    assert predictor(pixels, threshold=found.score) == (found,)
    assert predictor(pixels, threshold=found.score + 1e-9) == ()


@pytest.mark.parametrize("broken", [{"slope": -1}, {"slope": "x"}, [], "steep"])
def test_a_card_with_a_calibration_that_is_none_is_refused(tmp_path: Path, broken: object) -> None:
    run = write_tiny_run(tmp_path / "1")
    card = run / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"calibration": broken}))
    with pytest.raises(ModelError, match="a field is missing or wrong"):
        load(run)

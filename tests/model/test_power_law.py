import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thirtyfold.model.power_law import fit_power_law, pooled_spread

PHOTOS = (10.0, 25.0, 50.0, 100.0)


def law(photos: float, best: float = 0.9, scale: float = 1.5, exponent: float = 0.5) -> float:
    return best - scale * photos**-exponent


def test_the_curve_goes_through_points_of_a_power_law_and_on_from_there() -> None:
    fitted = fit_power_law(PHOTOS, [law(n) for n in PHOTOS], [0.01] * 4)
    for photos in (*PHOTOS, 150.0):
        low, middle, high = fitted.score(photos)
        assert middle == pytest.approx(law(photos), abs=0.015)
        assert low <= law(photos) + 0.005
        assert high >= law(photos) - 0.005
    low, middle, high = fitted.gain(100, 50)
    assert low < law(150) - law(100) < high


def test_the_noisier_the_points_the_wider_the_forecast() -> None:
    means = [law(n) for n in PHOTOS]
    widths = []
    for error in (0.005, 0.02, 0.08):
        low, _, high = fit_power_law(PHOTOS, means, [error] * 4).gain(100, 50)
        widths.append(high - low)
    assert widths[0] < widths[1] < widths[2]


def test_nine_in_ten_forecasts_from_noisy_trainings_hold() -> None:
    random = np.random.default_rng(0)
    error, held = 0.02, 0
    for _ in range(40):
        truth = {
            "best": random.uniform(0.7, 0.95),
            "scale": random.uniform(0.5, 2.0),
            "exponent": random.uniform(0.3, 0.9),
        }
        means = [law(n, **truth) + random.normal(0, error) for n in PHOTOS]
        low, _, high = fit_power_law(PHOTOS, means, [error] * 4).score(150)
        held += low <= law(150, **truth) <= high
    assert held >= 32  # 36 are promised; fewer than 32 of 40 come out once in twenty-five times then


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0.001, 0.3))
def test_more_photos_never_make_it_worse_and_no_score_is_above_one(means: list[float], error: float) -> None:
    fitted = fit_power_law(PHOTOS, means, [error] * 4)
    low, middle, high = fitted.gain(100, 50)
    assert 0 <= low <= middle <= high
    assert fitted.score(150)[-1] <= 1


def test_the_spread_of_seeds_is_pooled_over_the_sizes() -> None:
    assert pooled_spread([[0.5, 0.5], [0.2, 0.4]]) == pytest.approx(0.1)
    assert pooled_spread([[0.5], [0.9]]) is None

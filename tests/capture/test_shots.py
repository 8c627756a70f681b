from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thirtyfold.capture.shots import FACES, Shot, distribute, plan_shots, read_shots
from thirtyfold.errors import UsageError


def test_a_camera_is_guided_and_a_file_is_not() -> None:
    assert plan_shots("auto", 3, live=False) == (None, None, None)
    assert plan_shots("none", 3, live=True) == (None, None, None)
    guided = plan_shots("auto", 100, live=True)
    assert guided == plan_shots("faces", 100, live=True)
    assert [guided.count(shot) for shot in FACES] == [10] * 10


def test_one_photo_in_ten_is_a_true_negative_and_comes_last() -> None:
    plan = distribute(FACES, 100)
    assert [shot.empty for shot in plan] == [False] * 90 + [True] * 10


@given(count=st.integers(1, 500), kinds=st.integers(1, 20))
def test_photos_are_spread_evenly_and_the_first_shot_is_never_left_out(count: int, kinds: int) -> None:
    shots = tuple(Shot(instruction=str(number)) for number in range(kinds))
    plan = distribute(shots, count)
    counts = [plan.count(shot) for shot in shots]
    assert len(plan) == count
    assert max(counts) - min(counts) <= 1
    assert counts[0] >= 1
    assert list(plan) == sorted(plan, key=shots.index), "in the list's order"


def test_a_text_file_has_an_instruction_a_line(tmp_path: Path) -> None:
    path = tmp_path / "shots.txt"
    path.write_text("# for the shop\n\nLächeln\nEMPTY: go away\n", encoding="utf-8")
    assert read_shots(path) == (Shot(instruction="Lächeln"), Shot(instruction="go away", empty=True))
    plan = plan_shots(str(path), 4, live=True)
    assert [shot.empty for shot in plan if shot] == [False, False, True, True]


@pytest.mark.parametrize("text", ["", "# nothing\n", "empty:\n", "x" * 200])
def test_a_list_that_cannot_be_followed_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "shots.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"shots\.txt"):
        read_shots(path)


def test_a_recording_cannot_be_guided_but_can_be_empty_throughout() -> None:
    with pytest.raises(UsageError, match="--shots none"):
        plan_shots("faces", 10, live=False)
    plan = plan_shots("empty", 3, live=False)
    assert all(shot is not None and shot.empty for shot in plan)


def test_a_missing_list_says_what_may_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="auto, faces, none, empty"):
        plan_shots(str(tmp_path / "none.txt"), 3, live=True)
    (tmp_path / "latin.txt").write_bytes(b"L\xe4cheln")
    with pytest.raises(UsageError, match="UTF-8"):
        read_shots(tmp_path / "latin.txt")

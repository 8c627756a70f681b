from __future__ import annotations

import pytest

from thirtyfold.datasets.check.names import imbalance, named_after_files, slips, suspicious_labels


@pytest.mark.parametrize("typo", ["fcae", "Face", "face ", "fac", "faces", "FACE", "fa_ce"])
def test_a_rare_label_one_slip_from_a_frequent_one_is_misspelt(typo: str) -> None:
    found = suspicious_labels({"face": 40, typo: 1})
    assert found == {typo: ("label-typo", f"{typo!r} (1x) may be 'face' (40x)")}


@pytest.mark.parametrize(
    "counts",
    [
        {"mask": 40, "task": 38},  # two classes that look alike
        {"person1": 40, "person2": 1},  # numbered
        {"cat": 40, "rat": 1},  # short words are near to many
        {"with mask": 40, "no mask": 1},
        {"face": 2, "fact": 1},  # too few to know
        {"male": 50, "female": 2},
    ],
)
def test_labels_that_may_well_be_meant_are_left_alone(counts: dict[str, int]) -> None:
    assert suspicious_labels(counts) == {}


def test_of_two_spellings_in_equal_use_one_is_named() -> None:
    assert list(suspicious_labels({"face": 10, "Face": 10})) in (["face"], ["Face"])


def test_with_a_list_frequency_does_not_matter() -> None:
    found = suspicious_labels({"fcae": 400, "face": 1, "giraffe": 3}, ["face", "mask"])
    assert {label: code for label, (code, _) in found.items()} == {"fcae": "label-typo", "giraffe": "label-unlisted"}


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("", "", 0),
        ("face", "face", 0),
        ("face", "fcae", 1),
        ("face", "fac", 1),
        ("kitten", "sitting", 3),
        ("ab", "", 2),
    ],
)
def test_slips_are_counted_as_by_hand(one: str, other: str, count: int) -> None:
    assert slips(one, other) == slips(other, one) == count


def test_labels_named_after_their_files_are_a_habit_of_the_dataset_or_nothing() -> None:
    numbered = {str(number): [str(number)] for number in range(5)} | {"7": ["7", "3"], "8": ["face"]}
    assert named_after_files(numbered) == {**{str(number): [str(number)] for number in range(5)}, "7": ["7", "3"]}
    assert named_after_files({"face": ["face"], "1": ["face"], "2": ["face"], "3": ["mask"]}) == {}


def test_imbalance_starts_at_ten_to_one() -> None:
    assert imbalance({"a": 9, "b": 1}) is None
    assert imbalance({"a": 10, "b": 1}) == "'a' occurs 10 times, but 'b' 1x"
    assert imbalance({"a": 1000}) is None
    assert imbalance({}) is None

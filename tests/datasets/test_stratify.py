from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thirtyfold.datasets.stratify import Group, choose_parts

groups_of_photos = st.lists(
    st.builds(
        lambda photos, classes: Group(photos=photos, classes=classes),
        st.integers(0, 30),
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 30)),
    ),
    min_size=3,
    max_size=12,
)


@given(groups=groups_of_photos, val=st.floats(0, 0.45), test=st.floats(0, 0.45), seed=st.integers(0, 9))
def test_every_part_that_has_a_share_gets_a_group_and_the_others_none(
    groups: list[Group], val: float, test: float, seed: int
) -> None:
    parts = choose_parts(groups, {"val": val, "test": test}, seed=seed)
    assert len(parts) == len(groups)
    assert set(parts) == {"train", *(["val"] if val else []), *(["test"] if test else [])}
    assert parts == choose_parts(groups, {"val": val, "test": test}, seed=seed)


@given(groups=groups_of_photos, seed=st.integers(0, 9))
def test_fixed_groups_stay_and_their_part_gets_no_others(groups: list[Group], seed: int) -> None:
    parts = choose_parts(groups, {"val": 0.2, "test": 0}, fixed={1: "test"}, seed=seed)
    assert [index for index, part in enumerate(parts) if part == "test"] == [1]
    assert {"train", "val"} <= set(parts)


def test_a_class_in_three_groups_only_reaches_every_part() -> None:
    groups = [Group(photos=10, classes={"a": 10, **({"rare": 1} if index < 3 else {})}) for index in range(40)]
    for seed in range(5):
        parts = choose_parts(groups, {"val": 0.1, "test": 0.1}, seed=seed)
        assert sorted(parts[:3]) == ["test", "train", "val"]
        assert (parts.count("val"), parts.count("test")) == (4, 4)


def test_a_class_in_one_group_only_is_taught() -> None:
    groups = [Group(photos=10, classes={"a": 10, **({"rare": 9} if index == 0 else {})}) for index in range(10)]
    assert {choose_parts(groups, {"val": 0.4, "test": 0.4}, seed=seed)[0] for seed in range(9)} == {"train"}

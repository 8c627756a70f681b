from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from thirtyfold.datasets.listing import natural_key, some_of
from thirtyfold.datasets.reading import MOST_LABEL_BYTES, is_coordinate, is_finite, read_label_bytes, whole_number
from thirtyfold.errors import LabelError


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes and devices among its files")
def test_pipes_and_devices_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zeros.json").symlink_to("/dev/zero")
    for name in ("pipe.json", "zeros.json"):
        with pytest.raises(LabelError, match="a folder or a device"):
            read_label_bytes(tmp_path / name)


def test_a_label_file_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"{}")
    os.truncate(path, 3 * MOST_LABEL_BYTES)  # a file with a hole: it takes no space
    with pytest.raises(LabelError, match=r"a\.json: has 600 MB, 200 MB are the most for labels"):
        read_label_bytes(path)


def test_what_is_no_number_and_what_is_no_place_in_a_photo() -> None:
    assert all(map(is_finite, (0, -3, 2.5, 1e300, 10**300)))
    assert not any(map(is_finite, (True, "1", None, [1], float("nan"), float("inf"), 10**400)))
    assert is_coordinate(-1e9)
    assert not any(map(is_coordinate, (1.1e9, 10**400, float("nan"), False)))


@pytest.mark.parametrize(
    ("text", "number"),
    [("007", 7), ("", None), ("-1", None), ("1.5", None), ("٣", None), ("²", None), ("9" * 5000, None)],
)
def test_whole_numbers_are_the_digits_0_to_9_and_not_thousands_of_them(text: str, number: int | None) -> None:
    assert whole_number(text) == number


def test_names_are_put_in_order_as_people_count_whatever_digits_they_hold() -> None:
    names = ["10.jpg", "9.jpg", "a2", "a10", "9" * 5000, "٣"]
    assert sorted(names, key=natural_key) == ["9.jpg", "10.jpg", "9" * 5000, "a2", "a10", "٣"]


def test_of_many_names_a_few_are_listed() -> None:
    assert some_of(["a", "b", "c"]) == "a, b, c"
    assert some_of(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"

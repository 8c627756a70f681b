from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np

from tests.drawn import draw_photo
from tests.heard import Heard
from thirtyfold.datasets.duplicates import exact_duplicates, looks_of, near_duplicates
from thirtyfold.images import write_jpeg


def test_only_files_of_the_same_bytes_are_exact_duplicates_whatever_their_names(tmp_path: Path) -> None:
    for name, content in {
        "a.jpg": b"one",
        "b.png": b"two",
        "c.jpg": b"one",
        "d.jpg": b"three",
        "e.jpg": b"one",
    }.items():
        (tmp_path / name).write_bytes(content)
    paths = [*sorted(tmp_path.iterdir(), reverse=True), tmp_path / "gone.jpg"]
    assert exact_duplicates(paths) == [("a.jpg", "c.jpg"), ("a.jpg", "e.jpg")]


def test_a_photo_saved_again_or_scaled_is_a_near_duplicate_and_one_of_the_same_room_is_not(tmp_path: Path) -> None:
    pixels, _ = draw_photo(1)
    write_jpeg(tmp_path / "original.jpg", pixels)
    write_jpeg(tmp_path / "again.jpg", pixels, quality=40)
    write_jpeg(tmp_path / "small.jpg", cv2.resize(pixels, (160, 120), interpolation=cv2.INTER_AREA))
    room, _ = draw_photo(2, face=False)
    for number, left in enumerate((30, 190)):
        # The same room, somebody else at another place: the hashes hardly differ.
        person = room.copy()
        cv2.ellipse(person, (left + 50, 120), (30, 40), 0, 0, 360, (150, 130, 110), cv2.FILLED)
        write_jpeg(tmp_path / f"room{number}.jpg", person)
    looks = looks_of(sorted(tmp_path.iterdir()))
    apart = {name: name for name in looks}
    assert near_duplicates(looks, apart) == [
        ("again.jpg", "original.jpg"),
        ("again.jpg", "small.jpg"),
        ("original.jpg", "small.jpg"),
    ]
    assert near_duplicates(looks, dict.fromkeys(looks, "one session")) == []
    assert near_duplicates({}, {}) == []


def test_of_two_sessions_the_nearest_pair_is_named(tmp_path: Path) -> None:
    pixels, _ = draw_photo(1)
    for name, quality in (("a1", 95), ("a2", 30), ("b1", 94), ("b2", 20)):
        write_jpeg(tmp_path / f"{name}.jpg", pixels, quality=quality)
    looks = looks_of(sorted(tmp_path.iterdir()))
    assert near_duplicates(looks, {name: name[0] for name in looks}) == [("a1.jpg", "b1.jpg")]


def test_a_photo_that_cannot_be_read_is_said_and_the_rest_is_compared(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "a.jpg", draw_photo(1)[0])
    shutil.copyfile(tmp_path / "a.jpg", tmp_path / "b.jpg")
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    heard = Heard()
    looks = looks_of(sorted(tmp_path.iterdir()), progress=heard)
    assert list(looks) == ["a.jpg", "b.jpg"]
    assert np.array_equal(looks["a.jpg"].grey, looks["b.jpg"].grey)
    assert len(heard.lines) == 1
    assert "c.jpg" in heard.lines[0]

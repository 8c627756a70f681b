from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.live.extras.scenes import NOON, scene, track
from thirtyfold.errors import ThirtyfoldError
from thirtyfold.images import read_rgb
from thirtyfold.live.extras.crops import Crops


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.jpg"))


def test_each_object_is_cut_out_once_a_second_under_a_name_that_sorts(tmp_path: Path) -> None:
    crops = Crops(tmp_path, limit=100, now=NOON)
    for frame in range(45):
        crops.see(scene(frame / 30, track(1, 50, 40), track(2, 120, 60, label="a/../b")))
    assert crops.close() == {"folder": str(tmp_path / "live-2025-03-04-120000"), "files": 4}
    assert names(tmp_path) == [
        "a-..-b_00002_000000.00.jpg",
        "a-..-b_00002_000001.00.jpg",
        "face_00001_000000.00.jpg",
        "face_00001_000001.00.jpg",
    ]
    cut = read_rgb(crops.folder / "face_00001_000000.00.jpg")
    assert cut.shape == (20, 20, 3)
    assert np.abs(cut[10, :, 0].astype(int) - np.arange(40, 60)).max() <= 3
    assert crops.problems == []


def test_an_object_that_was_not_found_on_this_very_picture_is_not_cut_out(tmp_path: Path) -> None:
    crops = Crops(tmp_path, limit=100, now=NOON)
    crops.see(scene(0.0, track(1, 50, 40), seen=False))
    crops.see(scene(0.1, track(1, 50, 40)))
    crops.close()
    assert names(tmp_path) == ["face_00001_000000.10.jpg"]


def test_the_limit_ends_it_and_is_said_once(tmp_path: Path) -> None:
    crops = Crops(tmp_path, limit=3, now=NOON)
    for seconds in range(9):
        crops.see(scene(seconds, track(1, 50, 40)))
    crops.close()
    assert len(names(tmp_path)) == 3
    assert len(crops.problems) == 1
    assert "--crops-limit" in crops.problems[0]


def test_two_runs_in_one_second_have_folders_of_their_own_and_write_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    folders = {Crops(tmp_path, limit=3, now=NOON).folder for _ in range(3)}
    assert {folder.name for folder in folders} == {f"live-2025-03-04-120000{end}" for end in ("", "-2", "-3")}
    assert (tmp_path / "mine.jpg").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ThirtyfoldError, match="file"):
        Crops(tmp_path / "file", limit=3, now=NOON)


def test_a_box_that_reaches_out_of_the_picture_is_cut_at_its_edge(tmp_path: Path) -> None:
    crops = Crops(tmp_path, limit=9, now=NOON)
    crops.see(scene(0.0, track(1, 0, 0), track(2, 500, 500)))
    crops.close()
    assert read_rgb(crops.folder / names(tmp_path)[0]).shape == (10, 10, 3)
    assert len(names(tmp_path)) == 1

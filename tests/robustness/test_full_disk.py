"""Every writing command on a disk that is full, or fills up: one sentence, nothing half, and it goes on afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from tests.drawn import draw_photo, write_dataset
from tests.robustness.commands import Ran, half_written, run, tree
from tests.robustness.disks import Budget, fill, small_disk
from tests.robustness.test_kills import assert_nothing_is_half

Command = Callable[[Path, Path], list[str | Path]]

# (the dataset on the small disk, a dataset elsewhere) to a command that writes on the small disk.
COMMANDS: dict[str, Command] = {
    "split": lambda here, there: ["split", here],
    "augment": lambda here, there: ["augment", here, "--factor", "8", "--workers", "1"],
    "augment --store shards": lambda here, there: [
        "augment", here, "--factor", "16", "--workers", "1", "--store", "shards",
    ],
    "augment --preview": lambda here, there: ["augment", here, "--preview"],
    "check": lambda here, there: ["check", here],
    "check --fix": lambda here, there: ["check", here, "--fix", "--no-html"],
    "convert": lambda here, there: ["convert", there, here.parent / "out", "--to", "voc", "--copy"],
    "convert to labelme": lambda here, there: ["convert", there, here.parent / "out", "--to", "labelme", "--copy"],
    "capture": lambda here, there: [
        "capture", here.parent / "taken", "--source", there / "images", "--n", "99", "--no-preview",
    ],
    "annotate --prelabel": lambda here, there: ["annotate", here, "--prelabel", "haar", "--status"],
    "predict --save": lambda here, there: ["predict", there, "--model", "haar", "--save", here.parent / "out"],
    "evaluate": lambda here, there: [
        "evaluate", "--baselines", "haar", "--dataset", there, "--part", "all", "--runs", here.parent / "runs",
    ],
    "live --save": lambda here, there: [
        "live", "--model", "haar", "--source", there / "clip.avi", "--view", "none", "--fast",
        "--save", here.parent / "out.avi",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_dataset(tmp_path_factory.mktemp("drawn") / "faces", sessions=3, per_session=2)
    # The half of them is without labels, for those who draw some.
    (root / "images" / "0001.json").unlink()
    writer = cv2.VideoWriter(str(root / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for seed in range(20):
        writer.write(draw_photo(seed)[0])
    writer.release()
    return root


def assert_told(ran: Ran, *places: Path) -> None:
    assert "Traceback" not in ran.stderr, ran.stderr[-2000:]
    assert ran.exit_code == 4, ran.said
    *_, last = ran.stderr.splitlines()
    assert last.startswith("thirtyfold: "), ran.stderr
    assert "disk is full" in last or "is the disk full?" in last
    assert any(str(place) in last for place in places), last


@pytest.mark.parametrize("leave", [0, 8], ids=lambda pages: f"{pages} pages free")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_sentence_and_the_same_command_works_when_there_is_room(
    photos: Path, tmp_path: Path, name: str, leave: int
) -> None:
    with small_disk(tmp_path / "disk", kibibytes=8192) as disk:
        here = disk / "faces"
        shutil.copytree(photos, here)
        (here / "clip.avi").unlink()
        before = tree(here / "images")
        filler = fill(disk, leave=leave * 4096)
        ran = run(*COMMANDS[name](here, photos))
        # Thirty pages are enough for the small ones.
        if not (ran.exit_code == 0 and leave):
            assert_told(ran, disk)
        assert tree(here / "images").items() >= before.items()
        filler.unlink()
        assert half_written(disk) == []
        assert_nothing_is_half(disk)
        if ran.exit_code:
            again = run(*COMMANDS[name](here, photos))
            assert again.exit_code == 0, again.said


# By `os.write`, through which all that has to be whole goes: on every system, mounted or not.
@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if name not in ("live --save", "evaluate", "convert", "convert to labelme")]
)
def test_a_disk_that_fills_up_in_the_middle_of_a_file_leaves_no_half_of_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    here = tmp_path / "disk" / "faces"
    shutil.copytree(photos, here)
    before = tree(here / "images")
    with monkeypatch.context() as patch:
        Budget(patch, bytes_left=300)
        ran = run(*COMMANDS[name](here, photos))
    assert_told(ran, tmp_path)
    assert tree(here / "images").items() >= before.items()
    assert half_written(tmp_path) == []
    assert_nothing_is_half(tmp_path / "disk")
    again = run(*COMMANDS[name](here, photos))
    assert again.exit_code == 0, again.said

"""The `capture` command as a person types it: exit codes, sentences, and being stopped at any moment."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.capture.sources import mjpeg_server, moving_photo, write_video
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.capture import records
from thirtyfold.workspace import Dataset

pytest.importorskip("resource", reason="signals and file limits as on Linux and macOS")
NO_SCREEN = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}


def _command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "thirtyfold", "capture", *map(str, arguments)]


def _run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = _command(*arguments)
    return subprocess.run(
        command, cwd=cwd, env=NO_SCREEN, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "walk.avi", [moving_photo(index) for index in range(24)], fps=10)


def _check_nothing_lost(dataset: Dataset) -> int:
    rows = records.kept(dataset)
    for name, row in rows.items():
        assert hashlib.sha256((dataset.images_dir / name).read_bytes()).hexdigest() == row["sha256"]
    assert not [path for path in dataset.images_dir.iterdir() if path.name.endswith(".tmp")]
    return len(rows)


def test_photos_are_data_on_stdout_and_talk_on_stderr(video: Path, tmp_path: Path) -> None:
    done = _run("faces", "--source", video, "--n", "3", "--every", "0.2", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == ["walk_0001.jpg", "walk_0002.jpg", "walk_0003.jpg"]
    short = _run("faces", "--source", video, "--n", "99", "--every", "0.2", "--no-preview", cwd=tmp_path)
    assert short.returncode == 0
    assert "ended: only" in short.stderr and "of 99" in short.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--n", "0"], 2, "at least one photo"),
        (["--source", "nowhere.mkv"], 5, "no such file"),
        (["--source", "demo", "--shots", "faces"], 2, "--shots none"),
        (["--source", "demo", "--preview"], 7, "--no-preview"),
        (["--source", "demo", "--every", "-1"], 2, "--every"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
    arguments: list[str], code: int, said: str, tmp_path: Path
) -> None:
    done = _run("faces", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "faces").exists()


def test_an_unwritable_place_is_a_sentence(video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = _run("file/faces", "--source", video, cwd=tmp_path)
    assert done.returncode in (2, 4)
    assert "Traceback" not in done.stderr and "file/faces" in done.stderr
    if os.geteuid() != 0:  # nothing is forbidden to root
        (tmp_path / "locked").mkdir(mode=0o500)
        done = _run("locked/faces", "--source", video, cwd=tmp_path)
        assert done.returncode == 2 and "cannot be written to" in done.stderr


def test_a_full_disk_ends_with_a_sentence_and_no_half_photo(video: Path, tmp_path: Path) -> None:
    """Every file larger than 4 kB fails to be written, as on a disk that is full."""
    limited = (
        "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        "runpy.run_module('thirtyfold', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "capture", "faces", "--source", str(video), "--n", "3", "--every", "0.1"],
        cwd=tmp_path,
        env=NO_SCREEN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "walk_0001.jpg" in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "faces" / "images").iterdir()] == []
    again = _run("faces", "--source", video, "--n", "3", "--every", "0.1", cwd=tmp_path)
    assert again.returncode == 0
    assert _check_nothing_lost(Dataset(tmp_path / "faces")) == 3


def test_a_really_full_disk_says_so_and_keeps_what_was_counted(video: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    try:
        done = _run("disk/faces", "--source", video, "--n", "20", "--every", "0.1", cwd=tmp_path)
        assert done.returncode == 4, done.stderr
        assert "the disk is full" in done.stderr and "photos are saved" in done.stderr
        assert 1 <= _check_nothing_lost(Dataset(disk / "faces")) < 20
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _start_and_wait_for_photos(url: str, root: Path, count: int) -> subprocess.Popen[str]:
    tool = subprocess.Popen(
        _command(root, "--source", url, "--n", "9999", "--every", "0.01", "--shots", "none", "--session", "s"),
        env=NO_SCREEN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def has_taken() -> bool:
        assert tool.poll() is None, tool.communicate()[1]
        return len(records.kept(Dataset(root))) >= count

    wait_for(has_taken, f"{count} photos")
    return tool


def test_ctrl_c_keeps_everything_taken(tmp_path: Path) -> None:
    root = tmp_path / "faces"
    with mjpeg_server([None], fps=60) as server:
        tool = _start_and_wait_for_photos(server.url, root, 5)
        tool.send_signal(signal.SIGINT)
        _, err = tool.communicate(timeout=PATIENCE_SECONDS)
    assert tool.returncode == 130, err
    assert "No preview: there is no screen" in err
    assert "photos are saved" in err and "--session s --n" in err
    assert "Traceback" not in err
    assert _check_nothing_lost(Dataset(root)) >= 5


def test_a_kill_at_any_moment_loses_nothing_counted(tmp_path: Path) -> None:
    root = tmp_path / "faces"
    dataset = Dataset(root)
    with mjpeg_server([None] * 4, fps=60) as server:
        for round_ in range(1, 4):
            tool = _start_and_wait_for_photos(server.url, root, round_ * 4)
            tool.kill()
            tool.communicate()
        result = subprocess.run(
            _command(root, "--source", server.url, "--n", "1", "--shots", "none", "--session", "s", "--json"),
            env=NO_SCREEN,
            capture_output=True,
            text=True,
            check=True,
        )
    rows = records.kept(dataset)
    assert set(rows) == {path.name for path in dataset.image_paths()}, "every photo has its line"
    assert json.loads(result.stdout)["images"][0] == sorted(rows)[-1]


def test_listing_cameras_is_a_table_or_json(tmp_path: Path) -> None:
    done = _run("--list", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert isinstance(json.loads(done.stdout), list)
    done = _run("--list", cwd=tmp_path)
    assert done.returncode == 0
    assert "Cameras" in done.stdout or "No camera found" in done.stderr

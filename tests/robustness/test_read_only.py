"""A dataset that may only be read: who reads works, who writes says so in one sentence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drawn import write_dataset
from tests.robustness.commands import run, tree
from tests.robustness.disks import read_only

Command = Callable[[Path, Path], list[str | Path]]

READS: dict[str, Command] = {
    "check --no-html": lambda data, out: ["check", data, "--no-html"],
    "check --html": lambda data, out: ["check", data, "--html", out / "check.html"],
    "check --fix-into": lambda data, out: ["check", data, "--no-html", "--fix-into", out / "fixed"],
    "annotate --status": lambda data, out: ["annotate", data, "--status"],
    "predict": lambda data, out: ["predict", data, "--model", "haar"],
    "predict --save": lambda data, out: ["predict", data, "--model", "haar", "--save", out / "found"],
    "evaluate": lambda data, out: [
        "evaluate", "--baselines", "haar", "--dataset", data, "--part", "all", "--runs", out / "runs",
    ],
    "convert": lambda data, out: ["convert", data, out / "yolo", "--to", "yolo"],
    "capture": lambda data, out: [
        "capture", out / "taken", "--source", data / "images", "--n", "99", "--no-preview",
    ],
    "live": lambda data, out: [
        "live", "--model", "haar", "--source", data / "images", "--view", "none", "--fast", "--save", out / "out.avi",
    ],
}  # fmt: skip
WRITES: dict[str, Command] = {
    "split": lambda data, out: ["split", data],
    "augment": lambda data, out: ["augment", data, "--factor", "2", "--workers", "1"],
    "augment --preview": lambda data, out: ["augment", data, "--preview"],
    "check --fix": lambda data, out: ["check", data, "--fix", "--no-html"],
    "annotate --prelabel": lambda data, out: ["annotate", data, "--prelabel", "haar", "--status"],
    "capture": lambda data, out: ["capture", data, "--source", "demo", "--n", "1", "--no-preview"],
    "convert": lambda data, out: ["convert", out / "other", data.parent / "faces" / "yolo", "--to", "yolo"],
    "predict --save": lambda data, out: ["predict", out / "other", "--model", "haar", "--save", data / "found"],
    "evaluate": lambda data, out: [
        "evaluate", "--baselines", "haar", "--dataset", data, "--part", "all", "--runs", data / "runs",
    ],
    "live --save": lambda data, out: [
        "live", "--model", "haar", "--source", data / "images", "--view", "none", "--fast", "--save", data / "o.avi",
    ],
    "live --count": lambda data, out: [
        "live", "--model", "haar", "--source", data / "images", "--view", "none", "--fast", "--count", data / "o.csv",
    ],
    "live --crops": lambda data, out: [
        "live", "--model", "haar", "--source", data / "images", "--view", "none", "--fast", "--crops", data / "crops",
    ],
}  # fmt: skip


@contextlib.contextmanager
def may_only_be_read(folder: Path) -> Iterator[None]:
    """By permissions; these don't bind root, so for root by a read-only mount."""
    if os.geteuid() == 0:
        with read_only(folder):
            yield
        return
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in folders:
            path.chmod(0o755)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not hasattr(os, "geteuid"):
        pytest.skip("Windows knows neither of the two ways")
    root = write_dataset(tmp_path_factory.mktemp("sealed") / "faces", sessions=3, per_session=2)
    (root / "images" / "0001.json").unlink()
    with may_only_be_read(root):
        yield root


@pytest.mark.parametrize("name", READS)
def test_who_only_reads_works_on_a_dataset_that_may_only_be_read(sealed: Path, tmp_path: Path, name: str) -> None:
    before = tree(sealed)
    ran = run(*READS[name](sealed, tmp_path))
    assert ran.exit_code == 0, ran.said
    assert tree(sealed) == before


def test_check_finds_everything_and_says_why_it_drew_no_page(sealed: Path) -> None:
    ran = run("check", sealed)
    assert ran.exit_code == 0, ran.said
    assert f"No page: {sealed}: cannot be written to" in ran.stderr
    assert "name a file with --html" in ran.stderr


@pytest.mark.parametrize("name", WRITES)
def test_who_writes_says_which_folder_cannot_be_written_to(sealed: Path, tmp_path: Path, name: str) -> None:
    before = tree(sealed)
    write_dataset(tmp_path / "other", sessions=1, per_session=2)
    ran = run(*WRITES[name](sealed, tmp_path))
    assert ran.exit_code == 2, ran.said
    *_, last = ran.stderr.splitlines()
    assert last.startswith(f"thirtyfold: {sealed}"), last
    assert "cannot be written to; choose another folder or change its permissions" in last
    assert tree(sealed) == before

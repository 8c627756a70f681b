from __future__ import annotations

import json
from pathlib import Path

import pytest

from thirtyfold.datasets.augmented import (
    Manifest,
    copies_dir,
    copy_stem,
    finished_copies,
    read_copies,
    read_manifest,
    write_manifest,
)
from thirtyfold.datasets.storage import LocalFolder
from thirtyfold.workspace import Dataset

MANIFEST = Manifest(
    recipe="webcam",
    recipe_fingerprint="1f",
    seed=0,
    factor=2,
    min_visible=0.4,
    split="2e",
    sources={"a.jpg": "3d", "b.jpg": "4c"},
    versions={"opencv": "4.14.0"},
)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_manifest(LocalFolder(tmp_path / "augmented"), MANIFEST)
    assert read_manifest(Dataset(tmp_path)) == MANIFEST
    assert list(MANIFEST.stems()) == ["a-00", "a-01", "b-00", "b-01"]


@pytest.mark.parametrize(
    "change",
    [
        {"factor": "2"},
        {"sources": []},
        {"left_out": None},
        {"left_out": [["a.jpg"]]},
        {"color": "blue"},
        {"copies_a_shard": None},
        {"factor": 10**12},
        {"store": "zip"},
    ],
)
def test_a_manifest_that_is_not_ours_counts_as_none(tmp_path: Path, change: dict[str, object]) -> None:
    write_manifest(LocalFolder(tmp_path / "augmented"), MANIFEST)
    path = tmp_path / "augmented" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert read_manifest(Dataset(tmp_path)) is None
    for broken in ("{", "[" * 100_000):
        path.write_text(broken)
        assert read_manifest(Dataset(tmp_path)) is None
    assert read_copies(Dataset(tmp_path)) == []


def test_a_manifest_from_before_there_were_shards_is_read_as_one_of_files(tmp_path: Path) -> None:
    write_manifest(LocalFolder(tmp_path / "augmented"), MANIFEST)
    path = tmp_path / "augmented" / "manifest.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({key: raw[key] for key in raw if key not in ("store", "longest_px", "copies_a_shard")}))
    assert read_manifest(Dataset(tmp_path)) == MANIFEST
    assert MANIFEST.shards is None


def test_names_of_copies_never_meet() -> None:
    stems = [copy_stem(name, copy) for name in ("a.jpg", "a-1.jpg", "a-01.jpg", "a-1-0.jpg") for copy in range(120)]
    assert len(set(stems)) == len(stems)


def test_a_copy_counts_when_picture_and_labels_are_there_and_not_empty(tmp_path: Path) -> None:
    folder = copies_dir(Dataset(tmp_path))
    assert finished_copies(LocalFolder(folder.parent)) == set()
    folder.mkdir(parents=True)
    for name in ("whole-00.jpg", "whole-00.json", "a.b-00.jpg", "a.b-00.json", "unlabelled-00.jpg", "alone-00.json"):
        (folder / name).write_text("x")
    (folder / "empty-00.jpg").write_text("")
    (folder / "empty-00.json").write_text("x")
    assert finished_copies(LocalFolder(folder.parent)) == {"whole-00", "a.b-00"}

from __future__ import annotations

import contextlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from thirtyfold.datasets.storage import Folder, LocalFolder, RemoteFolder, _connect, is_url
from thirtyfold.errors import DataError, NotInstalledError, UsageError


@pytest.fixture(params=["path", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """The same empty folder as a path, through fsspec's local file system, and in an object store."""
    if request.param == "path":
        return LocalFolder(tmp_path / "a b" / "out")
    if request.param == "file":
        return RemoteFolder((tmp_path / "a b" / "out").as_uri().replace("%20", " "))
    return RemoteFolder(f"memory://{request.node.name}/out")


def test_what_was_written_is_read_listed_and_removed(folder: Folder) -> None:
    assert folder.sizes() == folder.sizes("images") == {}
    assert folder.read("images/a.jpg") is None
    folder.write("images/a.jpg", [b"half", b"half"])
    folder.write("images/a.jpg", iter([b"the", b"whole"]), durable=False)
    folder.write("images/b.jpg", [b""])
    folder.write("manifest.json", [b"{}"])
    assert folder.sizes("images") == {"a.jpg": 8, "b.jpg": 0}
    assert folder.sizes() == {"manifest.json": 2}
    assert folder.read("images/a.jpg") == b"thewhole"
    with folder.open("images/a.jpg") as stream:
        stream.seek(3)
        assert stream.read(5) == b"whole"
    names = ["images/b.jpg", "images/none.jpg", "images/a.jpg"]
    assert list(folder.read_all(names)) == [b"", None, b"thewhole"]
    assert list(folder.read_all(names[1:2])) == [None]
    assert (folder.exists("images/b.jpg"), folder.exists("images/c.jpg")) == (True, False)
    folder.remove("images/b.jpg")
    folder.remove("images/b.jpg")
    assert folder.sizes("images") == {"a.jpg": 8}


def test_a_file_that_another_process_renames_meanwhile_hides_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jpg", "b.tmp", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    scandir = os.scandir

    def listed_just_before(folder: Path) -> contextlib.nullcontext[list[os.DirEntry[str]]]:
        with scandir(folder) as entries:
            found = list(entries)
        (tmp_path / "b.tmp").unlink()
        return contextlib.nullcontext(found)

    # The moment between the listing and the size of a file is too short to be met otherwise.
    monkeypatch.setattr(os, "scandir", listed_just_before)
    assert LocalFolder(tmp_path).sizes() == {"a.jpg": 1, "c.jpg": 1}


def test_pieces_that_end_in_an_error_leave_what_was_there(folder: Folder) -> None:
    def breaking() -> object:
        yield b"half"
        raise KeyError("the work itself failed")

    folder.write("a.jpg", [b"old"])
    with pytest.raises(KeyError):
        folder.write("a.jpg", breaking())  # type: ignore[arg-type]
    assert folder.read("a.jpg") == b"old"
    assert list(folder.sizes()) == ["a.jpg"]


def test_a_folder_that_cannot_be_written_is_named(folder: Folder, tmp_path: Path) -> None:
    if isinstance(folder, RemoteFolder) and folder.url.startswith("memory"):
        pytest.skip("memory takes everything")
    (tmp_path / "a b").write_text("a file where the folder belongs")
    with pytest.raises(DataError, match=r"out/a\.jpg: cannot be written"):
        folder.write("a.jpg", [b"x"])


def test_a_missing_file_cannot_be_opened(folder: Folder) -> None:
    with pytest.raises(DataError, match=r"none\.jpg: cannot be (opened|read)"):
        folder.open("none.jpg")


def test_more_files_than_are_asked_for_at_once_come_in_their_order(tmp_path: Path) -> None:
    folder = RemoteFolder("memory://many/files")
    for number in range(600):
        folder.write(f"{number}.json", [b"%d" % number])
    assert list(folder.read_all([f"{number}.json" for number in range(600)])) == [b"%d" % n for n in range(600)]


def test_an_address_of_no_known_kind_is_refused() -> None:
    with pytest.raises(UsageError, match=r"nosuch://x/y: fsspec knows no such address"):
        RemoteFolder("nosuch://x/y").read("a")


@pytest.mark.skipif(find_spec("s3fs") is not None, reason="the package for s3:// is installed")
def test_a_storage_without_its_package_says_so() -> None:
    with pytest.raises(NotInstalledError, match=r"s3://bucket/faces: the package for this storage is missing .*s3fs"):
        RemoteFolder("s3://bucket/faces").sizes()


def test_without_fsspec_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _connect.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(NotInstalledError, match=r"pip install thirtyfold\[cluster\]"):
        RemoteFolder("s3://bucket/faces").sizes()


@pytest.mark.parametrize(
    ("place", "url"), [("s3://b/faces", True), ("file:///x", True), ("C:\\faces", False), ("datasets/faces", False)]
)
def test_urls_are_told_from_paths(place: str, url: bool) -> None:
    assert is_url(place) is url

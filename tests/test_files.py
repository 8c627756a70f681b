from __future__ import annotations

import json
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from thirtyfold import files
from thirtyfold.errors import DataError


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_written_with_its_folders_and_nothing_else_is_left(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a" / "b" / "photo.jpg"
    files.write_bytes(path, b"first", durable=durable)
    files.write_bytes(path, b"second", durable=durable)
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_are_those_that_the_user_gives_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_bytes(tmp_path / "photo.jpg", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "photo.jpg").stat().st_mode) == 0o640


def test_a_folder_in_the_way_is_an_error_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").mkdir()
    with pytest.raises(DataError, match=r"photo\.jpg: cannot be written"):
        files.write_bytes(tmp_path / "photo.jpg", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's limit of a file's size")
def test_a_write_that_fails_half_way_keeps_the_old_file(tmp_path: Path) -> None:
    import resource
    import signal

    path = tmp_path / "photo.jpg"
    files.write_bytes(path, b"the old photo")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(DataError, match="cannot be written"):
            files.write_bytes(path, b"x" * 100_000, durable=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    assert path.read_bytes() == b"the old photo"
    assert list(tmp_path.iterdir()) == [path]


def test_many_writers_of_one_name_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    contents = [bytes([number]) * 50_000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: files.write_bytes(path, data, durable=False), contents))
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_with_a_strange_line_separator_in_a_name_is_read_as_one(tmp_path: Path) -> None:
    rows = [{"source": "clip\u2028one\x85.mp4"}, {"source": "0"}]
    for row in rows:
        files.append_line(tmp_path / "log.jsonl", json.dumps(row, ensure_ascii=False))
    assert files.read_json_lines(tmp_path / "log.jsonl") == rows


def test_lines_that_python_refuses_to_read_are_left_out_as_torn_ones_are(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1}\n{"a":\n' + "[" * 100_000 + "\n" + '{"a": ' + "9" * 5000 + '}\n[1]\n{"a": 2}\n')
    assert files.read_json_lines(path) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b"\xff", b""])
def test_whatever_is_wrong_with_a_json_file_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        files.parse_json(data)
    assert files.parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}

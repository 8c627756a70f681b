"""Fetching from a real server on this machine."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import pytest

from tests.heard import Heard
from thirtyfold.download import Download, cache_dir, check_file, fetch, obtain
from thirtyfold.errors import ModelError, NotInstalledError
from thirtyfold.progress import SILENT

MAGIC = b"\x89HDF\r\n\x1a\n"
CONTENT = MAGIC + bytes(range(256)) * 64
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def published(url: str, *, digest: str | None = SHA256) -> Download:
    return Download(name="w.h5", url=url, what="some weights", digest=digest, magic=MAGIC, otherwise="do without")


@contextmanager
def server(body: bytes, *, claim: int | None = None, raw: bool = False) -> Iterator[str]:
    """``raw``: ``body`` is all that is answered, head included."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not raw:
                self.send_response(200)
                self.send_header("Content-Length", str(claim or len(body)))
                self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/w.h5"
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def test_weights_are_fetched_once_and_checked(tmp_path: Path) -> None:
    with server(CONTENT) as url:
        path = tmp_path / "models" / "w.h5"
        fetch(published(url), path, SILENT)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_a_download_that_is_not_the_published_file_leaves_nothing_behind(tmp_path: Path) -> None:
    with server(b"<html>log in to the hotel's network</html>") as url, pytest.raises(ModelError, match="published"):
        fetch(published(url, digest=None), tmp_path / "w.h5", SILENT)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_leaves_nothing_behind_and_says_so(tmp_path: Path) -> None:
    with server(CONTENT, claim=len(CONTENT) + 5) as url, pytest.raises(NotInstalledError, match=r"broke|incomplete"):
        fetch(published(url, digest=None), tmp_path / "w.h5", SILENT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "answer",
    [b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", b""],
    ids=["no HTTP", "torn", "nothing"],
)
def test_an_answer_that_is_not_http_is_the_networks_fault_and_no_bug(tmp_path: Path, answer: bytes) -> None:
    with server(answer, raw=True) as url, pytest.raises(NotInstalledError, match="cannot be fetched"):
        fetch(published(url), tmp_path / "w.h5", SILENT)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_goes_away_is_not_taken_for_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    class Cut(BytesIO):
        headers: ClassVar = {}

        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    with pytest.raises(NotInstalledError, match=r"cannot be fetched .*Network is unreachable"):
        fetch(published("https://example.org/w.h5"), tmp_path / "w.h5", SILENT, open_url=lambda url: Cut())


def test_offline_says_where_to_put_the_file_and_how_to_go_on_without(tmp_path: Path) -> None:
    download = published("http://127.0.0.1:9/w.h5")
    with pytest.raises(NotInstalledError, match="or do without") as raised:
        fetch(download, tmp_path / "w.h5", SILENT)
    assert str(tmp_path / "w.h5") in str(raised.value)


def test_what_is_in_the_cache_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "w.h5").write_bytes(CONTENT)
    heard = Heard()
    assert obtain(published("http://127.0.0.1:9/w.h5"), tmp_path, heard) == tmp_path / "w.h5"
    assert heard.lines == []


def test_a_cached_file_that_differs_is_reported_and_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(ModelError, match="move it away"):
        obtain(published("http://127.0.0.1:9/w.h5"), tmp_path, SILENT)
    assert path.read_bytes() == CONTENT + b"!"


def test_a_file_that_begins_wrong_is_refused_even_without_a_published_hash(tmp_path: Path) -> None:
    (tmp_path / "w.h5").write_bytes(b"not weights")
    with pytest.raises(ModelError):
        check_file(published("", digest=None), tmp_path / "w.h5")


def test_the_cache_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "models"
    monkeypatch.delenv("THIRTYFOLD_HOME")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache_dir() == tmp_path / "c" / "thirtyfold" / "models"

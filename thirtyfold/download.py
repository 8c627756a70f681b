"""Files that are fetched once: known by their hash, kept in a cache folder, never deleted by us."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.errors import ModelError, NotInstalledError
from thirtyfold.progress import Progress

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A published file.

    ``what`` names it for a person, ``digest`` is ``"md5:..."`` or ``"sha256:..."`` of its
    bytes (``None`` where nobody publishes one), and ``magic`` what it begins with. ``otherwise``
    says how to go on without it; a message has it after "or".
    """

    name: str
    url: str
    what: str
    digest: str | None = None
    magic: bytes = b""
    otherwise: str = ""


def cache_dir() -> Path:
    """Where fetched models lie: ``$THIRTYFOLD_HOME/models``, by default in the system's cache folder.

    That is ``~/.cache/thirtyfold`` (or ``$XDG_CACHE_HOME``) on Linux, ``~/Library/Caches/thirtyfold``
    on macOS and ``%LOCALAPPDATA%\\thirtyfold`` on Windows.
    """
    return _home() / "models"


def obtain(download: Download, folder: Path, progress: Progress) -> Path:
    """The file in ``folder``, fetched if it is not there, and checked.

    Raises as :func:`fetch` and :func:`check_file` do.
    """
    path = folder / download.name
    if not path.exists():
        fetch(download, path, progress)
    check_file(download, path)
    return path


def check_file(download: Download, path: Path) -> None:
    """Raise :class:`ModelError` if ``path`` is not the published file; never delete it."""
    algorithm, _, expected = (download.digest or "").partition(":")
    try:
        with path.open("rb") as stream:
            begins_right = stream.read(len(download.magic)) == download.magic
            stream.seek(0)
            digest = hashlib.file_digest(stream, lambda: _hasher(algorithm)).hexdigest() if algorithm else ""
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not begins_right or digest != expected:
        raise ModelError(
            f"{path}: is not the published file of {download.what} (its content differs); "
            "move it away and run the same command again to fetch it anew"
        )


def fetch(
    download: Download,
    path: Path,
    progress: Progress,
    *,
    open_url: Callable[[str], Any] = lambda url: urllib.request.urlopen(url, timeout=30),  # noqa: S310 - https, ours
) -> None:
    """Download into ``path``, with a bar, checking length and hash before the file gets its name.

    Raises :class:`NotInstalledError` without a network, saying where to put the file, and
    :class:`ModelError` if what came is not the published file.
    """
    # Of this process alone: two commands that fetch at the same time do not write into one file.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    progress.say(f"fetching {download.what}, once: {download.url}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _network_errors():
            response = open_url(download.url)
        with response, part.open("wb") as stream:
            length = int(response.headers.get("Content-Length") or 0) or None
            with progress.bar("download", total=length, unit="B") as bar:
                while chunk := _chunk(response):
                    stream.write(chunk)
                    bar.advance(len(chunk))
            if length is not None and stream.tell() != length:
                raise urllib.error.URLError(f"the connection broke after {stream.tell()} of {length} bytes")
        check_file(download, part)
        part.replace(path)
    except ModelError as error:
        raise ModelError(f"{download.url}: did not give the published file; try again on another network") from error
    except urllib.error.URLError as error:
        otherwise = f", or {download.otherwise}" if download.otherwise else ""
        raise NotInstalledError(
            f"{download.url}: cannot be fetched ({error.reason}); without a network copy the file from a machine "
            f"that has it to {path}{otherwise}"
        ) from error
    except OSError as error:
        raise files.writing_failed(path, error) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _network_errors() -> Iterator[None]:
    """Whatever breaks on the network as :class:`URLError`: an :class:`OSError` besides is one of the disk."""
    try:
        yield
    except urllib.error.URLError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise urllib.error.URLError(str(error) or repr(error)) from error


def _chunk(response: Any) -> bytes:
    with _network_errors():
        data: bytes = response.read(_CHUNK)
    return data


def _hasher(algorithm: str) -> hashlib._Hash:
    # A cut-off or swapped file is what is looked for, no attack: MD5 may be all that was published.
    return hashlib.new(algorithm, usedforsecurity=False)


def _home() -> Path:
    if ours := os.environ.get("THIRTYFOLD_HOME"):
        return Path(ours)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "thirtyfold"

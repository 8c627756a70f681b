"""Loaded by every Python of the environment that ``conftest.installed`` makes: no connection but to this machine.

Each process writes a line when it starts, and one for everything it tries beyond, which then fails. It sees what
Python opens (PEP 578), and no socket that a library would open in C.
"""

from __future__ import annotations

import os
import sys

_WATCHED = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind")
_HERE = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None)  # noqa: S104 - of bind


def _write(line: str) -> None:
    with open(os.environ["NETWORK_LOG"], "a", encoding="utf-8") as log:  # noqa: PTH123 - pathlib may not be loaded yet
        log.write(line + "\n")


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _WATCHED:
        return
    address = arguments[0] if event in ("socket.getaddrinfo", "socket.gethostbyname") else arguments[1]
    if isinstance(address, (str, bytes)) and event in ("socket.connect", "socket.sendto", "socket.bind"):
        return  # a socket that is a file
    host = address[0] if isinstance(address, tuple) else address
    host = host.decode() if isinstance(host, bytes) else host
    if host not in _HERE:
        _write(f"{event} {host} by {' '.join(sys.orig_argv)}")
        raise PermissionError(f"{event}: {host} is not this machine")


if "NETWORK_LOG" in os.environ:
    _write(f"started {' '.join(sys.orig_argv)}")
    sys.addaudithook(_watch)

"""Hundreds of requests and frames that want in, or want to stop the picture. None does either."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.drawn import draw_photo
from tests.live.scripted import ScriptedCamera
from tests.live.web.served import OpenSite, Site, raw
from tests.live.web.test_frames import HONEST, with_scans, with_size
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.images import encode_jpeg
from thirtyfold.live.web.broadcast import Broadcaster
from thirtyfold.live.web.security import MOST_COMMAND_BYTES, MOST_IDLE_CONNECTIONS

PATHS = ("/", "/live.js", "/live.css", "/stream.mjpg", "/api/order", "/ws/state", "/ws/camera", "/none")
HOSTS = ("evil.example", "127.0.0.1.evil.example", "192.168.1.1", "0.0.0.0", "localhost.", "", "[::]", "a" * 300)  # noqa: S104
ORIGINS = ("http://evil.example", "null", "http://localhost", "https://127.0.0.1", "file://", "")
TRICKS = (
    "/../../../../etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
    "/live.js/../../security.py", "/live.js%00.py", "/page/live.js", "/./live.js", "/live.js/", "/LIVE.JS",
    "/static/live.js", "/app.py", "/__init__.py", "/.git/config", "/C:/Windows/win.ini", "/\\..\\..\\etc\\passwd",
    "/%5c..%5c..%5cetc%5cpasswd", "/live.html", "/etc/passwd", "/proc/self/environ", "/file:///etc/passwd",
    "/docs", "/redoc", "/openapi.json", "/?file=/etc/passwd&x=..", "/stream.mjpg/../live.js", "/api/order/..",
    "/%252e%252e/etc/passwd", "/;/etc/passwd", "/live.js;.css", "/~root/", "/%ff%fe", "/" + "a/" * 400,
)  # fmt: skip


@contextmanager
def watched(site: Site) -> Iterator[list[bytes]]:
    """A viewer who looks all the while; at the end new pictures have to be coming still."""
    seen: list[bytes] = []
    client = site.another_client()
    stream = site.pictures(client)
    going_on = threading.Event()
    going_on.set()

    def look() -> None:
        for jpeg in stream:
            seen.append(jpeg)
            if not going_on.is_set():
                break
        stream.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        wait_for(lambda: seen)
        yield seen
        count = len(seen)
        wait_for(lambda: len(seen) >= count + 5)
    finally:
        going_on.clear()
        thread.join(PATIENCE_SECONDS)
        client.close()


def status(site: Site, request: str, *headers: str, host: str | None = None) -> int:
    """The status of a raw request; 0 where there was no answer but an end of the connection."""
    lines = [request, f"Host: {site.host if host is None else host}", "Connection: close", *headers, "", ""]
    return answer(site, "\r\n".join(lines).encode("latin-1"))[0]


def answer(site: Site, data: bytes) -> tuple[int, bytes]:
    received = b""
    with raw(site, data) as connection, contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
            if len(received) > 500_000 or (b"multipart" in received and len(received) > 5000):
                break
    return (int(received[9:12]), received) if received.startswith(b"HTTP/1.1 ") else (0, received)


def test_300_requests_of_strangers_and_none_gets_in(open_site: OpenSite) -> None:
    with open_site() as site, watched(site):
        cookie, own = f"Cookie: {site.cookie}", f"Origin: {site.origin}"
        name = site.cookie.partition("=")[0]
        statuses: list[int] = []
        for path, host in product(PATHS, HOSTS):
            expected = 200 if host == "localhost." and path in PATHS[:4] else None
            got = status(site, f"GET {path} HTTP/1.1", cookie, host=host)
            assert got == expected or got in (400, 404, 405, 421), (path, host, got)
            statuses.append(got)
        for path, other in product(PATHS, ("", "x", site.token[:-1], site.token + "x", "%00", "a" * 5000)):
            assert status(site, f"GET {path}?token={other} HTTP/1.1") == 401
            assert status(site, f"GET {path} HTTP/1.1", f"Cookie: {name}={other}") == 401
            statuses += [401, 401]
        for method, path in product(("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "HEAD", "X"), PATHS):
            got = status(site, f"{method} {path} HTTP/1.1", cookie, own)
            assert got in (405, 404), (method, path)
            statuses.append(got)
        for origin, path in product((*ORIGINS, None), PATHS):
            body = '{"do":"stop"}'
            headers = [cookie, "Content-Type: application/json", f"Content-Length: {len(body)}"]
            headers += [] if origin is None else [f"Origin: {origin}"]
            lines = [f"POST {path} HTTP/1.1", f"Host: {site.host}", "Connection: close", *headers, "", body]
            assert answer(site, "\r\n".join(lines).encode())[0] == 403
            statuses.append(403)
        assert len(statuses) > 260


def test_path_tricks_reach_no_file(open_site: OpenSite) -> None:
    with open_site() as site, watched(site):
        for trick in TRICKS:
            lines = [f"GET {trick} HTTP/1.1", f"Host: {site.host}", "Connection: close", f"Cookie: {site.cookie}"]
            got, received = answer(site, ("\r\n".join([*lines, "", ""])).encode())
            if trick.startswith("/?"):
                assert got == 200
                continue
            assert got in (400, 404), (trick, got)
            assert b"root:" not in received
            assert b"import" not in received


def test_websockets_of_other_sites_and_of_nobody_are_refused(open_site: OpenSite) -> None:
    with open_site(source="browser") as site:
        cases = [(site.cookie, origin) for origin in (*ORIGINS, None)]
        cases += [(None, site.origin), ("thirtyfold=x", site.origin), (f"{site.cookie}x", site.origin)]
        for path, (cookie, origin) in product(("/ws/state", "/ws/camera", "/ws/none"), cases):
            with (
                pytest.raises(InvalidStatus) as raised,
                connect(
                    f"ws://{site.host}{path}",
                    origin=None if origin is None else Origin(origin),
                    additional_headers={} if cookie is None else {"Cookie": cookie},
                    proxy=None,
                ),
            ):
                pass
            assert raised.value.response.status_code == 403
        with site.websocket("/ws/camera") as camera:
            assert "camera" in json.loads(camera.recv())


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("connections", "bodies", "states", "stream", "server"):
        monkeypatch.setattr(f"thirtyfold.live.web.{module}.REQUEST_SECONDS", 1.0)


@pytest.mark.slow
def test_broken_and_giant_requests_end_and_the_picture_goes_on(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch)
    with open_site() as site, watched(site):
        cookie = f"Cookie: {site.cookie}\r\nOrigin: {site.origin}\r\nContent-Type: application/json\r\n"
        start = f"POST /api/order HTTP/1.1\r\nHost: {site.host}\r\n{cookie}".encode()
        body = b"{" + b" " * MOST_COMMAND_BYTES + b"}"
        for data in (
            start + b"Content-Length: %d\r\n\r\n" % len(body) + body,
            start + b"Content-Length: 99999999999\r\n\r\n" + body * 4,
            start + b"Transfer-Encoding: chunked\r\n\r\n" + (b"%x\r\n" % len(body) + body + b"\r\n") * 4,
            start + b"Content-Length: -1\r\n\r\n{}",
            start + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}",
            start + b"Content-Length: 9\r\n\r\n[[[[[[[[[",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
            b"\x00" * 100_000,
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
            f"GET / HTTP/1.1\r\nHost: {site.host}\r\n".encode() + b"X: y\r\n" * 100 + b"Connection: close\r\n\r\n",
            b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ):
            assert answer(site, data)[0] in (0, 400, 421, 431), data[:60]


@pytest.mark.slow
def test_clients_that_send_or_take_nothing_are_cut_and_hold_up_nobody(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch)
    left: list[int] = []
    leave = Broadcaster.leave

    def leave_and_count(broadcaster: Broadcaster) -> None:
        leave(broadcaster)
        left.append(broadcaster.viewers)

    monkeypatch.setattr(Broadcaster, "leave", leave_and_count)
    noisy = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    with open_site(ScriptedCamera(10**6, fps=30, pixels=noisy)) as site, watched(site):
        head = f"Host: {site.host}\r\nCookie: {site.cookie}\r\n"
        order = f"Origin: {site.origin}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n" + '{"do'
        takers = [raw(site, f"GET /stream.mjpg HTTP/1.1\r\n{head}\r\n") for _ in range(5)]
        slow = [raw(site, b"") for _ in range(MOST_IDLE_CONNECTIONS + 40)]
        slow += [raw(site, f"GET / HTTP/1.1\r\n{head}X-Never-Ending: ") for _ in range(20)]
        slow += [raw(site, f"POST /api/order HTTP/1.1\r\n{head}{order}") for _ in range(10)]
        with site.another_client() as honest:
            assert honest.get("/live.js").status_code == 200  # somebody honest comes in between
        for connection in slow:
            assert len(until_the_end(connection)) < 2000
        # Those who ask for the picture and take nothing are not read from here until they have been cut.
        wait_for(lambda: len(left) >= len(takers))
        for connection in takers:
            assert len(until_the_end(connection)) < 20_000_000


def until_the_end(connection: socket.socket) -> bytes:
    received = b""
    with connection, contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
            if len(received) > 20_000_000:
                break
    return received


def test_150_hostile_frames_cost_nothing_but_their_answer(open_site: OpenSite) -> None:
    random = np.random.default_rng(7)
    hostile = [HONEST[: int(cut)] for cut in random.integers(0, len(HONEST) - 2, 50)]
    hostile += [with_size(HONEST, width, height) for width, height in [(65535, 65535), (0, 0), (30000, 3000)] * 5]
    hostile += [random.bytes(int(size)) for size in random.integers(0, 50_000, 40)]
    hostile += [with_scans(60), b"\xff\xd8\xff\xd9", b"GIF89a" + bytes(99)] * 5
    for _ in range(40):
        broken = bytearray(HONEST)
        for place in random.integers(2, 400, 20):
            broken[place] = random.integers(0, 256)
        hostile.append(bytes(broken))
    good = encode_jpeg(draw_photo(3)[0])
    with (
        open_site(source="browser") as site,
        site.websocket("/ws/camera") as camera,
        site.websocket("/ws/camera") as neighbour,
    ):
        camera.recv()
        neighbour.recv()
        for number, frame in enumerate(hostile):
            camera.send(frame)
            told = json.loads(camera.recv(timeout=PATIENCE_SECONDS))
            assert ("error" in told) or ("boxes" in told)
            if number % 15 == 0:
                neighbour.send(good)
                assert json.loads(neighbour.recv(timeout=PATIENCE_SECONDS))["boxes"]
        result = site.stop()
    assert result.problems == ()
    assert result.frames_read >= 150


def test_the_token_stands_in_the_link_and_nowhere_else(open_site: OpenSite, tmp_path: Path) -> None:
    with open_site() as site:
        site.client.get("/", params={"token": site.token})
        site.order({"do": "save"})
        answers = [site.client.get(path).text for path in ("/", "/live.js", "/none", f"/{site.token}")]
        told = list(site.told.lines)
        result = site.stop()
    assert sum(site.token in line for line in told) == 1
    assert not any(site.token in text for text in answers)
    assert site.token not in json.dumps(result.to_dict())
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert site.token.encode() not in path.read_bytes()

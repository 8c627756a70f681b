"""The door: who is let in, judged from heads alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from thirtyfold.live.web.security import SECURITY_HEADERS, Admitted, Door, Head, Refused, host_name, new_token

TOKEN = "the-right-token"  # noqa: S105
OURS = "127.0.0.1:8765"
COOKIE = ("cookie", f"other=1; thirtyfold-8765={TOKEN}")
DOOR = Door(token=TOKEN, names=frozenset({"localhost", "127.0.0.1", "::1", "pi.example"}), port=8765)


def head(
    *headers: tuple[str, str],
    host: str | None = OURS,
    method: str = "GET",
    path: str = "/api/order",
    query: str = "",
    websocket: bool = False,
) -> Head:
    named = (("host", host),) if host is not None else ()
    return Head(websocket=websocket, method=method, path=path, query=query, headers=(*named, *headers))


def status(given: Head, door: Door = DOOR) -> int:
    verdict = door.judge(given)
    return verdict.status if isinstance(verdict, Refused) else 200


def test_the_link_lets_in_once_and_the_cookie_from_then_on() -> None:
    assert DOOR.judge(head(path="/", query=f"token={TOKEN}")) == Admitted(by_link=True)
    assert DOOR.judge(head(COOKIE, path="/")) == Admitted()
    assert status(head(path="/")) == 401


@pytest.mark.parametrize(
    "query",
    ["", "token=", "token=wrong", f"token={TOKEN}x", f"token={TOKEN[:-1]}", f"token={TOKEN}&token={TOKEN}",
     f"t={TOKEN}", "&" * 4000, "token=%ff%fe", f"TOKEN={TOKEN}"],
)  # fmt: skip
def test_anything_but_the_token_is_refused(query: str) -> None:
    assert status(head(path="/", query=query)) == 401


def test_the_link_opens_the_page_and_nothing_else() -> None:
    query = f"token={TOKEN}"
    assert status(head(path="/stream.mjpg", query=query)) == 401
    assert status(head(path="/", query=query, method="POST")) == 401
    assert status(head(("origin", f"http://{OURS}"), path="/", query=query, websocket=True)) == 401


@pytest.mark.parametrize(
    "cookie", ["", "thirtyfold-8765=", f"thirtyfold-8766={TOKEN}", f"thirtyfold-8765={TOKEN}x", f"x{COOKIE[1]}", TOKEN]
)
def test_a_cookie_that_is_not_ours_is_refused(cookie: str) -> None:
    given = cookie.replace("xother=1; ", "x") if cookie.startswith("xother") else cookie
    assert status(head(("cookie", given), path="/")) == 401


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (OURS, 200), ("localhost", 200), ("LOCALHOST:9", 200), ("[::1]:8765", 200), ("pi.example:8765", 200),
        ("pi.example.", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example", 421),
        ("127.0.0.1@evil.example", 421), ("evil.example#127.0.0.1", 421), ("192.168.0.9:8765", 421), ("", 421),
        (" 127.0.0.1", 421), ("127.0.0.1:8765, evil", 421), ("127.0.0.1:99999999", 421), (None, 421),
    ],
)  # fmt: skip
def test_the_host_must_be_a_name_of_this_machine(host: str | None, expected: int) -> None:
    assert status(head(COOKIE, host=host, path="/")) == expected


def test_two_hosts_are_none() -> None:
    assert status(head(COOKIE, ("host", OURS), path="/")) == 421


def test_on_the_network_addresses_count_as_names_but_foreign_names_still_do_not() -> None:
    door = Door(token=TOKEN, names=frozenset({"pi"}), port=8765, any_address=True)
    assert status(head(COOKIE, host="192.168.0.9:8765", path="/"), door) == 200
    assert status(head(COOKIE, host="[fe80::1]:8765", path="/"), door) == 200
    assert status(head(COOKIE, host="evil.example", path="/"), door) == 421


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (f"http://{OURS}", 200), (f"https://{OURS}", 200), (f"http://{OURS.upper()}", 200), (None, 403), ("null", 403),
        ("", 403), ("http://evil.example", 403), ("http://127.0.0.1:9999", 403), ("http://localhost:8765", 403),
        (f"http://{OURS}@evil.example", 403), (f"http://{OURS}.evil.example", 403),
        (f"http://evil.example/{OURS}", 403), (f"file://{OURS}", 403), (f"http://{OURS}/x", 403), ("http://[", 403),
    ],
)  # fmt: skip
@pytest.mark.parametrize("websocket", [True, False])
def test_websockets_and_changes_need_our_own_origin(origin: str | None, expected: int, websocket: bool) -> None:
    headers = [COOKIE, ("content-type", "application/json; charset=utf-8")]
    if origin is not None:
        headers.append(("origin", origin))
    assert status(head(*headers, method="POST", websocket=websocket)) == expected


def test_behind_its_own_certificate_a_page_of_plain_http_is_another_site() -> None:
    door = replace(DOOR, secure=True)
    for scheme, expected in (("https", 200), ("http", 403)):
        origin = ("origin", f"{scheme}://{OURS}")
        assert status(head(COOKIE, origin, websocket=True), door) == expected
        assert status(head(COOKIE, origin, ("content-type", "application/json"), method="POST"), door) == expected


def test_two_origins_are_none() -> None:
    own = ("origin", f"http://{OURS}")
    assert status(head(COOKIE, own, own, websocket=True)) == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "post", "\x00"])
def test_only_get_and_post_are_known(method: str) -> None:
    assert status(head(COOKIE, ("origin", f"http://{OURS}"), method=method)) == 405


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""])
def test_what_a_form_of_another_site_can_send_is_no_change(content_type: str) -> None:
    headers = (COOKIE, ("origin", f"http://{OURS}"), ("content-type", content_type))
    assert status(head(*headers, method="POST")) == 415


@pytest.mark.parametrize(("site", "expected"), [("same-origin", 200), ("none", 200), ("cross-site", 403), ("x", 403)])
def test_what_browsers_say_about_who_asks_is_heard(site: str, expected: int) -> None:
    assert status(head(COOKIE, ("sec-fetch-site", site), path="/stream.mjpg")) == expected


def test_the_link_may_be_clicked_anywhere() -> None:
    assert status(head(("sec-fetch-site", "cross-site"), path="/", query=f"token={TOKEN}")) == 200


def test_headers_are_counted_before_anything_is_believed() -> None:
    assert status(head(COOKIE, *[("x", "1")] * 100, path="/")) == 431
    assert status(head(COOKIE, ("x", "1" * 20_000), path="/")) == 431
    assert status(head(COOKIE, path="/" + "a" * 20_000)) == 431


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    assert DOOR.cookie == f"thirtyfold-8765={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert replace(DOOR, secure=True).cookie.endswith("; Secure")


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43


def test_the_policy_allows_no_other_address_and_no_inline_script() -> None:
    policy = SECURITY_HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("host", ["a" * 300, "a b", "[::1", "::1", "host:port", "host:1:2", "\n", "host\n"])
def test_a_host_that_is_none_has_no_name(host: Any) -> None:
    assert host_name(host) is None

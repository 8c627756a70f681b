"""Who may come in, decided from a request's head alone: pure functions, and the limits everything keeps to.

What is kept out, and by what:

- *Other people on the network or the machine*: a token of 256 bits a run (RFC 6265bis for the cookie
  it is exchanged for).
- *DNS rebinding* (a page at evil.example whose name comes to mean 127.0.0.1): the ``Host`` header
  must name this machine.
- *Cross-site requests and WebSocket hijacking* (another page in the same browser): the cookie is
  ``SameSite=Strict``, and whatever changes anything, and every WebSocket, needs an ``Origin`` that is our own.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

TOKEN_PARAMETER = "token"  # noqa: S105 - the parameter's name
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

MOST_HEADERS = 64
MOST_HEADER_BYTES = 16_384
MOST_COMMAND_BYTES = 16_384
# A JPEG of 1920×1080 from a browser has 0.2 to 0.6 MB.
MOST_FRAME_BYTES = 2_000_000
MOST_FRAME_PIXELS = 1920 * 1200
# One progressive JPEG has about ten scans; each costs a pass over all pixels, and thousands fit into a megabyte.
MOST_FRAME_SCANS = 16
MOST_VIEWERS = 64
MOST_BROWSER_CAMERAS = 32
MOST_CONNECTIONS = 256
# Connections on which no request is being answered; one too many closes the oldest.
MOST_IDLE_CONNECTIONS = 64
REQUEST_SECONDS = 10.0
"""How long a request may take to arrive, and a client to take what it is sent."""
SILENT_CAMERA_SECONDS = 60.0

SECURITY_HEADERS: Mapping[str, str] = {
    # Only our own files; no script or style inside the page's text. `blob:` is the snapshot and the recording.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a request says before its body. ``headers`` are (lower-case name, value), in order."""

    websocket: bool
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    def one(self, name: str) -> str | None:
        """The header's value; ``None`` where it is missing or there several times, so that no two can be confused."""
        found = [value for header, value in self.headers if header == name]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The HTTP status and the sentence that goes with it."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """``by_link``: the token came with the printed link, and is to be exchanged for the cookie."""

    by_link: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What this run lets in: ``token``, and the names (without port) that the machine goes by.

    ``port`` is part of the cookie's name: browsers give a cookie to every port of a machine,
    and two runs must not write over each other's.

    ``any_address``: IP addresses count as its names, too. No page of another site has an
    address of ours as its own ``Host``; only names can be made to point here.

    ``secure``: this run speaks https itself, so an ``Origin`` of plain http is not its own.
    """

    token: str
    names: frozenset[str]
    port: int
    any_address: bool = False
    secure: bool = False

    def judge(self, head: Head) -> Admitted | Refused:
        """Whether the request with this head may be answered. Nothing about it has been believed yet."""
        refused = self._misplaced(head)
        if refused is not None:
            return refused
        by_link = self._is_link(head)
        return (None if by_link else self._strange(head)) or self._forged(head) or Admitted(by_link=by_link)

    @property
    def cookie(self) -> str:
        """The ``Set-Cookie`` header: out of reach for scripts and for other sites, gone with the browser."""
        secure = "; Secure" if self.secure else ""
        return f"{self._cookie_name}={self.token}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def _misplaced(self, head: Head) -> Refused | None:
        if len(head.headers) > MOST_HEADERS or _size(head) > MOST_HEADER_BYTES:
            return Refused(status=431, reason="the request's headers are too large")
        name = host_name(head.one("host"))
        if name is None or not (name in self.names or (self.any_address and _is_address(name))):
            return Refused(
                status=421, reason="this name is not known here; open the printed link, or start with --name NAME"
            )
        return None

    def _strange(self, head: Head) -> Refused | None:
        if head.one("sec-fetch-site") not in (None, "same-origin", "none"):
            # Browsers say by themselves when another site asks; only the link may be clicked anywhere.
            return Refused(status=403, reason="requests of other sites are not answered")
        if not self._has_cookie(head):
            return Refused(status=401, reason="open the link that thirtyfold printed in its terminal")
        return None

    def _is_link(self, head: Head) -> bool:
        if head.websocket or head.method != "GET" or head.path != "/":
            return False
        given = parse_qs(head.query, max_num_fields=8).get(TOKEN_PARAMETER, []) if head.query.count("&") < 8 else []
        return len(given) == 1 and _same(given[0], self.token)

    def _has_cookie(self, head: Head) -> bool:
        cookies = [part.strip() for name, value in head.headers if name == "cookie" for part in value.split(";")]
        ours = f"{self._cookie_name}="
        return any(_same(cookie.removeprefix(ours), self.token) for cookie in cookies if cookie.startswith(ours))

    def _forged(self, head: Head) -> Refused | None:
        """What another site could make a browser send that has our cookie."""
        if head.websocket:
            # Browsers let every page open WebSockets to every address: only Origin tells whose it is.
            return None if self._is_own_origin(head) else Refused(status=403, reason="a WebSocket of another site")
        if head.method in ("GET", "HEAD"):
            return None  # changes nothing
        if head.method != "POST":
            return Refused(status=405, reason="only GET and POST are known here")
        # The cookie alone would do in today's browsers (SameSite=Strict). Origin covers the rest; JSON
        # cannot be sent by a form, and a script of another site would have to ask first and gets no answer.
        if not self._is_own_origin(head):
            return Refused(status=403, reason="changes are only taken from this page itself")
        if (head.one("content-type") or "").partition(";")[0].strip().lower() != "application/json":
            return Refused(status=415, reason="JSON was expected (Content-Type: application/json)")
        return None

    def _is_own_origin(self, head: Head) -> bool:
        """Whether ``Origin`` is where the request went to. ``Host`` has been checked before."""
        origin, host = head.one("origin"), head.one("host")
        if origin is None or host is None:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        # Where this run speaks plain http, something before it may speak https to the browser.
        schemes = ("https",) if self.secure else ("http", "https")
        own = parts.scheme in schemes and origin == f"{parts.scheme}://{parts.netloc}"
        return own and parts.netloc.lower() == host.lower()

    @property
    def _cookie_name(self) -> str:
        return f"thirtyfold-{self.port}"


def new_token() -> str:
    """256 random bits, as text that fits into a link."""
    return secrets.token_urlsafe(32)


def host_name(host: str | None) -> str | None:
    """The name in a ``Host`` header (``name``, ``name:port``, ``[::1]:port``), lower-case; ``None`` if it is none."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?", host or "")
    return match.group(1).strip("[]").rstrip(".").lower() if match else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(given: str, secret: str) -> bool:
    # In the same time whatever is given, so that nothing is learned from how long it takes.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


def _size(head: Head) -> int:
    return sum(len(name) + len(value) for name, value in head.headers) + len(head.path) + len(head.query)

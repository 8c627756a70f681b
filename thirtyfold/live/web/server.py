"""The web server on a thread of its own: an address, a link with the token, an end."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from thirtyfold.errors import UsageError
from thirtyfold.live.web.options import DEFAULT_PORT, PageOptions
from thirtyfold.live.web.security import (
    LOOPBACK_NAMES,
    MOST_FRAME_BYTES,
    REQUEST_SECONDS,
    TOKEN_PARAMETER,
    Door,
    host_name,
    new_token,
)
from thirtyfold.progress import Progress

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

# Few enough that a client on a slow line sees a recent picture, many enough to fill a fast one.
_SEND_BUFFER_BYTES = 128 * 1024
_BACKLOG = 64
# For the last frames to go out; who does not take them in time is cut off.
_GOODBYE_SECONDS = 1


class Server:
    """Listens from the start, answers as soon as its libraries are loaded, until :meth:`close`.

    ``build`` makes the site; it runs on the server's thread, as loading FastAPI takes as long as a model.
    Raises :class:`UsageError` for an address that is taken or not ours, and for a certificate that is wrong.
    """

    def __init__(self, options: PageOptions, build: Callable[[Door], ASGIApp]) -> None:
        self._options = options
        self._build = build
        _check_certificate(options)
        self._socket = _listening_socket(options)
        self.port: int = self._socket.getsockname()[1]
        self.door = _door(options, self.port)
        self.error: BaseException | None = None
        self._server: uvicorn.Server | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where the page is, for a person: ``http://127.0.0.1:8765/``."""
        name = _name_to_show(self._options.host)
        return f"{'https' if self.door.secure else 'http'}://{f'[{name}]' if ':' in name else name}:{self.port}/"

    @property
    def link(self) -> str:
        """The address with the token of this run."""
        return f"{self.address}?{TOKEN_PARAMETER}={self.door.token}"

    def close(self) -> None:
        """Say goodbye to everybody. May be called twice."""
        self._closing.set()
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            # Goes to the thread that shows: a page that cannot be must not look like a run that goes well.
            self.error = error

    def _serve(self) -> None:
        import uvicorn

        from thirtyfold.live.web.connections import Connections

        options = self._options
        config = uvicorn.Config(
            self._build(self.door),
            loop="asyncio",
            http=Connections().protocol,  # type: ignore[arg-type]  # called like the class it stands for
            ws="websockets-sansio",
            ws_max_size=MOST_FRAME_BYTES,
            # JPEG does not get smaller, and what unpacks can be a bomb.
            ws_per_message_deflate=False,
            lifespan="off",
            # Nothing is logged: addresses may hold the token.
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=round(REQUEST_SECONDS),
            timeout_graceful_shutdown=_GOODBYE_SECONDS,
            ssl_certfile=options.certificate,
            ssl_keyfile=options.certificate_key,
        )
        self._server = uvicorn.Server(config)
        if not self._closing.is_set():
            self._server.run(sockets=[self._socket])


def announce(
    server: Server,
    options: PageOptions,
    progress: Progress,
    *,
    what: str,
    shares: str,
) -> None:
    """Say the link, and what a person should know about it. ``shares``: what everybody who has it can do."""
    if host_name(options.host) not in LOOPBACK_NAMES:
        progress.say(
            f"--host {options.host}: everybody on the network who has this link {shares}"
            + ("" if options.certificate else ", and it travels unencrypted: only do this in a network you trust")
        )
    elif os.environ.get("SSH_CONNECTION"):
        progress.say(
            f"first, on the machine before you: ssh -L {server.port}:127.0.0.1:{server.port} {_this_machine()}"
        )
    progress.say(f"{what} in the browser: {server.link}")


def _door(options: PageOptions, port: int) -> Door:
    names = {*LOOPBACK_NAMES, *(name.lower() for name in options.names)}
    on_network = host_name(options.host) not in LOOPBACK_NAMES
    if on_network:
        machine = _this_machine().lower()
        names |= {options.host.lower().strip("[]"), machine, f"{machine}.local"}
    secure = options.certificate is not None
    return Door(token=new_token(), names=frozenset(names), port=port, any_address=on_network, secure=secure)


def _listening_socket(options: PageOptions) -> socket.socket:
    reason = ""
    # A port that a person named is not quietly another one.
    tries = (DEFAULT_PORT, 0) if options.port is None else (options.port,)
    for port in tries:
        try:
            return _bound(options.host, port)
        except OSError as error:
            reason = error.strerror or str(error)
    raise UsageError(
        f"--host {options.host} --port {tries[-1]}: cannot listen there ({reason}); "
        "give another one, or leave --port out for a free one"
    )


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":
            # There, SO_REUSEADDR would let two programs listen at one port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. What waits in the system's buffer is old by the time it arrives.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        listening.bind(address)
        # From now on browsers are kept waiting rather than turned away.
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _check_certificate(options: PageOptions) -> None:
    if options.certificate is None or options.certificate_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certificate, options.certificate_key, "")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--certificate {options.certificate} --certificate-key {options.certificate_key}: a certificate and its "
            f"key without a password, both in PEM files, were expected ({error})"
        ) from error


def _name_to_show(host: str) -> str:
    """The host as others call it: for "all addresses", the one by which this machine reaches the network."""
    if host.strip("[]") not in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not listened at
        return host.strip("[]")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only asks the system for its way to an address of documentation (RFC 5737).
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return _this_machine()


def _this_machine() -> str:
    return socket.gethostname() or "localhost"

"""Where a page is listened for; the same for live, review and capture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from thirtyfold.errors import UsageError


class Address(Protocol):
    """What :class:`~thirtyfold.live.web.server.Server` has to know."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def certificate(self) -> Path | None: ...
    @property
    def certificate_key(self) -> Path | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """``port`` is ``None`` for 8765 or, if that is taken, any free one. ``names`` are others that this machine is
    reached by; ``certificate`` and its key are for https.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None

    def __post_init__(self) -> None:
        check_address(self)


def check_address(address: Address) -> None:
    """Raises :class:`UsageError` for a port that cannot be, and for half a certificate."""
    if address.port is not None and not 0 <= address.port <= 65535:
        raise UsageError(f"--port {address.port}: a number from 0 (any free one) to 65535 was expected")
    if (address.certificate is None) != (address.certificate_key is None):
        raise UsageError("--certificate, --certificate-key: https needs both files")

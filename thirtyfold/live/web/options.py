"""Where the web server listens; the same for live, review and capture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.errors import UsageError
from thirtyfold.option import option

# Taken where nobody says a port, if it is free.
DEFAULT_PORT = 8765


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """The address of a page in the browser. ``names`` are allowed as a request's ``Host`` besides the usual ones."""

    host: str = option("127.0.0.1", help="web: listen here; `0.0.0.0` is the whole network.")
    port: int | None = option(None, help=f"web: at this port. [default: {DEFAULT_PORT}, or a free one]")
    names: tuple[str, ...] = option((), flag="--name", many=True, help="web: another name of this machine (a proxy's).")
    certificate: Path | None = option(None, help="web: https with this PEM file.")
    certificate_key: Path | None = option(None, help="web: and its key.")

    def __post_init__(self) -> None:
        if self.port is not None and not 0 <= self.port <= 65535:
            raise UsageError(f"--port {self.port}: a number from 0 (any free one) to 65535 was expected")
        if (self.certificate is None) != (self.certificate_key is None):
            raise UsageError("--certificate, --certificate-key: https needs both files")

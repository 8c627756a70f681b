"""What the locks hold, read for the scripts beside this one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RUNTIME = REPOSITORY / "requirements.lock"
DEVELOPMENT = REPOSITORY / "requirements-dev.lock"
# labelme, and what draws its windows: most of what an installation takes on the disk.
WINDOWS = frozenset(
    {"labelme", "pyqt5", "pyqt5-qt5", "pyqt5-sip", "pyside6", "pyside6-addons", "pyside6-essentials", "pyside6-pdf"}
    | {"pyside6-webengine", "shiboken6"}
)
# How a lock says that a package is never installed (see overrides.txt).
_NEVER = "sys_platform == 'never'"
_PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\]+?))? \\$")
_HASH = re.compile(r"^ +--hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One pinned package. ``marker`` says where it is installed ("": everywhere), ``sha256`` are those of its files."""

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]


def read_lock(path: Path) -> list[Locked]:
    """The packages of a lock in its order, without those that are never installed. Raises ``ValueError``."""
    found: list[Locked] = []
    pin: re.Match[str] | None = None
    digests: list[str] = []

    def close() -> None:
        if pin is not None:
            if not digests:
                raise ValueError(f"{path}: {pin['name']} has no hash")
            found.append(
                Locked(name=pin["name"], version=pin["version"], marker=pin["marker"] or "", sha256=tuple(digests))
            )

    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if match := _PIN.match(line):
            close()
            pin, digests = match, []
        elif match := _HASH.match(line):
            digests.append(match["digest"])
        elif line.strip():
            raise ValueError(f"{path}:{number}: neither a pinned package nor a hash: {line[:60]}")
    close()
    return [package for package in found if package.marker != _NEVER]


def locked_packages() -> tuple[list[Locked], list[Locked]]:
    """(what users get, what only developers get besides)."""
    runtime = read_lock(RUNTIME)
    theirs = {(package.name, package.version) for package in runtime}
    return runtime, [package for package in read_lock(DEVELOPMENT) if (package.name, package.version) not in theirs]


def requirements(packages: list[Locked]) -> str:
    """The packages as a lock again."""
    lines = []
    for package in packages:
        marker = f" ; {package.marker}" if package.marker else ""
        hashes = " \\\n".join(f"    --hash=sha256:{digest}" for digest in package.sha256)
        lines.append(f"{package.name}=={package.version}{marker} \\\n{hashes}\n")
    return "".join(lines)


if __name__ == "__main__":
    # For the Dockerfile: the lock without labelme's windows, which nobody could see there.
    print(requirements([package for package in read_lock(RUNTIME) if package.name not in WINDOWS]), end="")

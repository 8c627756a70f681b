"""How much of the disk each extra takes, as it is installed here: a table for docs/package.md.

    python scripts/sizes.py

Counted are the files that the packages' own records name, without what is compiled at the first run. An extra counts
what it brings besides what everybody has. One that is not installed is said to be missing, not guessed.
"""

from __future__ import annotations

import platform
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from locked import WINDOWS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Others ask for them, and the lock leaves them out (see overrides.txt).
NEVER = frozenset({"opencv-python-headless", "backports-strenum"})


def closure(name: str, extras: frozenset[str], found: dict[str, Distribution], missing: set[str]) -> None:
    """Add everything that the needs of a package lead to, here, to ``found``."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        missing.add(name)
        return
    for line in package.requires or ():
        need = Requirement(line)
        key = canonicalize_name(need.name)
        wanted = need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""})
        if wanted and key not in NEVER and key not in found and key not in missing:
            try:
                found[key] = distribution(key)
            except PackageNotFoundError:
                missing.add(key)
                continue
            closure(key, frozenset(need.extras), found, missing)


def megabytes(packages: dict[str, Distribution]) -> float:
    sizes = (
        path.stat().st_size
        for package in packages.values()
        for path in (package.locate_file(file) for file in package.files or () if file.suffix != ".pyc")
        if path.is_file()  # type: ignore[attr-defined]
    )
    return sum(sizes) / 1e6


def main() -> None:
    base: dict[str, Distribution] = {}
    closure("thirtyfold", frozenset(), base, set())
    windows = {key: value for key, value in base.items() if key in WINDOWS}
    without = {key: value for key, value in base.items() if key not in windows}
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}\n")
    print("| | packages | MB on the disk |\n|---|---|---|")
    print(f"| `thirtyfold` | {len(base)} | {megabytes(base):,.0f} |")
    print(f"| of it labelme and its windows | {len(windows)} | {megabytes(windows):,.0f} |")
    print(f"| without them, as in the container | {len(without)} | {megabytes(without):,.0f} |")
    for extra in sorted(distribution("thirtyfold").metadata.get_all("Provides-Extra") or ()):
        more: dict[str, Distribution] = {}
        missing: set[str] = set()
        closure("thirtyfold", frozenset({extra}), more, missing)
        more = {key: value for key, value in more.items() if key not in base}
        size = f"not installed here: {', '.join(sorted(missing)[:3])}, …" if missing else f"{megabytes(more):,.1f}"
        print(f"| extra `{extra}` | {len(more) or ''} | {size} |")


if __name__ == "__main__":
    main()

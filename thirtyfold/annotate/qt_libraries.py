"""The system libraries that labelme's windows need, and the command that brings the missing ones."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

# labelme 5 and 6 draw with PyQt5, labelme 7 with PySide6. What lies where in their wheels:
# the platform plugin, which asks for the most, and the library of the widgets.
_QT_FILES: dict[str, tuple[str, ...]] = {
    "PyQt5": ("Qt5/plugins/platforms/libqxcb.so", "Qt5/lib/libQt5Widgets.so.5"),
    "PySide6": ("Qt/plugins/platforms/libqxcb.so", "Qt/lib/libQt6Widgets.so.6"),
}

# Library file → Debian package, where the name does not follow from the rule in `debian_package`.
_DEBIAN_PACKAGES: dict[str, str] = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libstdc++.so.6": "libstdc++6",
    "libz.so.1": "zlib1g",
    "libgcc_s.so.1": "libgcc-s1",
}


def missing_libraries() -> list[str]:
    """File names of the system libraries that the installed Qt asks for and does not find, sorted.

    Empty where all is there, where Qt brings everything along (Windows, macOS), or where
    nothing can be told (no Qt, or no ``ldd``). Qt ends the whole process when one is
    missing (SIGABRT), so this has to be asked before.
    """
    if not sys.platform.startswith("linux"):
        return []
    missing: set[str] = set()
    for package, names in _QT_FILES.items():
        folder = _package_folder(package)
        if folder is not None:
            missing |= missing_for(*(folder / name for name in names))
    return sorted(missing)


def missing_for(*files: Path) -> set[str]:
    """What ``ldd`` does not find for these libraries and for everything they ask for."""
    ldd = shutil.which("ldd")
    present = [str(path) for path in files if path.is_file()]
    if ldd is None or not present:
        return set()
    result = subprocess.run([ldd, *present], capture_output=True, text=True, check=False, timeout=60)
    return parse_ldd(result.stdout)


def parse_ldd(output: str) -> set[str]:
    """The libraries that ``ldd`` printed as ``NAME => not found``."""
    return set(re.findall(r"^\s*(\S+) => not found", output, re.MULTILINE))


def debian_package(library: str) -> str:
    """The Debian and Ubuntu package of a library file: ``libxcb-icccm.so.4`` → ``libxcb-icccm4``."""
    if library in _DEBIAN_PACKAGES:
        return _DEBIAN_PACKAGES[library]
    # Debian's rule: the name and the number of the interface, with a hyphen after a digit.
    name, _, version = library.partition(".so.")
    joint = "-" if name[-1:].isdigit() else ""
    return f"{name}{joint}{version}".lower()


def mend(libraries: Iterable[str], *, has_apt: bool | None = None) -> str:
    """The one command that brings ``libraries``; their plain names where there is no apt."""
    libraries = sorted(libraries)
    if shutil.which("apt-get") is not None if has_apt is None else has_apt:
        packages = dict.fromkeys(debian_package(library) for library in libraries)
        return f"sudo apt-get install -y {' '.join(packages)}"
    return f"install, by your system's package manager, what holds {' '.join(libraries)}"


def _package_folder(name: str) -> Path | None:
    # `find_spec` of a top-level package looks at the disk and imports nothing.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))

"""The licences of everything that the locks hold, from the packages' own metadata, into docs/licences.md.

    python scripts/licences.py [--check]

Run it in the environment that ``scripts/setup.sh`` makes. What is not installed here, because it belongs to another
system or another Python, is taken from ``ELSEWHERE`` below. ``--check`` writes nothing and fails where the page is
out of date, or where a licence is one that we must not import.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from locked import REPOSITORY, Locked, locked_packages

PAGE = REPOSITORY / "docs" / "licences.md"
# Packages for other systems and other Pythons, as their own pages have it; and what has no word in its metadata.
ELSEWHERE = {
    "appnope": "BSD-2-Clause",
    "cffi": "MIT-0",
    "namex": "Apache-2.0",
    "pycparser": "BSD-3-Clause",
    "pyside6": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "pyside6-addons": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "pyside6-essentials": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "pyside6-pdf": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "pyside6-webengine": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "ruamel-yaml": "MIT",
    "shiboken6": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "tensorflow": "Apache-2.0",
    "tensorflow-cpu": "Apache-2.0",
    "win32-setctime": "MIT",
}
# Why a package under a copyleft licence may stand in the lock. `import-linter` and a test see to it that it is so.
LAUNCHED = {
    "labelme": "a program that `thirtyfold annotate` starts; never imported",
    "pyqt5": "labelme's windows, in labelme's own process; never imported",
    "pyqt5-qt5": "labelme's windows, in labelme's own process; never imported",
    "pyside6": "labelme's windows from Python 3.12, in labelme's own process; never imported",
    "pyside6-addons": "as pyside6",
    "pyside6-essentials": "as pyside6",
    "pyside6-pdf": "as pyside6",
    "pyside6-webengine": "as pyside6",
    "shiboken6": "as pyside6",
}
_COPYLEFT = re.compile(r"\b(A|L)?GPL", re.IGNORECASE)
# Long names of classifiers and free text, as SPDX has them.
_SPDX = (
    (r"MIT License|^MIT license", "MIT"),
    (r"Apache.*|^Apache Software License", "Apache-2.0"),
    (r"Mozilla Public License 2\.0.*", "MPL-2.0"),
    (r"ISC License.*|^ISC license", "ISC"),
    (r"Python Software Foundation License|^PSFL$", "PSF-2.0"),
    (r"^GPL v3|GNU General Public License v3.*", "GPL-3.0-only"),
    (r"^LGPL v3", "LGPL-3.0-only"),
    (r"3-Clause BSD License|BSD 3-Clause( License)?", "BSD-3-Clause"),
    (r"BSD 2-Clause License|FreeBSD", "BSD-2-Clause"),
    (r"^BSD License$|^BSD$", "BSD"),
)


def licence_of(distribution: importlib.metadata.Distribution) -> str:
    """The licence as the metadata has it: an SPDX expression, a short text, or a classifier; "" if it has none."""
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    text = str(metadata.get("License") or "").strip()
    # Many put the whole text there, or UNKNOWN; then the classifier says more.
    if not text or "\n" in text or text == "UNKNOWN":
        classifiers = [str(line) for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
        text = " AND ".join(sorted(line.rsplit(" :: ", 1)[-1] for line in classifiers))
    for pattern, name in _SPDX:
        if re.fullmatch(pattern.replace("^", "").replace("$", ""), text):
            return name
    return text


def find_licence(package: Locked, known: dict[tuple[str, str], str]) -> str:
    """From the metadata of this version, else from the table above, else from that of another version."""
    # Installed under some Pythons and systems only: once on the page it stays, so that all of them write the same.
    if package.marker and (written := known.get((package.name, package.version))):
        return written
    try:
        distribution = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError:
        return ELSEWHERE.get(package.name, "")
    licence = licence_of(distribution)
    return licence if licence and distribution.version == package.version else ELSEWHERE.get(package.name) or licence


def rows_of(text: str) -> dict[tuple[str, str], str]:
    """(name, version) → licence, of the page as it is."""
    rows = re.findall(r"^\| ([\w-]+) \| ([^|]+) \| ([^|]+) \|", text, re.MULTILINE)
    return {(name, version.strip()): licence.strip() for name, version, licence in rows if name != "package"}


def problems_of(packages: Iterable[Locked], licences: dict[tuple[str, str], str]) -> list[str]:
    """What must not be: a package without a licence, or a copyleft one that nobody has explained."""
    found = []
    for package in packages:
        licence = licences[(package.name, package.version)]
        if not licence:
            found.append(
                f"{package.name} {package.version}: no licence in its metadata; look it up, add it to ELSEWHERE"
            )
        elif _COPYLEFT.search(licence) and package.name not in LAUNCHED:
            found.append(f"{package.name} {package.version}: {licence}; what we import must not be under it")
    return found


def page(runtime: list[Locked], development: list[Locked], licences: dict[tuple[str, str], str]) -> str:
    def table(packages: list[Locked]) -> str:
        lines = ["| package | version | licence | |", "|---|---|---|---|"]
        for package in packages:
            licence = licences[(package.name, package.version)]
            note = LAUNCHED.get(package.name, "")
            lines.append(f"| {package.name} | {package.version} | {licence} | {note} |")
        return "\n".join(lines)

    return f"""# Licences

thirtyfold itself is under the MIT licence. This page lists what it stands on: every package of the two locks,
with the licence that its own metadata names. `python scripts/licences.py` writes it, and a test fails when it is out
of date.

**No GPL code is imported.** labelme is under the GPL, and so is PyQt5, which draws its windows (Qt itself is LGPL).
They are programs beside ours: `thirtyfold annotate` starts labelme as a process of its own and talks to it through
files. Without them everything else works, and `annotate --view web` draws boxes in the browser. The import-linter
refuses `import labelme`, and a test walks the whole road and finds none of them loaded.

The extra `gpu` brings NVIDIA's libraries besides. They are not free software, are in neither lock, and come under
NVIDIA's own terms. ImageNet weights and YuNet's file are fetched when they are first asked for, and come under the
terms of those who made them.

## What users get

{table(runtime)}

## What only developers get

{table(development)}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="The licences of what the locks hold, into docs/licences.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is out of date")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page [default: docs/licences.md]")
    arguments = parser.parse_args()
    text = arguments.page.read_text(encoding="utf-8") if arguments.page.exists() else ""
    known = rows_of(text)
    runtime, development = locked_packages()
    packages = [*runtime, *development]
    licences = {(package.name, package.version): find_licence(package, known) for package in packages}
    problems = problems_of(packages, licences)
    wanted = page(runtime, development, licences)
    if arguments.check and wanted != text:
        problems.append(f"{arguments.page.name} is out of date; run: python scripts/licences.py")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems and not arguments.check:
        arguments.page.write_text(wanted, encoding="utf-8", newline="\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())

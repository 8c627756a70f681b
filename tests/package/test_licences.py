"""The list of licences: up to date, and nothing under the GPL that we would import."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from tests.package.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "licences.md"


def test_the_page_is_what_the_script_writes_and_nothing_on_it_is_forbidden() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/licences.py", "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_locked_package_has_a_licence_on_the_page(script: Callable[[str], ModuleType]) -> None:
    rows = script("licences").rows_of(PAGE.read_text(encoding="utf-8"))
    runtime, besides = script("locked").locked_packages()
    assert set(rows) == {(package.name, package.version) for package in [*runtime, *besides]}
    assert all(rows.values())


def test_only_labelme_and_its_windows_are_under_the_gpl(script: Callable[[str], ModuleType]) -> None:
    rows = script("licences").rows_of(PAGE.read_text(encoding="utf-8"))
    copyleft = {name for (name, _), licence in rows.items() if "GPL" in licence}
    assert copyleft == set(script("licences").LAUNCHED)
    assert not [licence for licence in rows.values() if "AGPL" in licence]
    needed = {name.removesuffix("-essentials").removesuffix("-qt5") for name in copyleft}
    ours = [path for path in (REPOSITORY / "thirtyfold").rglob("*.py") if "live/web/page" not in path.as_posix()]
    for path in ours:
        imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not needed & {name.lower() for name in imported}, path


@pytest.mark.parametrize("licence", ["AGPL-3.0-only", "GNU General Public License v3 (GPLv3)", "LGPL-2.1-or-later", ""])
def test_a_licence_that_must_not_be_is_found(licence: str, script: Callable[[str], ModuleType]) -> None:
    package = script("locked").Locked(name="somebody", version="1", marker="", sha256=("0" * 64,))
    assert len(script("licences").problems_of([package], {("somebody", "1"): licence})) == 1
    assert not script("licences").problems_of([package], {("somebody", "1"): "BSD-3-Clause"})

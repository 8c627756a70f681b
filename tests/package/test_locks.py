"""The locks: whole, without an address, and without anything that reports to somebody."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.package.conftest import REPOSITORY

LOCKS = ("requirements.lock", "requirements-dev.lock")
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
# What sends figures, errors or traces to somebody. FastAPI brings OpenTelemetry's names, which alone send nothing.
REPORTERS = re.compile(
    r"^(sentry|posthog|segment|analytics|mixpanel|datadog|ddtrace|newrelic|opentelemetry-(sdk|exporter))"
)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_hash_and_no_address_is_named(
    name: str, script: Callable[[str], ModuleType]
) -> None:
    assert len(script("locked").read_lock(REPOSITORY / name)) > 90
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index|--find-links| @ ", text)


def test_the_locks_hold_everything_that_the_project_asks_for(script: Callable[[str], ModuleType]) -> None:
    runtime, besides = script("locked").locked_packages()
    for wanted, locked in (
        (PYPROJECT["project"]["dependencies"], runtime),
        (PYPROJECT["dependency-groups"]["dev"], [*runtime, *besides]),
        # The extras that the tests use; CUDA's libraries are the machine's own affair.
        (PYPROJECT["project"]["optional-dependencies"]["cluster"], [*runtime, *besides]),
        (PYPROJECT["project"]["optional-dependencies"]["medical"], [*runtime, *besides]),
    ):
        for line in wanted:
            need = Requirement(line)
            versions = [package.version for package in locked if package.name == canonicalize_name(need.name)]
            assert versions, f"{need.name} is not locked; run `make lock`"
            assert all(need.specifier.contains(version) for version in versions), (line, versions)


def test_nothing_in_the_locks_reports_to_anybody(script: Callable[[str], ModuleType]) -> None:
    runtime, besides = script("locked").locked_packages()
    assert [package.name for package in [*runtime, *besides] if REPORTERS.match(package.name)] == []


def test_a_lock_that_was_tampered_with_is_refused(tmp_path: Path, script: Callable[[str], ModuleType]) -> None:
    lock = tmp_path / "requirements.lock"
    for text, complaint in (
        ("numpy==2.4.6 \\\n", "has no hash"),
        ("numpy==2.4.6\n", "neither a pinned package"),
        ("--index-url somewhere\n", "neither a pinned package"),
    ):
        lock.write_text(text)
        with pytest.raises(ValueError, match=complaint):
            script("locked").read_lock(lock)


def test_the_containers_lock_is_ours_without_labelmes_windows(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    locked = script("locked")
    everything = locked.read_lock(REPOSITORY / "requirements.lock")
    left = [package for package in everything if package.name not in locked.WINDOWS]
    written = tmp_path / "container.lock"
    written.write_text(locked.requirements(left))
    assert locked.read_lock(written) == left
    assert len(everything) > len(left) > 90


def test_every_exception_of_the_audit_is_explained() -> None:
    lines = (REPOSITORY / "audit-exceptions.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert not line or line.startswith("#") or re.match(r"^(CVE|GHSA|PYSEC)-[\w-]+ .{20,}$", line), line

"""The list of all parts: valid CycloneDX, every part with its purl and hashes, the same bytes every time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.package.conftest import EPOCH, REPOSITORY
from thirtyfold import __version__


def write(out: Path, *more: str) -> str:
    command = [sys.executable, "scripts/sbom.py", "--out", str(out), *more]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, env=environment)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("sbom") / "one.json")


def test_the_list_is_valid_and_names_every_package_of_the_lock(text: str, script: Callable[[str], ModuleType]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    runtime, _ = script("locked").locked_packages()
    parts = {(part["name"], part["version"]): part for part in bom["components"]}
    assert set(parts) == {(package.name, package.version) for package in runtime}
    for package in runtime:
        part = parts[(package.name, package.version)]
        assert part["purl"] == f"pkg:pypi/{package.name}@{package.version}"
        assert {hash_["content"] for hash_ in part["hashes"]} == set(package.sha256)
        assert part["licenses"]
    assert bom["metadata"]["component"]["version"] == __version__
    assert not re.search(r"https?://(?!cyclonedx)", text), "an address slipped in"


def test_the_same_lock_gives_the_same_bytes(text: str, tmp_path: Path) -> None:
    assert write(tmp_path / "two.json") == text


def test_what_only_developers_get_is_added_where_that_is_asked_for(script: Callable[[str], ModuleType]) -> None:
    runtime, besides = script("locked").locked_packages()
    assert len(script("sbom").make_bom(development=True).components) == len(runtime) + len(besides)


def test_a_list_that_is_not_valid_is_told_apart(text: str) -> None:
    bom = json.loads(text)
    bom["components"][0]["hashes"][0]["content"] = "not a hash"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom)) is not None

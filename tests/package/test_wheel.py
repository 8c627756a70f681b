"""The wheel and the sdist: what is in them, that it is always the same, and that it runs where nothing of ours lies."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path, PurePosixPath

import pytest

from tests.package.conftest import REPOSITORY, Built, Installed, build
from thirtyfold import __version__

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def files_of_the_package() -> set[str]:
    """Everything under thirtyfold/ that is no leftover of running it."""
    paths = [path.relative_to(REPOSITORY) for path in (REPOSITORY / "thirtyfold").rglob("*") if path.is_file()]
    return {path.as_posix() for path in paths if not any(part.startswith((".", "__pycache__")) for part in path.parts)}


def test_the_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
    inside = {name for name in names if name.startswith("thirtyfold/")}
    assert inside == files_of_the_package()
    assert "thirtyfold/py.typed" in inside
    # The pages that the program serves and fills in.
    assert {".css", ".js", ".html", ".py"} <= {PurePosixPath(name).suffix for name in inside}
    assert {name.split("/")[0] for name in names - inside} == {f"thirtyfold-{__version__}.dist-info"}


def test_the_wheel_says_who_it_is(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        metadata = message_from_bytes(wheel.read(f"thirtyfold-{__version__}.dist-info/METADATA"))
        entry_points = wheel.read(f"thirtyfold-{__version__}.dist-info/entry_points.txt").decode()
    assert metadata["Version"] == __version__ == PROJECT["version"]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert set(metadata.get_all("Provides-Extra")) == {"gpu", "cluster", "medical"}
    assert re.findall(r"^(\w+) = thirtyfold\.cli:main$", entry_points, re.MULTILINE) == ["thirtyfold", "tool"]


def test_the_same_tree_gives_the_same_bytes_by_way_of_the_sdist_or_not(built: Built, tmp_path: Path) -> None:
    build(tmp_path, "--wheel")
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == built.wheel.name
    assert wheel.read_bytes() == built.wheel.read_bytes()


def test_the_sdist_has_what_it_takes_to_build_and_test_it(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert files_of_the_package() <= names
    wanted = ["pyproject.toml", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "ARCHITECTURE.md"]
    wanted += ["requirements.lock", "requirements-dev.lock", "overrides.txt", "Dockerfile", "mkdocs.yml"]
    wanted += ["tests/conftest.py", "scripts/setup.sh", "docs/python.md", "examples/from_photos_to_model.ipynb"]
    assert set(wanted) - names == set()
    tops = {name.split("/")[0] for name in names}
    assert not tops & {".git", ".venv", ".ci", "runs", "demo", "build", "dist", ".mypy_cache", ".hypothesis"}
    assert not [
        name for name in names if "__pycache__" in name or (name.startswith("datasets/") and "README" not in name)
    ]


def test_the_installed_commands_answer(installed: Installed, tmp_path: Path) -> None:
    for program in ("thirtyfold", "tool"):
        assert installed.run(program, "--version", cwd=tmp_path).stdout == f"thirtyfold {__version__}\n"
    shown = installed.run("thirtyfold", "--help", cwd=tmp_path).stdout
    assert "capture" in shown
    where = installed.run("python", "-c", "import thirtyfold; print(thirtyfold.__file__)", cwd=tmp_path).stdout
    assert Path(where.strip()).is_relative_to(installed.python.parents[1]), "our source was found, not the wheel"


@pytest.mark.slow
def test_the_installed_doctor_finds_everything_it_needs(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("thirtyfold", "doctor", "--json", cwd=tmp_path)
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert {name for name, check in checks.items() if check["ok"] is False} <= {"labelme"}, done.stdout
    assert checks["TensorFlow"]["ok"]


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "thirtyfold", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"thirtyfold {__version__}\n"

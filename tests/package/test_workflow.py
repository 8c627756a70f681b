"""What runs at GitHub: valid, allowed to write nothing, and the same commands as `make test`."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.package.conftest import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.y*ml"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> Any:
    return yaml.safe_load(request.param.read_text(encoding="utf-8"))


def steps(workflow: Any, job: str | None = None) -> list[Any]:
    return [step for name, found in workflow["jobs"].items() if job in (None, name) for step in found["steps"]]


def lines_of(workflow: Any, job: str | None = None) -> list[str]:
    return [line for step in steps(workflow, job) for line in step.get("run", "").splitlines()]


def recipe(target: str) -> list[str]:
    """The lines of a target of the Makefile, its variables filled in, without the folder of its virtual environment."""
    values = dict(re.findall(r"^(\w+) \?= (.*)$", MAKEFILE, re.MULTILINE))
    block = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert block is not None, target
    lines = [line.strip().removeprefix("$(BIN)/") for line in block.group(1).splitlines()]
    return [re.sub(r"\$\((\w+)\)", lambda found: values.get(found.group(1), found.group(0)), line) for line in lines]


def test_it_is_read_as_github_reads_it(workflow: Any) -> None:
    # YAML 1.1 takes a bare `on` for true, and so does this reader; GitHub's does not.
    assert set(workflow) <= {"name", True, "permissions", "concurrency", "jobs", "env"}
    for job in workflow["jobs"].values():
        assert {"runs-on", "steps", "timeout-minutes"} <= set(job)
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), step


def test_it_may_read_and_nothing_else(workflow: Any) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    text = "\n".join(lines_of(workflow))
    assert "secrets." not in text
    # What somebody calls a branch or a pull request must not become a command.
    assert not re.search(r"\$\{\{\s*github\.(event|head_ref)", text)
    assert all(
        step["with"]["persist-credentials"] is False for step in steps(workflow) if "checkout" in step.get("uses", "")
    )


def test_actions_are_githubs_own_and_of_a_version(workflow: Any) -> None:
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})", step["uses"])


def test_it_runs_on_every_system_and_python_that_we_name(workflow: Any) -> None:
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert 'requires-python = ">=3.11,<3.14"' in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert not [system for system in matrix["system"] if system.endswith("latest")]


def test_it_runs_what_make_test_runs_and_installs_what_setup_installs(workflow: Any) -> None:
    lines = lines_of(workflow, "test")
    assert lines[-5:] == recipe("test")
    setup = (REPOSITORY / "scripts" / "setup.sh").read_text(encoding="utf-8")
    installs = re.findall(r'^"\$venv/bin/python" (-m pip install .*)$', setup, re.MULTILINE)
    assert [line.removeprefix("python ") for line in lines if "pip install" in line] == installs


def test_every_target_that_it_makes_is_there(workflow: Any) -> None:
    wanted = {match for line in lines_of(workflow) for match in re.findall(r"\bmake ([\w-]+)", line)}
    assert wanted >= {"package", "sbom", "audit"}
    phony = re.search(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    for target in wanted:
        assert recipe(target)
        assert target in phony.group(1).split()


def test_no_script_that_it_runs_is_missing(workflow: Any) -> None:
    for script in re.findall(r"\b(scripts/[\w.]+)", "\n".join(lines_of(workflow))):
        assert (REPOSITORY / script).is_file()

"""The Dockerfile, looked at without Docker: a version for everything, no root at the end, nothing fetched and run."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from tests.package.conftest import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
# https://docs.docker.com/reference/dockerfile/
KNOWN = {
    "FROM", "RUN", "CMD", "LABEL", "EXPOSE", "ENV", "COPY", "ENTRYPOINT", "VOLUME", "USER", "WORKDIR", "ARG", "SHELL",
    "HEALTHCHECK", "STOPSIGNAL",
}  # fmt: skip


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, the rest), continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            found.append((name, rest.strip()))
    return found


def problems_of_command(command: str) -> list[str]:
    """One of the commands of a RUN."""
    found = []
    if re.search(r"(curl|wget).*\|\s*\w*sh\b|\bsudo\b", command):
        found.append(f"fetches and runs: {command}")
    if "pip install" in command and not re.search(r"--require-hashes|--no-index", command):
        found.append(f"installs what has no hash: {command}")
    if "apt-get install" in command and "--no-install-recommends" not in command:
        found.append(f"installs more than is needed: {command}")
    return found


def problems_of_instruction(name: str, rest: str) -> list[str]:
    if name == "FROM" and not re.search(r":\d+\.\d+", rest.split(maxsplit=1)[0]):
        return [f"{rest.split(maxsplit=1)[0]} has no version"]
    if name == "RUN":
        kept = ["keeps apt's lists"] if "apt-get update" in rest and "rm -rf /var/lib/apt/lists/*" not in rest else []
        return kept + [problem for command in rest.split("&&") for problem in problems_of_command(command.strip())]
    # In the other form a shell stands between: no signal arrives, and Ctrl-C does nothing.
    if name in ("ENTRYPOINT", "CMD") and not rest.startswith('["'):
        return [f"{name} is no list"]
    if name == "ENV" and re.search(r"(TOKEN|PASSWORD|SECRET|KEY)\s*=", rest):
        return ["a secret in ENV"]
    return [] if name in KNOWN else [f"unknown instruction {name}"]


def problems(text: str) -> list[str]:
    """What is wrong with a Dockerfile, as far as one can see without building it."""
    steps = instructions(text)
    found = [problem for name, rest in steps for problem in problems_of_instruction(name, rest)]
    last_stage = steps[max(number for number, (name, _) in enumerate(steps) if name == "FROM") :]
    users = [rest for name, rest in last_stage if name == "USER"]
    if not users or users[-1] in ("root", "0"):
        found.append("runs as root")
    if "ENTRYPOINT" not in dict(last_stage):
        found.append("has no ENTRYPOINT")
    return found


def test_nothing_is_wrong_with_it() -> None:
    assert problems(DOCKERFILE) == []
    assert ("ENTRYPOINT", '["thirtyfold"]') in instructions(DOCKERFILE)


@pytest.mark.parametrize(
    ("line", "instead", "complaint"),
    [
        ("FROM python:3.12.11-slim-bookworm\n", "FROM python:latest\n", "no version"),
        ("USER thirtyfold", "USER root", "runs as root"),
        ("RUN useradd", "RUN curl -s somewhere | sh && useradd", "fetches and runs"),
        (" --no-install-recommends", "", "more than is needed"),
        ("rm -rf /var/lib/apt/lists/*", "true", "apt's lists"),
        ('ENTRYPOINT ["thirtyfold"]', "ENTRYPOINT thirtyfold", "no list"),
        ("WORKDIR /work\n", "WORKDIRR /work\n", "unknown instruction"),
        (" --require-hashes", "", "no hash"),
    ],
    ids=["no version", "root", "curl", "recommended packages", "lists", "a shell between", "misspelt", "no hashes"],
)
def test_what_would_be_wrong_is_found(line: str, instead: str, complaint: str) -> None:
    assert line in DOCKERFILE
    assert any(complaint in problem for problem in problems(DOCKERFILE.replace(line, instead)))


def test_the_system_libraries_are_those_that_opencv_needs() -> None:
    script = (REPOSITORY / "scripts" / "system_libraries.sh").read_text(encoding="utf-8")
    block = re.search(r"missing=\$\(needs <<'LIBRARIES'\n(.*?)\nLIBRARIES", script, re.DOTALL)
    assert block is not None
    needed = [line.split()[1] for line in block.group(1).splitlines()]
    installed = re.search(
        r"--no-install-recommends ([\w. -]+?) +&&", " ".join(rest for _, rest in instructions(DOCKERFILE))
    )
    assert installed is not None
    assert installed.group(1).split() == needed


def test_what_it_copies_is_let_in_and_nothing_else_is() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = [rest.split()[:-1] for name, rest in instructions(DOCKERFILE) if name == "COPY" and "--from" not in rest]
    assert sorted(f"!{path}" for paths in copied for path in paths) == sorted(rules[1:])
    for path in (path for paths in copied for path in paths if not path.startswith("dist/")):
        assert (REPOSITORY / PurePosixPath(path)).is_file()


def test_no_page_of_it_is_open_to_the_network_unless_that_is_asked_for() -> None:
    from thirtyfold.live.options import LiveOptions

    assert LiveOptions().host == "127.0.0.1"
    assert not [rest for name, rest in instructions(DOCKERFILE) if name == "EXPOSE" or "0.0.0.0" in rest]  # noqa: S104

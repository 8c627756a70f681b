"""The command line and what is written about it say the same."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from thirtyfold.cli import app

README = Path(__file__).parents[1] / "README.md"
COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]


def test_every_command_stands_in_the_readme() -> None:
    named = re.findall(
        r"`(\w+)`", "\n".join(line for line in README.read_text().splitlines() if line.startswith("| `"))
    )
    assert set(COMMANDS) <= set(named)


def test_every_command_is_listed_with_a_whole_sentence() -> None:
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\S.*\.$", listed, re.MULTILINE), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_explained(name: str) -> None:
    output = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "100"}).output
    for line in output.splitlines():
        if match := re.match(r"  (-\S.*?)(?:  +(\S.*))?$", line):
            explained = match.group(2) or ""
            following = output.split(line, 1)[1].lstrip("\n").splitlines()[:1]
            assert explained or (following and following[0].startswith("      ")), line

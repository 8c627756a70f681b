"""Every shell line of README.md and docs/: run where it can be, parsed where it cannot, and never forgotten."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.prepared import Prepared
from tests.docs.shell_blocks import REPOSITORY, Block, Command, blocks_of, given, matches, pages, short, slipped_through
from thirtyfold.cli import app, main

PAGES = pages()
RUN_PAGES = [page for page in PAGES if any(block.is_run for block in blocks_of(page))]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("prepared"))


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_shell_block_says_whether_it_is_run(page: Path) -> None:
    unmarked = [
        block.where for block in blocks_of(page) if block.is_shell and not (block.is_run or block.reason_not_run)
    ]
    assert not unmarked, "put <!-- run --> or <!-- not run: why --> before them (tests/docs/shell_blocks.py)"


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_nothing_to_type_stands_outside_of_a_shell_block(page: Path) -> None:
    assert slipped_through(page) == []


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_no_option_is_misspelt(page: Path) -> None:
    for block in blocks_of(page):
        for command in block.commands() if block.is_shell else ():
            words = command.words
            if command.is_ours:
                _parse(block, words[1:])
            elif words[0] == "make":
                makefile = (REPOSITORY / "Makefile").read_text()
                for target in words[1:]:
                    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"{block.where}: {target}"
            elif words[0] in ("python", ".venv/bin/python") and words[1].startswith(("benchmarks/", "scripts/")):
                code = (REPOSITORY / words[1]).read_text()
                for option in (word.partition("=")[0] for word in words[2:] if word.startswith("--")):
                    assert f'"{option}"' in code, f"{block.where}: {words[1]} has no {option}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in RUN_PAGES if "fr" not in page.parts], ids=short)
def test_the_lines_of_a_page_do_what_it_says(
    page: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DISPLAY", raising=False)
    visits = count()
    for what in given(page):
        prepared.give(what, tmp_path)
    blocks = blocks_of(page)
    for block in blocks:
        if block.file_name:
            (tmp_path / block.file_name).write_text(block.text, encoding="utf-8")
    for block in blocks:
        if not (block.is_shell and block.is_run):
            continue
        commands = list(block.commands())
        for command in commands:
            visit = next(visits) if "{n}" in block.marker else 0
            code, printed = _do(block, command, visit)
            wanted = block.exit_code if command is commands[-1] else 0
            assert code == wanted, f"{block.where}: {command.text}\nended with {code}:\n{printed[-2000:]}"
            if command.printed and command.printed.strip():
                assert matches(printed, command.printed, any_of=block.any_of), (
                    f"{block.where}: {command.text}\nprinted\n{printed}\nand not\n{command.printed}"
                )


def test_the_french_tutorial_has_the_same_lines_to_type() -> None:
    english, french = (
        [
            (command.text.partition("  #")[0].strip(), command.printed and command.printed.strip())
            for block in blocks_of(REPOSITORY / "docs" / name)
            if block.is_shell
            for command in block.commands()
        ]
        for name in ("tutorial.md", "fr/tutoriel.md")
    )
    assert english == french


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def _parse(block: Block, arguments: list[str]) -> None:
    """Take the command line apart as the program does, without doing anything."""
    root = _root()
    try:
        context = root.make_context("thirtyfold", list(arguments) or ["--version"])
        _, command, rest = root.resolve_command(context, [*context._protected_args, *context.args])
        command.make_context(command.name, rest, parent=context)
    except SystemExit:
        assert {"--help", "--version"} & set(arguments) or not arguments, f"{block.where}: {arguments}"
    except Exception as error:
        if type(error).__name__ != "Exit":  # what --help and --version end with
            pytest.fail(f"{block.where}: thirtyfold {' '.join(arguments)}: {error}")


def _do(block: Block, command: Command, visit: int) -> tuple[int, str]:
    """Run one line. Ours runs in this process: TensorFlow takes seconds to start, and once is enough."""
    if not command.is_ours:
        done = subprocess.run(
            ["sh", "-c", command.text], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        return done.returncode, done.stdout + done.stderr
    more = [option.replace("{n}", str(visit)) for option in block.more.get(command.words[1], ())]
    arguments = [*command.words[1:], *more]
    printed = io.StringIO()
    code: Any = 0
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code or 0
    return code, printed.getvalue()

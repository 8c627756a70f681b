"""docs/cli.md: every command, argument, option, default and exit code, written from the program itself.

    python scripts/cli_reference.py            # write it
    python scripts/cli_reference.py --check    # exit code 1 if it is out of date

A test runs the check, so the page cannot fall behind the program.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from thirtyfold import errors
from thirtyfold.cli import app

Parameter = TyperArgument | TyperOption

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"

INTRODUCTION = """\
# Every command and option

<!-- Written by scripts/cli_reference.py from the program itself: change the help there, not here. -->

`thirtyfold` and `tool` are the same program. `thirtyfold COMMAND --help` prints what stands here.

- `DATASET` is a folder; left out, it is `datasets/faces`.
- `RUN` is a folder like `runs/detect/1`, its short form `detect/1`, or `latest`, the newest one.
- What a command found goes to standard output, what it is doing to standard error. With `--json` the first is one JSON
  value, for programs.
"""

EXIT_CODES_HEAD = """\
## Exit codes

| code | when |
|---|---|
| 0 | done |
| 1 | a bug in the program, with its traceback: please report it |
"""

# What a code means to the person who reads it. The numbers come from the program, and one without a line here fails.
MEANING = {
    "UsageError": "an option or argument that cannot be",
    "NothingToDo": "nothing to do: the work is done already, or there is none",
    "DataError": "a photo, a label, a split or a whole dataset is wrong",
    "CameraError": "no camera, a camera in use, a stream that died",
    "ModelError": "a run folder or model file is wrong",
    "NotInstalledError": "a program, library, screen or file of weights is missing",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit code 1 if the page is out of date.")
    checking = parser.parse_args().check
    wanted = reference()
    if checking:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
            sys.stderr.write(f"{PAGE}: not what the program says; run `python scripts/cli_reference.py`\n")
            return 1
        return 0
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


def reference() -> str:
    """The whole page, Markdown."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)  # noqa: S101 - for the type checker
    pieces = [INTRODUCTION, _contents(root)]
    pieces += [_chapter(name, command) for name, command in root.commands.items()]
    pieces.append(EXIT_CODES_HEAD + "".join(_exit_codes()))
    return "\n".join(pieces)


def _contents(root: TyperGroup) -> str:
    rows = [f"| [`{name}`](#{name}) | {_first_sentence(command)} |\n" for name, command in root.commands.items()]
    return "| command | does |\n|---|---|\n" + "".join(rows)


def _chapter(name: str, command: TyperCommand) -> str:
    context = typer.Context(command, info_name=f"thirtyfold {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {name}\n\n{_cell(command.help or '')}\n\n```text\nthirtyfold {name} {usage}\n```\n"]
    arguments = [param for param in command.params if isinstance(param, TyperArgument)]
    options = [param for param in command.params if isinstance(param, TyperOption) and not param.hidden]
    if arguments:
        lines.append("| argument | default | |\n|---|---|---|")
        lines += [_row(f"`{param.make_metavar(context)}`", param) for param in arguments]
        lines.append("")
    lines.append("| option | default | |\n|---|---|---|")
    lines += [_row(_spelled(param, context), param) for param in options]
    if isinstance(command, TyperGroup):
        lines += ["", *(_chapter(f"{name} {inner}", below) for inner, below in command.commands.items())]
    return "\n".join(lines) + "\n"


def _row(name: str, param: Parameter) -> str:
    said, explained = _default_and_help(param)
    return f"| {name} | {said} | {_cell(explained)} |"


def _spelled(option: TyperOption, context: typer.Context) -> str:
    names = [f"`{name}`" for name in (*option.opts, *option.secondary_opts)]
    if option.is_flag:
        return ", ".join(names)
    names[0] = f"`{option.opts[0]} {option.make_metavar(context)}`"
    return ", ".join(names)


def _default_and_help(param: Parameter) -> tuple[str, str]:
    """The default and the help. A default that only words can say stands in the help, as `[default: …]`."""
    explained = getattr(param, "help", None) or ""
    if said := re.search(r"\s*\[default: (.*)\]$", explained):
        return _cell(said.group(1)), explained[: said.start()]
    default = param.default
    if isinstance(param, TyperOption) and param.is_flag:
        if not param.secondary_opts:
            return "", explained
        return f"`{(param.opts if default else param.secondary_opts)[0]}`", explained
    if callable(default) or default in (None, "", (), []) or "UNSET" in repr(default):
        return "", explained
    return f"`{default.value if isinstance(default, Enum) else default}`", explained


def _first_sentence(command: TyperCommand) -> str:
    return _cell(re.split(r"(?<=\.) ", command.help or "", maxsplit=1)[0])


def _exit_codes() -> Iterator[str]:
    for kind in errors.ThirtyfoldError.__subclasses__():
        yield f"| {kind.exit_code} | {MEANING[kind.__name__]} |\n"
    yield "| 130 | stopped with Ctrl-C |\n"
    yield "| 141 | whoever read the output, like `head`, had enough of it |\n"


def _cell(text: str) -> str:
    """One line of a table: nothing that Markdown would take for its own."""
    line = re.sub(r"\s+", " ", text).strip().replace("|", "\\|").replace("<", "&lt;")
    # Between two underscores outside of code Markdown would print italics, and drop the underscores.
    return "".join(part if part[:1] == "`" else part.replace("_", "\\_") for part in re.split(r"(`[^`]*`)", line))


if __name__ == "__main__":
    sys.exit(main())

"""The program: its commands, and errors turned into one sentence and an exit code.

Each command is a function of ``commands/``: its options, its help, one call into the library, no
logic. Nothing heavy is imported at the top: `--help` has to be there at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from thirtyfold import __version__
from thirtyfold.commands import around, data, models
from thirtyfold.errors import ThirtyfoldError

app = typer.Typer(
    name="thirtyfold",
    help="From a hundred webcam photos to a detector that runs live: capture, annotate, augment x30, train, live.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"thirtyfold {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


# In the order in which they stand in the help: that of the road.
COMMANDS = (
    data.capture,
    data.annotate,
    data.check,
    data.split,
    data.convert,
    data.augment,
    models.train,
    models.evaluate,
    models.compare,
    models.predict,
    models.live,
    models.export,
    around.doctor,
    around.demo,
)
for _command in COMMANDS:
    app.command()(_command)


def main(arguments: list[str] | None = None) -> Any:
    """The entry point: runs a command and turns errors into one sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal in locale C must not turn a file's name into a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=arguments, prog_name=Path(sys.argv[0]).name if arguments is None else "thirtyfold")
    except ThirtyfoldError as error:
        print(f"thirtyfold: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("thirtyfold: stopped", file=sys.stderr)
        sys.exit(130)

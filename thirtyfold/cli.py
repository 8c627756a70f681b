"""The program: its commands, and errors turned into one sentence and an exit code.

Each command is a function of ``commands/``: its options, its help, one call into the library, no
logic. Nothing heavy is imported at the top: `--help` has to be there at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer

from thirtyfold import __version__
from thirtyfold.commands import around, data, models, people
from thirtyfold.errors import DataError, ThirtyfoldError

# What the shell says of a program that SIGPIPE ended.
_READER_LEFT = 141

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
    people.enroll,
    people.people,
    people.forget,
    around.doctor,
    around.demo,
)
for _command in COMMANDS:
    app.command()(_command)


def main(arguments: list[str] | None = None) -> Any:
    """The entry point: runs a command and turns errors into one sentence and an exit code."""
    _ready_streams()
    try:
        _run(arguments)
    except ThirtyfoldError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        _end("stopped", 130)
    except OSError as error:
        if not _is_about_stdout(error):
            raise
        _give_up_stdout()
        _end(f"the output could not be written ({error.strerror})", DataError.exit_code)


def _run(arguments: list[str] | None) -> None:
    """Run a command, and leave nothing in stdout's buffer for the interpreter's end, which would complain of it."""
    try:
        try:
            app(args=arguments, prog_name=Path(sys.argv[0]).name if arguments is None else "thirtyfold")
        except SystemExit:
            sys.stdout.flush()
            raise
    except (SystemExit, BrokenPipeError) as ended:
        # Whoever read (`| head`) has enough: typer and rich end with 1 then, which is a bug's code with us.
        if isinstance(ended, BrokenPipeError) or isinstance(ended.__context__, BrokenPipeError):
            _give_up_stdout()
            sys.exit(_READER_LEFT)
        raise


def _end(sentence: str, exit_code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:
        _give_up_stdout()
    with contextlib.suppress(OSError):  # nobody reads that either
        print(f"thirtyfold: {sentence}", file=sys.stderr)
    sys.exit(exit_code)


def _ready_streams() -> None:
    """Standard streams that take everything, also where the caller has closed them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Else the next file that is opened gets this number, and what C libraries chat lands in it.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal in locale C must not turn a file's name into a traceback.
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _is_about_stdout(error: OSError) -> bool:
    # Errors of files carry their names; a redirection to a full disk (`> list.txt`) has none.
    return error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _give_up_stdout() -> None:
    sys.stdout = _nowhere()
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(sys.stdout.fileno(), sys.__stdout__.fileno())

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
from typing import Annotated, NoReturn, TextIO

import typer

from thirtyfold import __version__
from thirtyfold.commands import around, data, models, people
from thirtyfold.commands.parameters import with_parameters
from thirtyfold.errors import DataError, ThirtyfoldError

# What the shell says of a program that SIGPIPE ended.
_READER_LEFT = 141
_CTRL_C = 130
# Errors whose cause is a path that somebody gave, or the disk behind it, wherever in the program they come up. A file
# that is not there (ENOENT) is not among them: the commands look for what they were given, so that is a bug of ours.
_ABOUT_THE_PLACE = (
    errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC,
    errno.EDQUOT, errno.EFBIG, errno.EIO,
)  # fmt: skip

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
    app.command()(with_parameters(_command))


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs a command and turns errors into one sentence and an exit code."""
    _ready_streams()
    try:
        _run(arguments)
    except ThirtyfoldError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        _end("stopped", _CTRL_C)
    except OSError as error:
        if _is_about_stdout(error):
            _give_up_stdout()
            _end(f"the output could not be written ({error.strerror})", DataError.exit_code)
        if error.filename is None or error.errno not in _ABOUT_THE_PLACE:
            raise
        _end(f"{_short(error.filename)}: {error.strerror}; choose another place", DataError.exit_code)


def _run(arguments: list[str] | None) -> None:
    """Run a command, and flush stdout: an error that the interpreter meets there at its end could not be caught."""
    try:
        try:
            app(args=arguments, prog_name=Path(sys.argv[0]).name if arguments is None else "thirtyfold")
        except SystemExit:
            sys.stdout.flush()
            raise
    except (SystemExit, BrokenPipeError) as ended:
        if isinstance(ended, SystemExit) and ended.code == _CTRL_C:
            raise KeyboardInterrupt from None  # typer ends so without a word
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
            # Otherwise the next file that is opened gets this number, and what C libraries print lands in it.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal in locale C must not turn a file's name into a traceback.
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _short(name: object) -> str:
    """A path as it was typed, or its two ends."""
    text = os.fsdecode(name) if isinstance(name, (str, bytes)) else str(name)
    return text if len(text) <= 200 else f"{text[:80]}…{text[-80:]}"


def _is_about_stdout(error: OSError) -> bool:
    # An error about a file carries the file's name. One about stdout (`> list.txt` on a full disk) has none.
    return error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _give_up_stdout() -> None:
    sys.stdout = _nowhere()
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(sys.stdout.fileno(), sys.__stdout__.fileno())

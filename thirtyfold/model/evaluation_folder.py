"""What every evaluation has: a folder that is there whole or not at all, and words for photos that cannot be read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from thirtyfold import files
from thirtyfold.errors import FileDataError, UsageError

RESULT_NAME = "evaluation.json"
_NAMED_PROBLEMS = 5


def run_name(run: Path) -> str:
    """How a run is called in tables: ``detect/3``."""
    return f"{run.resolve().parent.name}/{run.resolve().name}"


@contextlib.contextmanager
def evaluation_folder(out: Path | None, beside: Path, dataset: Path) -> Iterator[tuple[Path, Path]]:
    """(the folder to write into, the name it gets when the block ends well).

    That is ``out``, else the next free ``evaluation-N`` in ``beside``. An error or a kill within the block leaves
    nothing that would stop the same command the next time. Raises :class:`UsageError` where ``out`` lies in
    ``dataset`` or holds files, and as :func:`thirtyfold.files.new_folder`.
    """
    target = _next_free(beside) if out is None else _checked(out, dataset)
    try:
        with files.new_folder(target) as folder:
            yield folder, target
    except BaseException:
        if out is None:
            with contextlib.suppress(OSError):
                target.rmdir()
        raise


def named_problems(problems: Sequence[FileDataError]) -> list[str]:
    """Lines for the terminal: how many photos could not be read, and the first of them with the reason."""
    if not problems:
        return []
    one = len(problems) == 1
    count = (
        f"{len(problems)} {'photo' if one else 'photos'} could not be read and {'is' if one else 'are'} in no figure:"
    )
    more = len(problems) - _NAMED_PROBLEMS
    rest = [f"  and {more} more; --json names them all"] if more > 0 else []
    return [count, *(f"  {problem}" for problem in problems[:_NAMED_PROBLEMS]), *rest]


def _checked(out: Path, dataset: Path) -> Path:
    if out.resolve().is_relative_to(dataset.resolve()):
        raise UsageError(f"--out {out}: lies in the dataset, where nothing is written; choose a folder elsewhere")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: is there already; choose a new folder")
    return out


def _next_free(beside: Path) -> Path:
    """The next numbered folder, made empty: of two evaluations at once each gets a number of its own."""
    number = 0
    while True:
        number += 1
        folder = beside / f"evaluation-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise files.writing_failed(folder, error) from error
        return folder

"""Every error a user can meet; one class an exit code.

::

    ThirtyfoldError                1   (never raised itself)
    ├── UsageError                 2   an option or argument that cannot be
    ├── NothingToDo                3   the work is done, or there is none
    ├── DataError                  4   a photo, a label or a dataset is wrong
    │   ├── ImageError                 a picture that cannot be read
    │   ├── LabelError                 a label file that cannot be read
    │   ├── SplitError                 no split, or one that leaks
    │   └── TrainingError              the training went astray: NaN, out of memory
    ├── CameraError                5   no camera, camera in use, stream died
    ├── ModelError                 6   a run folder or model file is wrong
    └── NotInstalledError          7   a program, library, screen or file of weights is missing

Only ``cli.main`` turns them into exit codes; everything below raises. A message
is one sentence with what failed (the file), what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class ThirtyfoldError(Exception):
    """The root of the tree. ``exit_code`` is what the command line ends with."""

    exit_code = 1


class UsageError(ThirtyfoldError):
    exit_code = 2


class NothingToDo(ThirtyfoldError):  # noqa: N818 - it is not a failure
    exit_code = 3


class DataError(ThirtyfoldError):
    exit_code = 4


class FileDataError(DataError):
    """A :class:`DataError` about one file. ``path`` and ``reason`` apart, for reports."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = Path(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[FileDataError], tuple[Path, str]]:
        # Exceptions cross process borders by their arguments; ours are not the message.
        return type(self), (self.path, self.reason)


class ImageError(FileDataError):
    pass


class LabelError(FileDataError):
    pass


class SplitError(DataError):
    pass


class TrainingError(DataError):
    pass


class CameraError(ThirtyfoldError):
    exit_code = 5


class ModelError(ThirtyfoldError):
    exit_code = 6


class NotInstalledError(ThirtyfoldError):
    exit_code = 7


def left_out(problems: Sequence[object]) -> DataError:
    """The error after a run that has done all pictures but some; ``problems`` say why, one for each of those."""
    return DataError(f"{len(problems)} pictures were left out, first {problems[0]}")

"""Converters run without their chatter, and a full disk reported as such."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from thirtyfold.errors import DataError
from thirtyfold.files import writing_failed
from thirtyfold.native_noise import LITERT_CHAT, TENSORFLOW_CHAT, without_lines

# The last one is what the quantizer prints of its own options.
_CHAT = (*TENSORFLOW_CHAT, *LITERT_CHAT, b"fully_quantize:")
_LOGGERS = ("tensorflow", "tf2onnx", "absl")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what converters say of themselves: pages of it, none for the user."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with without_lines(_CHAT), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder for what converters write on their way; :class:`DataError` where it can't be written."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="thirtyfold-export-", ignore_cleanup_errors=True) as folder:
        try:
            yield Path(folder)
        except OSError as error:
            raise writing_failed(Path(folder), error) from error
        except tf.errors.ResourceExhaustedError as error:
            raise DataError(
                f"{folder}: the disk is full; free some space, or set TMPDIR to a folder with more, and run it again"
            ) from error

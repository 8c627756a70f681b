"""labelme as a program: which one is here, and how it is started.

labelme is GPL and has no Python interface: it is never imported here.
https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.ticks import NOTHING_HERE
from thirtyfold.errors import NotInstalledError

# With OpenCV's windowed build in the same environment labelme aborts: one of its own needs
# tries `import cv2`, which points Qt at OpenCV's plugins. That import is optional there.
_RUN_LABELME = """\
import runpy, sys
sys.modules["cv2"] = None
runpy.run_module("labelme", run_name="__main__", alter_sys=True)
"""

_LAST_LINES = 6

_OPENCV_QT = re.compile(r"[/\\]cv2[/\\]qt[/\\]")
_OPENCV_LIBRARIES = re.compile(r"[/\\]cv2[/\\]\.\.[/\\]")
_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelme:
    """How labelme is started here. ``bundled``: from our own environment, else a program on the PATH."""

    version: str
    command: tuple[str, ...]
    bundled: bool

    @property
    def major(self) -> int:
        match = re.match(r"\d+", self.version)
        return int(match.group()) if match else 0


def find_labelme(version_of: Callable[[str], str] = importlib.metadata.version, path: str | None = None) -> Labelme:
    """labelme of our own environment, else a ``labelme`` on the PATH. Raises :class:`NotInstalledError`.

    ``version_of`` tells a distribution's version, or raises ``PackageNotFoundError``;
    ``path`` is searched instead of the PATH.
    """
    try:
        version = version_of("labelme")
    except importlib.metadata.PackageNotFoundError:
        return _labelme_on_path(path)
    # -P: the folder that labelme works in must not be searched for modules.
    return _supported(Labelme(version=version, command=(sys.executable, "-P", "-c", _RUN_LABELME), bundled=True))


def command_for(labelme: Labelme, *, config: str, photos: str) -> list[str]:
    """The command line for labelme 5, 6 or 7; ``config`` and ``photos`` are names in its working folder."""
    # labelme 7 remembers, by folder, where labels were saved to last time; --output overrules it.
    return [*labelme.command, "--logger-level", "warning", "--config", config, "--output", photos, photos]


def config_for(labelme: Labelme, options: AnnotateOptions) -> dict[str, Any]:
    """labelme's settings file. The person's own ``~/.labelmerc`` is neither read nor changed.

    Everything goes through the file: on the command line a label may hold no comma, and
    the options are named differently in 5 (``--nodata --autosave --validatelabel``),
    6 and 7. A setting that a version does not know is an error window there.
    """
    return {
        "auto_save": True,
        "store_data" if labelme.major < 6 else "with_image_data": False,
        "labels": list(options.labels),
        "validate_label": "exact",
        "sort_labels": False,
        "flags": [*options.flags, NOTHING_HERE],
        # With one label only, a click on it in the label list answers the question for good.
        "display_label_popup": len(options.labels) > 1,
        "shortcuts": {"create_rectangle": ["Ctrl+R", "R"], "create_polygon": ["Ctrl+N", "P"]},
    }


def environment_for_qt(environ: Mapping[str, str], started_with: Mapping[str, str]) -> dict[str, str]:
    """``environ`` as the user had it, before ``import cv2`` pointed Qt and the loader at OpenCV's own files.

    OpenCV overwrites ``QT_QPA_PLATFORM_PLUGIN_PATH`` and ``QT_QPA_FONTDIR`` and prepends to
    ``LD_LIBRARY_PATH`` (``cv2/__init__.py``, ``cv2/config-3.py``); a child inherits that.
    ``started_with`` is what this process was started with.
    """
    result = dict(environ)
    for name in _QT_VARIABLES:
        if _OPENCV_QT.search(result.get(name, "") + os.sep):
            del result[name]
            before = started_with.get(name, "")
            if before and not _OPENCV_QT.search(before + os.sep):
                result[name] = before
    if "LD_LIBRARY_PATH" in result:
        entries = result["LD_LIBRARY_PATH"].split(os.pathsep)
        kept = [entry for entry in entries if not _OPENCV_LIBRARIES.search(entry)]
        if len(kept) < len(entries):
            # OpenCV leaves a trailing separator behind, which means "the current folder" to the loader.
            kept = [entry for entry in kept if entry]
            del result["LD_LIBRARY_PATH"]
            if kept:
                result["LD_LIBRARY_PATH"] = os.pathsep.join(kept)
    return result


def _labelme_on_path(path: str | None) -> Labelme:
    program = shutil.which("labelme", path=path)
    if program is None:
        raise NotInstalledError(
            f"labelme is not installed here; install it: {sys.executable} -m pip install 'labelme>=5.5' "
            "(where that fails, as on Linux on ARM: sudo apt-get install -y labelme)"
        )
    env = environment_for_qt(os.environ, started_with())
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=120, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:  # a file for another system, a program that hangs
        raise NotInstalledError(f"{program}: does not start ({error}); install it again") from error
    match = re.search(r"labelme (\d+(?:\.\d+)*)", done.stdout)
    if match is None:
        raise NotInstalledError(
            f"{program}: does not start ({last_lines(done.stderr) or 'it said nothing'}); install it again"
        )
    return _supported(Labelme(version=match.group(1), command=(program,), bundled=False))


def _supported(labelme: Labelme) -> Labelme:
    if labelme.major < 5:
        raise NotInstalledError(f"labelme {labelme.version} is too old, 5 or newer is needed; update it")
    return labelme


def started_with() -> dict[str, str]:
    """The environment this process was started with; empty where the system does not tell."""
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in raw.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def last_lines(log: str) -> str:
    """The end of what a program said, in one line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_LINES:])

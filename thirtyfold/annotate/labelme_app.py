"""The real labelme, started as a program of its own on the photos that need labels.

labelme is GPL and has no Python interface: it is never imported here.
https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold import files, screen
from thirtyfold.annotate import qt_libraries
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.staging import NOTHING_HERE, PHOTOS, Staging, left_over, stage
from thirtyfold.errors import DataError, NothingToDo, NotInstalledError, UsageError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset

# With OpenCV's windowed build in the same environment labelme aborts: one of its own needs
# tries `import cv2`, which points Qt at OpenCV's plugins. That import is optional there.
_RUN_LABELME = """\
import runpy, sys
sys.modules["cv2"] = None
runpy.run_module("labelme", run_name="__main__", alter_sys=True)
"""

_CONFIG = "labelme.yaml"
_LOG = "labelme.log"
_POLL_SECONDS = 1.0
_LAST_LINES = 6

_OPENCV_QT = re.compile(r"[/\\]cv2[/\\]qt[/\\]")
_OPENCV_LIBRARIES = re.compile(r"[/\\]cv2[/\\]\.\.[/\\]")
_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
# Somebody ended labelme on purpose; on Windows there is no SIGKILL.
_STOPPED = tuple(-getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGKILL", "SIGHUP") if hasattr(signal, name))


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


def annotate(
    dataset: Dataset,
    options: AnnotateOptions,
    *,
    progress: Progress = SILENT,
    labelme: Labelme | None = None,
    poll_seconds: float = _POLL_SECONDS,
) -> None:
    """Open labelme on the photos without labels and return when it was closed.

    Labels arrive beside the photos while it runs, at most ``poll_seconds`` after they
    were saved, without image data and with a bare ``imagePath``. Raises
    :class:`NothingToDo` if every photo has its label, :class:`NotInstalledError` if
    labelme, its libraries or a screen is missing or labelme crashed (what was drawn is
    kept), :class:`DataError` if there is no photo.
    """
    image_paths = dataset.image_paths()
    if not image_paths:
        raise DataError(f"{dataset.root}: holds no photos; take some with `thirtyfold capture {dataset.root}`")
    with dataset.lock("annotate"):
        _bring_home(dataset, progress)
        wanted = [path for path in image_paths if options.every_photo or not dataset.label_path(path).exists()]
        if not wanted:
            raise NothingToDo(f"all {len(image_paths)} photos have labels; `--all` opens them again")
        labelme = labelme or find_labelme()
        _check_windows(labelme)
        staging, problems, copies = stage(dataset, wanted)
        for problem in problems:
            progress.say(f"left out: {problem}")
        if copies:
            progress.say(f"shown to labelme as 8-bit RGB copies, which it needs: {', '.join(copies)}")
        if not staging.photos:
            staging.clear()
            raise DataError(f"{dataset.root}: none of the {len(wanted)} photos can be opened, first {problems[0]}")
        _say_how(labelme, len(staging.photos), options, progress)
        try:
            status = _run(labelme, staging, options, poll_seconds)
        finally:
            # On Ctrl-C, too: labelme has ended by now, and what it saved is brought home.
            log = _read_log(staging.folder / _LOG)
            _finish(staging, progress)
        _judge(status, log, staging.brought, progress)


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
        "flags": [NOTHING_HERE],
        # With one label only, a click on it in the label list answers the question for good.
        "display_label_popup": len(options.labels) > 1,
        "shortcuts": {"create_rectangle": ["Ctrl+R", "R"]},
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


def _run(labelme: Labelme, staging: Staging, options: AnnotateOptions, poll_seconds: float) -> int:
    """Start labelme, bring its labels home while it runs, and return what it ended with."""
    folder = staging.folder
    files.write_json(folder / _CONFIG, config_for(labelme, options))  # JSON is YAML
    with (folder / _LOG).open("wb") as log:
        # Short relative names, as labelme parses --config as YAML: a colon in the path would mislead it.
        process = subprocess.Popen(
            command_for(labelme, config=_CONFIG, photos=PHOTOS),
            cwd=folder,
            env=environment_for_qt(os.environ, _started_with()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        while True:
            try:
                return process.wait(timeout=poll_seconds)
            except subprocess.TimeoutExpired:
                _collect_quietly(staging)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _collect_quietly(staging: Staging) -> None:
    try:
        staging.collect()
    except (DataError, UsageError):
        # A full disk, say. labelme goes on; the same is tried again, and said, at the end.
        return


def _finish(staging: Staging, progress: Progress) -> None:
    for torn in staging.collect():
        progress.say(f"{torn.path.stem}: labelme ended while saving it; look at this photo again")
    for path in staging.kept:
        progress.say(f"{path}: was deleted in labelme but is still here; delete it yourself if you are sure")
    staging.clear()


def _bring_home(dataset: Dataset, progress: Progress) -> None:
    staging = left_over(dataset)
    if staging is None:
        return
    _finish(staging, progress)
    if staging.brought:
        progress.say(f"{staging.brought} labels of a session that was cut off are now beside their photos")


def _judge(status: int, log: str, brought: int, progress: Progress) -> None:
    kept = f"; the labels of {brought} photos are kept" if brought else ""
    if status == 0:
        return
    if status in _STOPPED:
        progress.say(f"labelme was stopped from outside (signal {-status}){kept}")
        return
    if "could not connect to display" in log:
        raise NotInstalledError(f"labelme cannot reach the screen; {screen.HOW_TO_GO_ON}{kept}")
    if "Qt platform plugin" in log:
        raise NotInstalledError(
            "labelme cannot open a window, Qt finds no way to the screen; "
            f"`thirtyfold doctor` names the missing libraries. It said: {_last_lines(log)}{kept}"
        )
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    raise NotInstalledError(
        f"labelme ended with an error ({how}): {_last_lines(log) or 'it said nothing'}{kept}; "
        "`thirtyfold doctor` checks its installation"
    )


def _check_windows(labelme: Labelme) -> None:
    problem = screen.screen_problem() if not _draws_without_screen() else None
    if problem is not None:
        raise NotInstalledError(
            f"labelme cannot open its window: {problem}; {screen.HOW_TO_GO_ON}, "
            "or copy the dataset to a machine with a screen, annotate there and copy it back"
        )
    missing = qt_libraries.missing_libraries() if labelme.bundled else []
    if missing:
        raise NotInstalledError(f"labelme's windows need system libraries; bring them: {qt_libraries.mend(missing)}")


def _draws_without_screen() -> bool:
    # Somebody who chose such a Qt platform (a VNC server of its own, say) needs no screen of ours.
    return os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in ("vnc", "offscreen", "minimal", "eglfs", "linuxfb")


def _say_how(labelme: Labelme, count: int, options: AnnotateOptions, progress: Progress) -> None:
    which = "photos, labelled or not" if options.every_photo else "photos that have no label yet"
    if count == 1:
        which = which.replace("photos", "photo").replace(" have ", " has ")
    progress.say(f"labelme {labelme.version} opens with {count} {which}.")
    progress.say("  R      draw a rectangle: click one corner, then the opposite one")
    if len(options.labels) == 1:
        progress.say(f"  click `{options.labels[0]}` in the label list once, and no more questions are asked")
    progress.say("  D, A   next photo, the one before")
    progress.say(f"  tick `{NOTHING_HERE}` (under Flags) where there is nothing to label")
    progress.say("Everything is saved as you draw. Close the window when you are done.")


def _labelme_on_path(path: str | None) -> Labelme:
    program = shutil.which("labelme", path=path)
    if program is None:
        raise NotInstalledError(
            f"labelme is not installed here; install it: {sys.executable} -m pip install 'labelme>=5.5' "
            "(where that fails, as on Linux on ARM: sudo apt-get install -y labelme)"
        )
    env = environment_for_qt(os.environ, _started_with())
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=120, env=env)
    match = re.search(r"labelme (\d+(?:\.\d+)*)", result.stdout)
    if match is None:
        raise NotInstalledError(
            f"{program}: does not start ({_last_lines(result.stderr) or 'it said nothing'}); install it again"
        )
    return _supported(Labelme(version=match.group(1), command=(program,), bundled=False))


def _supported(labelme: Labelme) -> Labelme:
    if labelme.major < 5:
        raise NotInstalledError(f"labelme {labelme.version} is too old, 5 or newer is needed; update it")
    return labelme


def _started_with() -> dict[str, str]:
    """The environment this process was started with; empty where the system does not tell."""
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in raw.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def _read_log(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _last_lines(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_LINES:])

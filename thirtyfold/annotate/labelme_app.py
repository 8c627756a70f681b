"""A session of annotating: the real labelme on the photos that need a person, and its labels brought home."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from thirtyfold import files, screen
from thirtyfold.annotate import qt_libraries
from thirtyfold.annotate.labelme_program import (
    Labelme,
    command_for,
    config_for,
    environment_for_qt,
    find_labelme,
    last_lines,
    started_with,
)
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.pace import Pace, counted, pace_of
from thirtyfold.annotate.review import Suspect
from thirtyfold.annotate.staging import PHOTOS, Staging, finish, stage
from thirtyfold.annotate.ticks import NOTHING_HERE, RIGHT_AS_IS
from thirtyfold.annotate.to_open import annotating, photos_to_open
from thirtyfold.datasets import labelme_json
from thirtyfold.errors import DataError, LabelError, NotInstalledError, UsageError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset

_CONFIG = "labelme.yaml"
_LOG = "labelme.log"
_POLL_SECONDS = 1.0
_KINDS_ASKED = 50

# Somebody ended labelme on purpose; on Windows there is no SIGKILL.
_STOPPED = tuple(-getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGKILL", "SIGHUP") if hasattr(signal, name))


def annotate(
    dataset: Dataset,
    options: AnnotateOptions,
    *,
    progress: Progress = SILENT,
    labelme: Labelme | None = None,
    poll_seconds: float = _POLL_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    suspects: Sequence[Suspect] | None = None,
) -> Pace:
    """Open labelme on the photos without labels, or with a model's, and return when it was closed.

    With ``suspects`` on those instead, in their order. Labels arrive beside the photos while it
    runs, at most ``poll_seconds`` after they were saved, without image data and with a bare
    ``imagePath``. Raises :class:`NothingToDo` if every photo has its label,
    :class:`NotInstalledError` if labelme, its libraries or a screen is missing or labelme
    crashed (what was drawn is kept), :class:`DataError` if there is no photo.
    """
    with annotating(dataset, progress):
        wanted = photos_to_open(dataset, options, suspects)
        labelme = labelme or find_labelme()
        _check_windows(labelme)
        staging, problems, copies = stage(dataset, wanted.image_paths, reasons=wanted.reasons)
        for problem in problems:
            progress.say(f"left out: {problem}")
        if copies:
            progress.say(f"shown to labelme as 8-bit RGB copies, which it needs: {', '.join(copies)}")
        if not staging.photos:
            staging.clear()
            raise DataError(f"{dataset.root}: none of the {len(problems)} photos can be opened, first {problems[0]}")
        shown = {staged.image_name for staged in staging.photos.values()}
        outlines = _has_outlines(dataset) if options.polygons is None else options.polygons
        known = sum(path.name in shown for path in wanted.machine_made)
        _explain_keys(labelme, len(shown), known, options, progress, outlines=outlines)
        started = clock()
        try:
            status = _run(labelme, staging, options, poll_seconds)
        finally:
            # On Ctrl-C, too: labelme has ended by now, and what it saved is brought home.
            log = _read_log(staging.folder / _LOG)
            seconds = clock() - started
            finish(staging, progress)
        _check_ending(status, log, staging.brought, progress)
    return pace_of(staging.changes(), seconds)


def _run(labelme: Labelme, staging: Staging, options: AnnotateOptions, poll_seconds: float) -> int:
    """Start labelme, bring its labels home while it runs, and return what it ended with."""
    folder = staging.folder
    files.write_json(folder / _CONFIG, config_for(labelme, options))  # JSON is YAML
    with (folder / _LOG).open("wb") as log:
        # Short relative names, as labelme parses --config as YAML: a colon in the path would mislead it.
        process = subprocess.Popen(
            command_for(labelme, config=_CONFIG, photos=PHOTOS),
            cwd=folder,
            env=environment_for_qt(os.environ, started_with()),
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


def _check_ending(status: int, log: str, brought: int, progress: Progress) -> None:
    """Say, or raise :class:`NotInstalledError`, where labelme did not end by itself and well."""
    kept = f"; the labels of {counted(brought, 'photo')} are kept" if brought else ""
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
            f"`thirtyfold doctor` names the missing libraries. It said: {last_lines(log)}{kept}"
        )
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    raise NotInstalledError(
        f"labelme ended with an error ({how}): {last_lines(log) or 'it said nothing'}{kept}; "
        "`thirtyfold doctor` checks its installation"
    )


def _check_windows(labelme: Labelme) -> None:
    problem = screen.screen_problem() if not _draws_without_screen() else None
    if problem is not None:
        raise NotInstalledError(
            f"labelme cannot open its window: {problem}; {screen.HOW_TO_GO_ON}, "
            "or go on with --view web, in the browser of another machine; "
            "or copy the dataset to a machine with a screen, annotate there and copy it back"
        )
    missing = qt_libraries.missing_libraries() if labelme.bundled else []
    if missing:
        raise NotInstalledError(f"labelme's windows need system libraries; bring them: {qt_libraries.mend(missing)}")


def _draws_without_screen() -> bool:
    # Somebody who chose such a Qt platform (a VNC server of its own, say) needs no screen of ours.
    return os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in ("vnc", "offscreen", "minimal", "eglfs", "linuxfb")


def _has_outlines(dataset: Dataset) -> bool:
    """Whether most of the shapes that are there are outlines; a few dozen label files tell."""
    kinds: list[str] = []
    for path in dataset.image_paths():
        with contextlib.suppress(LabelError):
            kinds += [shape.kind for shape in labelme_json.read(dataset.label_path(path)).annotations]
        if len(kinds) >= _KINDS_ASKED:
            break
    return 2 * sum(kind in ("polygon", "mask") for kind in kinds) > len(kinds)


def _explain_keys(
    labelme: Labelme,
    count: int,
    machine_made: int,
    options: AnnotateOptions,
    progress: Progress,
    *,
    outlines: bool,
) -> None:
    if options.review:
        which = f"{counted(count, 'photo')} to review, the most doubtful one first"
    elif options.every_photo:
        which = f"{counted(count, 'photo')}, labelled or not"
    elif machine_made == count:
        which = f"{counted(count, 'photo')} with boxes that a model drew"
    else:
        what, rest = "class" if options.flags else "label", count - machine_made
        which = f"{counted(rest, 'photo')} that {'has' if rest == 1 else 'have'} no {what} yet"
        if machine_made:
            which += f" and {machine_made} with boxes that a model drew"
    progress.say(f"labelme {labelme.version} opens with {which}.")
    if outlines:
        progress.say("  P      draw an outline: click from corner to corner, and the first one again to close it")
    progress.say("  R      draw a rectangle: click one corner, then the opposite one")
    if len(options.labels) == 1:
        progress.say(f"  click `{options.labels[0]}` in the label list once, and no more questions are asked")
    progress.say("  D, A   next photo, the one before")
    progress.say(f"  tick `{NOTHING_HERE}` (under Flags) where there is nothing to label")
    if options.review:
        progress.say(f"  tick `{RIGHT_AS_IS}` where the boxes are right, or correct them; the rest comes again")
    elif machine_made:
        progress.say(f"  tick `{RIGHT_AS_IS}` where a model's boxes are right, or correct them; the rest comes again")
    progress.say("Everything is saved as you draw. Close the window when you are done.")


def _read_log(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

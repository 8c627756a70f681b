"""A program of the person's own, started when something is found."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from thirtyfold.annotate.labelme_program import environment_for_qt, started_with
from thirtyfold.errors import UsageError
from thirtyfold.live.extras.scene import Scene
from thirtyfold.predict.chain import verdict_dict, verdict_of
from thirtyfold.predict.track import Track

_GRACE_SECONDS = 2.0


def parse_command(text: str) -> tuple[str, ...]:
    """The program and its arguments, split as a shell would (POSIX), without one. Raises :class:`UsageError`."""
    try:
        parts = shlex.split(text, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"--on-detect {text}: a quotation mark is not closed") from error
    if not parts:
        raise UsageError("--on-detect: a program was expected, like --on-detect 'notify-send Somebody is here'")
    if shutil.which(parts[0]) is None:
        raise UsageError(f"--on-detect {text}: there is no program {parts[0]} here; give its name or its whole path")
    return tuple(parts)


class Hook:
    """Starts ``command`` for a picture with objects on it: one at a time, and ``every_seconds`` at most.

    It gets the facts as JSON on its standard input and, shorter, in ``THIRTYFOLD_COUNT``,
    ``THIRTYFOLD_LABELS``, ``THIRTYFOLD_TIME`` and ``THIRTYFOLD_SOURCE``. Nothing that a model
    said ever stands in the command line. What it prints goes to our standard error.
    """

    def __init__(self, command: tuple[str, ...], *, every_seconds: float) -> None:
        self.problems: list[str] = []
        self._command = command
        self._every_seconds = every_seconds
        self._started = 0
        self._failed = 0
        self._failure = ""
        self._last_at: float | None = None
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._lock = threading.Lock()

    def see(self, scene: Scene) -> None:
        # By the wall clock: what is spared is this machine, and `--fast` runs through a file's hours in minutes.
        now = time.monotonic()
        due = self._last_at is None or now - self._last_at >= self._every_seconds
        if not scene.objects or not due or self._closing or (self._thread is not None and self._thread.is_alive()):
            return
        self._last_at = now
        self._started += 1
        facts = _facts(scene)
        # Starting a program takes milliseconds, and one that reads nothing would hold up the writing.
        self._thread = threading.Thread(target=self._run, args=(facts,), name="on-detect", daemon=True)
        self._thread.start()

    def close(self) -> Mapping[str, object]:
        """End the program if it is still running: asked first, killed after two seconds."""
        with self._lock:
            self._closing = True
            process = self._process
        if process is not None and self._thread is not None:
            _end(process, signal.SIGTERM)
            self._thread.join(_GRACE_SECONDS)
            if self._thread.is_alive():
                _end(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failed and not self.problems:
            self.problems.append(
                f"--on-detect {self._command[0]}: {self._failed} of {self._started} runs failed, last: {self._failure}"
            )
        return {"started": self._started, "failed": self._failed}

    def _run(self, facts: dict[str, Any]) -> None:
        # OpenCV points Qt at its own plugins, which a program of the person's would stumble over.
        environment = {**environment_for_qt(os.environ, started_with()), **_environment(facts)}
        try:
            with self._lock:
                if self._closing:
                    return
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    # Our standard output carries data, and Ctrl-C is for us: we end it ourselves.
                    stdout=sys.stderr.fileno() if _has_descriptor() else subprocess.DEVNULL,
                    env=environment,
                    start_new_session=True,
                )
            self._process.communicate(json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace"))
            code = self._process.returncode
            if code and not self._closing:
                self._failed, self._failure = self._failed + 1, f"exit code {code}"
        except OSError as error:
            self._failed, self._failure = self._failed + 1, error.strerror or str(error)
        finally:
            self._process = None


def _has_descriptor() -> bool:
    try:
        return sys.stderr.fileno() >= 0
    except (OSError, ValueError, AttributeError):  # replaced by something that is no file
        return False


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """The program and whatever it started itself."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.terminate()


def _facts(scene: Scene) -> dict[str, Any]:
    width, height = scene.size_wh
    return {
        "time": scene.at.isoformat(timespec="milliseconds"),
        "source": scene.source,
        "seconds": round(scene.seconds, 3),
        "width": width,
        "height": height,
        "objects": [_object(track) for track in scene.objects],
    }


def _object(track: Track) -> dict[str, Any]:
    verdict = verdict_of(track.detected)
    said = {} if verdict is None else {"then": verdict_dict(verdict)}
    return {
        "id": track.id,
        "label": track.detected.label,
        "score": None if track.detected.score is None else round(track.detected.score, 4),
        "box_xyxy": [round(value, 1) for value in track.annotation.box_xyxy],
        **said,
    }


def _environment(facts: dict[str, Any]) -> dict[str, str]:
    labels = ",".join(dict.fromkeys(str(one["label"]) for one in facts["objects"]))
    return {
        "THIRTYFOLD_COUNT": str(len(facts["objects"])),
        "THIRTYFOLD_LABELS": "".join(letter if letter.isprintable() else " " for letter in labels),
        "THIRTYFOLD_TIME": facts["time"],
        "THIRTYFOLD_SOURCE": "".join(letter if letter.isprintable() else " " for letter in facts["source"]),
    }

"""Orders to the fork server, and the same work killed again and again."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
# So many kills a command; 50 take some minutes.
KILLS = max(2, int(os.environ.get("THIRTYFOLD_KILLS", "15")) // 5)
LIGHT_MODULES = (
    "cv2",
    "numpy",
    "PIL.Image",
    "albumentations",
    "rich.table",
    "thirtyfold.cli",
    "thirtyfold.augment.writer",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``status`` is an exit code, or minus the signal that ended it; ``steps`` to the disk of one that ended well."""

    steps: int
    status: int
    said: str


class ForkServer:
    """A process that has everything imported and runs commands in forks of itself."""

    def __init__(self, *modules: str) -> None:
        environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.robustness.fork_server", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=REPOSITORY,
            env=environment,
        )

    def run(self, arguments: list[str], *, watch: Path, kill_at: int | None = None, call: str | None = None) -> Answer:
        order: dict[str, Any] = {"arguments": arguments, "watch": str(watch), "kill_at": kill_at}
        if call is not None:
            order["call"] = call
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the fork server is gone"
        return Answer(**json.loads(answer))

    def close(self) -> None:
        self._process.communicate()


def moments(name: str, steps: int, count: int = KILLS) -> list[int]:
    """At which steps to kill, the same every time: the first and the last one among them."""
    chosen = random.Random(name)
    return [chosen.randrange(1, steps + 1) for _ in range(count - 1)] + [steps]

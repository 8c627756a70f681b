from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.extras.scenes import scene, track
from tests.waiting import wait_for
from thirtyfold.errors import UsageError
from thirtyfold.live.extras.hook import Hook, parse_command

WRITE = """
import json, os, sys
path = sys.argv[1]
facts = json.load(sys.stdin)
seen = {name: value for name, value in os.environ.items() if name.startswith("THIRTYFOLD_")}
number = len(os.listdir(path))
with open(f"{path}/.{number}", "w") as stream:
    json.dump({"facts": facts, "seen": seen, "arguments": sys.argv[1:]}, stream)
os.rename(f"{path}/.{number}", f"{path}/{number}.json")
"""


def python(code: str, *arguments: object) -> tuple[str, ...]:
    return sys.executable, "-c", code, *map(str, arguments)


def test_the_program_gets_the_facts_and_none_of_them_in_its_arguments(tmp_path: Path) -> None:
    hook = Hook(python(WRITE, tmp_path), every_seconds=0)
    evil = "$(touch /tmp/x); `id`\x00\n"
    hook.see(scene(2.5, track(7, 50, 40), track(8, 90, 40, label=evil)))
    wait_for(lambda: list(tmp_path.glob("*.json")))
    assert hook.close() == {"started": 1, "failed": 0}
    got = json.loads((tmp_path / "0.json").read_text())
    assert got["facts"]["objects"][0] == {"id": 7, "label": "face", "score": 0.9, "box_xyxy": [40, 30, 60, 50]}
    assert got["facts"]["objects"][1]["label"] == evil
    assert (got["facts"]["width"], got["facts"]["height"], got["facts"]["seconds"]) == (200, 100, 2.5)
    assert got["facts"]["time"] == "2025-03-04T12:00:02.500+01:00"
    assert got["seen"]["THIRTYFOLD_COUNT"] == "2"
    assert got["seen"]["THIRTYFOLD_LABELS"] == "face,$(touch /tmp/x); `id`  "
    assert got["seen"]["THIRTYFOLD_SOURCE"] == "camera 0"
    assert got["arguments"] == [str(tmp_path)]


def test_what_the_second_model_said_is_among_the_facts(tmp_path: Path) -> None:
    judged = track(1, 50, 40)
    judged = replace(judged, detected=replace(judged.detected, extra={"then": {"label": "with_mask", "score": 0.93}}))
    hook = Hook(python(WRITE, tmp_path), every_seconds=0)
    hook.see(scene(0, judged))
    wait_for(lambda: list(tmp_path.glob("*.json")))
    hook.close()
    (found,) = json.loads((tmp_path / "0.json").read_text())["facts"]["objects"]
    assert found["then"] == {"label": "with_mask", "score": 0.93}


def test_nothing_is_started_for_an_empty_picture_and_not_again_before_its_time(tmp_path: Path) -> None:
    hook = Hook(python("pass"), every_seconds=3600)
    hook.see(scene(0))
    assert hook.close()["started"] == 0
    hook = Hook(python("pass"), every_seconds=3600)
    for seconds in range(5):
        hook.see(scene(seconds, track(1, 50, 40)))
        wait_for(lambda: hook._thread is None or not hook._thread.is_alive())
    assert hook.close()["started"] == 1


def test_a_program_that_takes_its_time_holds_up_nobody_runs_alone_and_is_ended_with_us(tmp_path: Path) -> None:
    # Its child is to go with it, and it does not listen to a polite request.
    code = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + "/" + str(child.pid), "w").close()
time.sleep(600)
"""
    hook = Hook(python(code, tmp_path), every_seconds=0)
    for seconds in range(50):
        hook.see(scene(seconds, track(1, 50, 40)))
    wait_for(lambda: list(tmp_path.iterdir()))
    hook.see(scene(60, track(1, 50, 40)))
    assert hook.close() == {"started": 1, "failed": 0}
    assert hook.problems == []
    (child,) = [int(path.name) for path in tmp_path.iterdir()]
    if Path("/proc").is_dir():
        wait_for(lambda: not is_running(child))


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_program_that_reads_nothing_is_no_harm() -> None:
    hook = Hook(python("import sys; sys.stdin.close()"), every_seconds=0)
    hook.see(scene(0, *(track(number, 50, 40) for number in range(2000))))
    wait_for(lambda: hook._thread is not None and not hook._thread.is_alive())
    assert hook.close() == {"started": 1, "failed": 0}


def test_failures_are_counted_and_told_in_one_sentence() -> None:
    hook = Hook(python("raise SystemExit(3)"), every_seconds=0)
    for seconds in range(2):
        hook.see(scene(seconds, track(1, 50, 40)))
        wait_for(lambda: hook._thread is not None and not hook._thread.is_alive())
    assert hook.close() == {"started": 2, "failed": 2}
    (problem,) = hook.problems
    assert "2 of 2 runs failed, last: exit code 3" in problem


def test_a_command_is_split_without_a_shell_and_has_to_be_there() -> None:
    program = shlex.quote(sys.executable)
    assert parse_command(f"{program} -c 'print(1)' $HOME ; ls") == (
        sys.executable, "-c", "print(1)", "$HOME", ";", "ls",
    )  # fmt: skip
    for wrong, said in (
        ("", "a program was expected"),
        ("no-such-program-here x", "no program"),
        ("a 'b", "quotation"),
    ):
        with pytest.raises(UsageError, match=said):
            parse_command(wrong)

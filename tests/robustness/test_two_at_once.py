"""Two commands on one dataset: who holds it, what becomes of a dead holder, and disks that know no locks."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drawn import write_dataset
from tests.heard import Heard
from tests.robustness.commands import run
from thirtyfold.dataset_lock import LOCK, OWNER, locked, read_owner
from thirtyfold.errors import UsageError
from thirtyfold.workspace import Dataset

HOLD = "import sys, time; from thirtyfold.workspace import Dataset; from pathlib import Path\n"
HOLD += "with Dataset(Path(sys.argv[1])).lock('augment'):\n    print('held', flush=True)\n    sys.stdin.read()\n"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "faces", sessions=3, per_session=1)


@pytest.fixture
def holder(faces: Path) -> Callable[[], subprocess.Popen[str]]:
    """Starts another process that holds the dataset until its stdin is closed."""

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(faces)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    return start


COMMANDS = {
    "split": lambda faces: ["split", faces],
    "augment": lambda faces: ["augment", faces, "--factor", "1", "--workers", "1"],
    "augment --store shards": lambda faces: ["augment", faces, "--factor", "1", "--workers", "1", "--store", "shards"],
    "capture": lambda faces: ["capture", faces, "--source", "demo", "--n", "1", "--no-preview"],
    "annotate --prelabel": lambda faces: ["annotate", faces, "--prelabel", "haar", "--status"],
    "annotate --prelabel none": lambda faces: ["annotate", faces, "--prelabel", "none", "--status"],
}


def test_the_second_command_is_told_who_is_at_work_and_since_when(
    faces: Path, holder: Callable[[], subprocess.Popen[str]]
) -> None:
    process = holder()
    try:
        for name, command in COMMANDS.items():
            ran = run(*command(faces))
            assert ran.exit_code == 2, (name, ran.said)
            told = f"thirtyfold: {faces}: another thirtyfold command is at work here (augment, process {process.pid} "
            assert ran.stderr.splitlines()[-1].startswith(f"{told}on {socket.gethostname()} since 2"), ran.stderr
            assert "; wait for it, then " in ran.stderr
        # Who only reads need not wait.
        assert run("check", faces, "--no-html").exit_code == 0
        assert run("annotate", faces, "--status").exit_code == 0
    finally:
        process.communicate()
    assert not (faces / OWNER).exists()
    assert run("split", faces).exit_code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_a_dead_holder_keeps_nobody_out_and_is_named(faces: Path, holder: Callable[[], subprocess.Popen[str]]) -> None:
    process = holder()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    broken_off = read_owner(faces)
    assert broken_off is not None
    assert broken_off.process == process.pid
    ran = run("split", faces)
    assert ran.exit_code == 0, ran.said
    assert (
        f"{faces}: the command before was broken off (augment, process {process.pid} on {socket.gethostname()} since "
        in ran.stderr
    )
    assert "; going on" in ran.stderr
    assert not (faces / OWNER).exists()
    assert "broken off" not in run("split", faces).stderr


def test_a_command_that_ends_with_an_error_lets_go(faces: Path) -> None:
    assert run("split", faces, "--test-sessions", "nobody").exit_code == 2
    heard = Heard()
    with locked(faces, "test", progress=heard):
        assert heard.lines == []


def test_two_threads_of_one_program_are_two(faces: Path) -> None:
    told: list[str] = []

    def second() -> None:
        try:
            with Dataset(faces).lock("save the frame"):
                pass
        except UsageError as error:
            told.append(str(error))

    with Dataset(faces).lock("annotate"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(told) == 1
    assert f"(annotate, process {os.getpid()} on " in told[0]
    assert told[0].endswith("; wait for it, then save the frame again")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"doing": "x"}', '{"process": "y", "doing": 1, "host": 2}', "\xff"]
)
def test_a_broken_note_of_the_holder_is_no_reason_to_stop(faces: Path, content: str) -> None:
    (faces / OWNER).write_text(content, encoding="latin-1")
    assert read_owner(faces) is None
    assert run("split", faces).exit_code == 0
    assert not (faces / OWNER).exists()


def test_four_processes_at_once_are_one_after_the_other_or_refused(faces: Path) -> None:
    count = faces / "count"
    count.write_text("0")
    step = "from pathlib import Path; import sys, time; from thirtyfold.workspace import Dataset\n"
    step += "from thirtyfold.errors import UsageError\nroot = Path(sys.argv[1])\ndone = 0\n"
    step += "for _ in range(40):\n    try:\n        with Dataset(root).lock('count'):\n"
    step += "            number = int((root / 'count').read_text()); time.sleep(0.001)\n"
    step += "            (root / 'count').write_text(str(number + 1)); done += 1\n"
    step += "    except UsageError:\n        time.sleep(0.003)\nprint(done)\n"
    processes = [
        subprocess.Popen([sys.executable, "-c", step, str(faces)], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    done = sum(int(process.communicate()[0]) for process in processes)
    assert int(count.read_text()) == done > 0


@pytest.mark.skipif(os.name == "nt", reason="flock is not how Windows locks")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_a_clear_sentence(faces: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    import fcntl

    def refuses(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuses)
    ran = run("split", faces)
    assert ran.exit_code == 2, ran.said
    assert ran.stderr.startswith(f"thirtyfold: {faces}: its disk gives no locks (")
    assert "work on a copy on a disk of this machine" in ran.stderr
    assert not (faces / "split.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="flock is not how Windows locks")
def test_a_system_without_such_locks_is_held_by_a_marker_file_without_any_warning(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def is_missing(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", is_missing)
    refused = pytest.raises(UsageError, match=r"is at work here \(first, process")
    with Dataset(faces).lock("first"), refused, Dataset(faces).lock("second"):
        pytest.fail("two at once")
    with Dataset(faces).lock("third"):
        assert (faces / LOCK).exists()


def test_a_lock_that_is_a_folder_or_a_dataset_that_is_a_file_is_a_clear_sentence(faces: Path, tmp_path: Path) -> None:
    (faces / LOCK).unlink(missing_ok=True)
    (faces / LOCK).mkdir()
    ran = run("split", faces)
    assert (ran.exit_code, "Traceback" in ran.stderr) == (4, False), ran.said
    assert f"{faces / LOCK}: cannot be written" in ran.stderr
    (tmp_path / "file").write_text("")
    ran = run("capture", tmp_path / "file", "--source", "demo", "--n", "1", "--no-preview")
    assert (ran.exit_code, "Traceback" in ran.stderr) == (4, False), ran.said


def test_the_holders_note_says_what_a_person_needs(faces: Path) -> None:
    with Dataset(faces).lock("augment"):
        note = json.loads((faces / OWNER).read_text())
    assert note == {
        "doing": "augment", "process": os.getpid(), "host": socket.gethostname(), "since": note["since"],
    }  # fmt: skip
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", note["since"])

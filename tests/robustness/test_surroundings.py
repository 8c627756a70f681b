"""The real program in odd surroundings: locale C, no HOME, closed streams, narrow terminals, no temporary files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.drawn import write_dataset
from thirtyfold import console

THIRTYFOLD = [sys.executable, "-m", "thirtyfold"]
ON_UNIX = pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("лица") / "faces é", sessions=3, per_session=1)


def bare(**variables: str) -> dict[str, str]:
    """The environment of a process that somebody forgot to give one; only what Python itself needs is in it."""
    needed = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return {**needed, "NO_ALBUMENTATIONS_UPDATE": "1", **variables}


def thirtyfold(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, text: bool = True
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*THIRTYFOLD, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8" if text else None,
        errors="surrogateescape",
        check=False,
        env=dict(env) if env is not None else None,
        cwd=cwd,
    )


def in_a_shell(command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``command`` of a shell, in which ``thirtyfold`` is this one and ``$1`` … are the arguments."""
    shell = f"thirtyfold() {{ '{sys.executable}' -m thirtyfold \"$@\"; }}; {command}"
    return subprocess.run(
        ["bash", "-c", shell, "bash", *map(str, arguments)], capture_output=True, text=True, check=False
    )


LOCALE_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@ON_UNIX
@pytest.mark.parametrize(
    "command",
    [
        ["split", "FACES", "--json"],
        ["check", "FACES"],
        ["augment", "FACES", "--factor", "1", "--workers", "2"],
        ["convert", "FACES", "OUT/yolo", "--to", "yolo"],
        ["capture", "OUT/taken", "--source", "FACES/images", "--n", "3", "--json"],
        ["predict", "FACES", "--model", "haar", "--save", "OUT/found"],
    ],
    ids=lambda command: command[0],
)
def test_in_locale_c_names_of_every_alphabet_work(faces: Path, tmp_path: Path, command: Sequence[str]) -> None:
    out = tmp_path / "выход"
    done = thirtyfold(
        *(part.replace("FACES", str(faces)).replace("OUT", str(out)) for part in command), env=bare(**LOCALE_C)
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if "--json" in command:
        json.loads(done.stdout)
    if command[0] == "capture":
        first = json.loads((out / "taken" / "captures.jsonl").read_text(encoding="utf-8").splitlines()[0])
        # What was unreadable in that locale is read by everybody else as it was typed.
        assert os.fsencode(first["source"]).decode() == str(faces / "images")


def test_without_a_home_or_with_one_that_is_not_there_everything_works(faces: Path, tmp_path: Path) -> None:
    for env in (bare(), bare(HOME="/nowhere/at/all", USERPROFILE="/nowhere/at/all")):
        for command in (
            ["split", faces],
            ["augment", faces, "--factor", "1", "--workers", "1"],
            ["evaluate", "--baselines", "haar", "--dataset", faces, "--part", "all", "--runs", tmp_path],
        ):
            done = thirtyfold(*command, env=env)
            assert done.returncode == 0, done.stderr
            assert done.stderr.count("\n") < 6, done.stderr


@ON_UNIX
def test_temporary_files_have_no_place_and_are_not_missed(faces: Path, tmp_path: Path) -> None:
    nowhere = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), "/proc/nothing")
    done = thirtyfold("augment", faces, "--factor", "1", "--workers", "2", env=bare(**nowhere), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def widths(text: str) -> list[int]:
    return [len(line) for line in text.splitlines()]


def test_in_a_narrow_terminal_tables_are_narrow_and_nothing_is_cut_off(faces: Path) -> None:
    wide, narrow, narrowest = (
        thirtyfold("check", faces, "--no-html", env=bare(COLUMNS=columns)) for columns in ("200", "40", "1")
    )
    assert [done.returncode for done in (wide, narrow, narrowest)] == [0, 0, 0], narrowest.stderr
    assert max(widths(narrow.stdout)) <= 40

    def letters(text: str) -> str:
        return "".join(sorted(letter for letter in text if letter.isalnum()))

    # Cells are folded, never shortened with dots: every letter is there.
    assert letters(narrow.stdout) == letters(wide.stdout)
    assert "…" not in narrow.stdout


def test_help_is_folded_for_a_narrow_terminal() -> None:
    done = thirtyfold("augment", "--help", env=bare(COLUMNS="40", TERMINAL_WIDTH="40"))
    assert done.returncode == 0
    assert max(widths(done.stdout)) <= 50  # as narrow as click ever makes it


def test_no_colour_where_none_is_wanted_and_none_in_a_pipe(faces: Path) -> None:
    for env in (bare(NO_COLOR="1", TERM="xterm-256color"), bare(TERM="dumb"), bare(TERM="xterm-256color")):
        done = thirtyfold("check", faces, "--no-html", env=env)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr
    # On a terminal, too: bold is no colour (no-color.org), colours are gone.
    done = thirtyfold("check", faces, "--no-html", env=bare(NO_COLOR="1", FORCE_COLOR="1", TERM="xterm-256color"))
    assert "\x1b[3" not in done.stdout.replace("\x1b[3m", "")
    assert "\x1b[9" not in done.stdout


def test_json_is_never_broken_by_the_width_of_a_terminal_or_colours(faces: Path) -> None:
    done = thirtyfold("check", faces, "--no-html", "--json", env=bare(COLUMNS="10", FORCE_COLOR="1", TERM="xterm"))
    assert json.loads(done.stdout)["photos"] == 3


@ON_UNIX
@pytest.mark.parametrize("command", ['check "$1" --no-html', "augment --list-recipes --json", 'split "$1/nowhere"'])
def test_a_reader_that_has_enough_gets_no_traceback(faces: Path, command: str) -> None:
    done = in_a_shell(f"set -o pipefail; thirtyfold {command} | true; exit ${{PIPESTATUS[0]}}", faces)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    # As a program that SIGPIPE ended, never 1, which would be a bug of ours; or how it ended before it was read.
    assert done.returncode in (0, 2, 4, 141)
    both = in_a_shell(f"thirtyfold {command} 2>&1 | true; exit ${{PIPESTATUS[0]}}", faces)
    assert both.returncode in (0, 2, 4, 141)
    assert both.stderr == ""


@ON_UNIX
def test_output_for_a_reader_that_is_gone_is_told_by_the_exit_code(tmp_path: Path) -> None:
    command = '{ until [ -e "$1" ]; do sleep 0.02; done; thirtyfold augment --list-recipes --json; }'
    done = in_a_shell(f'{command} | (exec <&-; : >"$1"); exit ${{PIPESTATUS[0]}}', tmp_path / "gone")
    assert (done.returncode, done.stderr) == (141, "")


@ON_UNIX
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_change_nothing_but_what_is_seen(faces: Path, tmp_path: Path, closed: str) -> None:
    script = f'thirtyfold augment "$1" --factor 2 --workers 1 {closed} && thirtyfold check "$1" --html "$2" {closed}'
    done = in_a_shell(script, faces, tmp_path / "check.html")
    assert done.returncode == 0, done.stderr
    copies = json.loads((faces / "augmented" / "manifest.json").read_text())
    assert copies["finished"] is True
    # What C libraries chat must not land in a file that got the number of a closed stream.
    for path in (faces / "augmented" / "images").iterdir():
        data = path.read_bytes()
        assert data[:2] == b"\xff\xd8" if path.suffix == ".jpg" else json.loads(data)


@ON_UNIX
def test_a_closed_stderr_does_not_lose_the_error(faces: Path) -> None:
    done = in_a_shell('thirtyfold split "$1/nowhere" 2>&-', faces)
    assert (done.returncode, done.stdout) == (4, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ['check "$1" --no-html', 'check "$1" --no-html --json', "--help"])
def test_output_that_nobody_can_store_is_said(faces: Path, command: str) -> None:
    done = in_a_shell(f"thirtyfold {command} > /dev/full", faces)
    assert done.returncode == 4
    assert done.stderr == "thirtyfold: the output could not be written (No space left on device)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_stderr_stops_nothing(faces: Path) -> None:
    done = in_a_shell('thirtyfold split "$1" --json 2> /dev/full', faces)
    assert done.returncode == 0
    json.loads(done.stdout)


def test_markup_in_names_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_facts("[red]title[/red]", {"[bold]name[/bold]": "[link=http://x]value[/link]"})
    shown = capsys.readouterr().out
    for text in ("[red]title[/red]", "[bold]name[/bold]", "[link=http://x]value[/link]"):
        assert text in shown

"""The real command, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.drawn import draw_photo
from tests.live.conftest import write_video
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.cli import main
from thirtyfold.errors import DataError
from thirtyfold.images import write_jpeg

LIVE = [sys.executable, "-m", "thirtyfold", "live", "--view", "none", "--json"]


def test_live_on_a_video_prints_numbers_that_agree(tiny_run: Path, face_video: Path, tmp_path: Path) -> None:
    saved = tmp_path / "out.mp4"
    done = subprocess.run(
        [*LIVE, "--model", str(tiny_run), "--source", str(face_video), "--save", str(saved)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    numbers = json.loads(done.stdout)
    assert numbers["frames_read"] == 60
    assert numbers["frames_read"] >= numbers["frames_shown"] >= 1
    assert numbers["frames_dropped"] == numbers["frames_read"] - numbers["frames_shown"]
    assert numbers["frames_with_boxes"] >= 1
    assert 0 < numbers["age_ms_p50"] <= numbers["age_ms_p95"]
    assert numbers["model_ms"] > 0
    assert 0 < numbers["fps"] <= 40
    assert numbers["first_box_seconds"] > 0
    assert numbers["problems"] == []
    assert "Traceback" not in done.stderr
    assert cv2.VideoCapture(str(saved)).get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(60, abs=15)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_every_extra_at_once_from_the_command_line(tiny_run: Path, face_video: Path, tmp_path: Path) -> None:
    hook = f"{sys.executable} -c \"import sys; open('facts.json', 'w').write(sys.stdin.read())\""
    arguments = ["--fast", "--no-track", "--then", str(tiny_run), "--blur", "--keep-originals", "--crops", "cut"]
    arguments += ["--count", "counts.csv", "--zone", "all=0,0,1,1", "--line", "gate=160,0,160,240", "--on-detect", hook]
    done = subprocess.run(
        [*LIVE, "--model", str(tiny_run), "--source", str(face_video), *arguments, "--save", "out.mp4"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    numbers = json.loads(done.stdout)
    assert numbers["frames_shown"] == numbers["frames_detected"] == 60
    assert numbers["count"]["all"]["entered"]["face"] == numbers["objects_seen"] >= 1
    assert numbers["on_detect"]["started"] == 1
    assert numbers["crops"]["files"] == len(list((tmp_path / "cut").rglob("*.jpg"))) >= 2
    assert numbers["problems"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counts.csv", "cut", "facts.json", "out.mp4"]


def test_pictures_that_could_not_be_read_are_named_and_the_exit_code_says_so(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jpeg(tmp_path / "a.jpg", draw_photo(3)[0])
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8 not really")
    arguments = ["live", "--model", str(tiny_run), "--source", str(tmp_path), "--view", "none", "--fast", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == DataError.exit_code
    told = capsys.readouterr()
    numbers = json.loads(told.out)
    assert numbers["frames_shown"] == 1
    assert [Path(problem.partition(":")[0]).name for problem in numbers["problems"]] == ["torn.jpg"]
    assert "1 pictures were left out, first" in told.err
    (tmp_path / "torn.jpg").unlink()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


def test_live_never_imports_tensorflow(tiny_run: Path, face_video: Path) -> None:
    code = (
        "import sys; from thirtyfold.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('LOADED', sorted({name.split('.')[0] for name in sys.modules}"
        " & {'tensorflow', 'keras', 'albumentations', 'pydantic'}))"
    )
    arguments = ["live", "--view", "none", "--json", "--model", str(tiny_run), "--source", str(face_video)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--max-seconds", "1"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_still_print_the_summary_and_finish_the_video(
    tiny_run: Path, tmp_path: Path, number: signal.Signals
) -> None:
    write_video(tmp_path / "long.mp4", frames=1200)
    arguments = ["--model", str(tiny_run), "--source", "long.mp4", "--save", "out.mp4"]
    with subprocess.Popen(
        [*LIVE, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: any(size_of(path) > 50_000 for path in tmp_path.glob(".out.*")))
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert json.loads(out)["ended"] == "ctrl-c"
    assert "Traceback" not in err
    assert cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) >= 5


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--source", "gone.mp4"], 5, "gone.mp4"),
        (["--source", "{video}", "--model", "gone"], 6, "no such run"),
        (["--source", "{video}", "--save", "out.txt"], 2, "a video file was expected"),
        (["--source", "{video}", "--view", "mirror"], 2, "--view mirror"),
        (["--source", "{video}", "--threshold", "7"], 2, "--threshold"),
        (["--source", "{video}", "--view", "window"], 7, "--view none"),
        (["--source", "{video}", "--blur", "--crops", "cut"], 2, "--keep-originals"),
        (["--source", "{video}", "--on-detect", "no-such-program"], 2, "no program"),
        (["--source", "{video}", "--then", "gone"], 6, "no such run"),
    ],
)
def test_each_error_is_one_sentence_with_its_own_exit_code(
    tiny_run: Path, face_video: Path, tmp_path: Path, arguments: list[str], code: int, text: str
) -> None:
    given = [argument.replace("{video}", str(face_video)) for argument in arguments]
    model = [] if "--model" in given else ["--model", str(tiny_run)]
    without_screen = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if "window" in given and sys.platform in ("win32", "darwin"):
        pytest.skip("there is always a screen here")
    done = subprocess.run(
        [*LIVE, *model, *given], capture_output=True, text=True, cwd=tmp_path, env=without_screen, check=False
    )
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("thirtyfold: ")
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

"""The real command, in a process of its own, with its page open."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.live.conftest import write_video
from tests.waiting import PATIENCE_SECONDS
from thirtyfold.live.web.server import LOOPBACK_NAMES

LIVE = [sys.executable, "-m", "thirtyfold", "live", "--port", "0", "--json"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_people_look_ends_with_the_summary_and_without_a_word_of_the_server(
    tiny_run: Path, tmp_path: Path, number: signal.Signals
) -> None:
    write_video(tmp_path / "long.mp4", frames=900)
    # As where there is no screen: the page comes by itself.
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    with subprocess.Popen(
        [*LIVE, "--model", str(tiny_run), "--source", "long.mp4"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(2)]
        link = told[1].rpartition(" ")[2].strip()
        with httpx.Client(timeout=PATIENCE_SECONDS) as client:
            client.get(link)
            with client.stream("GET", link.partition("?")[0] + "stream.mjpg") as stream:
                assert next(stream.iter_raw(10_000))
                process.send_signal(number)
                out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert json.loads(out)["ended"] == "ctrl-c"
    assert json.loads(out)["view"] == "web"
    assert told[0].startswith("no window: ")
    *said, last = err.splitlines()
    assert {line.split(":")[0] for line in said} == {"live"}
    assert last == "thirtyfold: stopped"
    assert list(tmp_path.iterdir()) == [tmp_path / "long.mp4"]


def test_the_link_is_of_this_machine_alone(tiny_run: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "short.mp4", frames=5)
    done = subprocess.run(
        [*LIVE, "--view", "web", "--max-seconds", "1", "--model", str(tiny_run), "--source", "short.mp4"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    link = done.stderr.splitlines()[0].rpartition(" ")[2]
    assert httpx.URL(link).host in LOOPBACK_NAMES
    assert len(dict(httpx.URL(link).params)["token"]) >= 43

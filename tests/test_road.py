"""The whole road by the real commands, as a person types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from thirtyfold.demo import DemoPlan, run_demo
from thirtyfold.model.options import TrainOptions


def tool(*arguments: object, cwd: Path, code: int = 0, env: dict[str, str] | None = None) -> Any:
    """Run a command with --json where its exit code is 0; returns what it printed."""
    command = [sys.executable, "-m", "thirtyfold", *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stderr[-2000:]
    return json.loads(done.stdout) if code == 0 else done.stderr


@pytest.mark.slow
def test_the_demo_walks_from_nothing_to_a_drawn_video(tmp_path: Path) -> None:
    train = TrainOptions(backbone="tiny", weights="none", size=96, epochs=3)
    plan = DemoPlan(sessions=4, photos_a_session=6, factor=6, train=train, live_seconds=3)
    result = run_demo(tmp_path / "demo", plan=plan)
    assert result.photos == 24
    assert result.copies == 6 * len(list((result.folder / "faces/images").glob("*.jpg"))) - 6 * 12  # half is held out
    assert (result.run_dir / "report.html").stat().st_size > 10_000
    assert json.loads((result.folder / "demo.json").read_text())["test"]["objects"] > 0
    video = cv2.VideoCapture(str(result.video))
    ok, frame = video.read()
    video.release()
    assert ok
    assert frame.shape == (480, 640, 3)
    assert result.live["frames_shown"] > 5


@pytest.mark.slow
def test_five_commands_find_a_person_they_have_not_seen(shared: Callable[[str], Path], tmp_path: Path) -> None:
    """A short form of `make proof`, on real photos with real weights: the person of the clip milk is held out."""
    faces = tmp_path / "datasets" / "faces"
    shutil.copytree(shared("data/clip_frames"), faces / "images", copy_function=shutil.copyfile)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    models = tmp_path / "keras" / "models"
    models.mkdir(parents=True)
    shutil.copyfile(shared(f"weights/{name}"), models / name)
    env = {"KERAS_HOME": str(models.parent)}

    split = tool("split", "--group-by", "^([a-z]+)_", "--test-sessions", "milk", "--json", cwd=tmp_path)
    assert split["counts"] == {"train": 72, "val": 12, "test": 12}
    augmented = tool("augment", "--factor", 8, "--json", cwd=tmp_path)
    assert augmented["copies"] == 72 * 8
    options = ["--backbone", "mobilenetv2", "--alpha", 0.35, "--epochs", 4]
    run = tool("train", *options, "--json", cwd=tmp_path, env=env)
    assert run["metrics"]["test"]["found"] == 1.0
    assert run["metrics"]["test"]["mean_iou"] > 0.6
    assert run["metrics"]["tflite_against_keras"]["largest_box_difference_px"] < 1.0

    (found,) = tool("predict", shared("data/clip_frames/milk_023.jpg"), "--json", cwd=tmp_path)
    assert [annotation["label"] for annotation in found["annotations"]] == ["face"]
    live = tool("live", "--source", shared("data/clips/milk.mkv"), "--view", "none", "--fast", "--json", cwd=tmp_path)
    assert live["frames_with_boxes"] > 0.5 * live["frames_detected"] > 0


def test_every_kind_of_failure_has_its_exit_code_and_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases: list[tuple[int, list[str], str]] = [
        (2, ["capture", "--n", "0"], "at least one photo"),
        (2, ["augment", "--factor", "0"], "--factor 0"),
        (2, ["train", "--size", "100"], "multiple of 32"),
        (2, ["train", "--backbone", "vgg99"], "vgg16"),
        (2, ["live", "--view", "hologram"], "--view hologram"),
        (4, ["split", "nowhere"], "no such dataset"),
        (4, ["augment", "empty"], "photos"),
        (4, ["train", "empty"], "photos"),
        (5, ["capture", "--source", "nothing.mp4", "--n", "1"], "nothing.mp4"),
        (6, ["live", "--source", "demo"], "thirtyfold train"),
        (6, ["predict", "x.jpg", "--model", "runs/detect/9"], "no such run"),
    ]
    for code, arguments, words in cases:
        stderr = tool(*arguments, cwd=tmp_path, code=code)
        assert words in stderr, (arguments, stderr)
        assert "Traceback" not in stderr
        assert len(stderr.strip().splitlines()) == 1, stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"], "a failed command left something behind"

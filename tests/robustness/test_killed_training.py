"""A training and an export ended by SIGKILL in the middle of a write, and gone on with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawn import write_dataset
from tests.robustness.commands import half_written, run, tree
from tests.robustness.killing import KILLS, ForkServer, moments
from thirtyfold.predict.artifact import read_artifact
from thirtyfold.predict.runtime import load

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are killed in forks, which Windows has not"),
    pytest.mark.slow,
]
TRAIN = ["train", "faces", "--backbone", "tiny", "--weights", "none", "--size", "32", "--batch", "8", "--epochs", "2"]
RESUME = ["train", "faces", "--resume", "latest"]
RUN = Path("runs/detect/1")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer("tensorflow", "keras", "cv2", "matplotlib.pyplot", "thirtyfold.cli", "thirtyfold.model.train")
    yield server
    server.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, server: ForkServer) -> Path:
    """A folder with ``calm/``, where a training went undisturbed, and ``killed/`` with the same photos."""
    scene = tmp_path_factory.mktemp("training")
    write_dataset(scene / "calm" / "faces", sessions=4, per_session=3, empty_every=7)
    assert run("split", scene / "calm" / "faces").exit_code == 0
    shutil.copytree(scene / "calm", scene / "killed")
    calm = server.run(TRAIN, watch=scene / "calm")
    assert calm.status == 0, calm.said
    (scene / "steps").write_text(str(calm.steps))
    return scene


def test_a_training_killed_while_it_learns_and_while_it_finishes_ends_as_if_nothing_had_been(
    scene: Path, server: ForkServer
) -> None:
    steps = int((scene / "steps").read_text())
    before = tree(scene / "killed" / "faces" / "images")

    def kill(at: int) -> None:
        begun = (scene / "killed" / RUN / "args.json").exists()
        answer = server.run(RESUME if begun else TRAIN, watch=scene / "killed", kill_at=at)
        assert answer.status == -9, answer.said
        assert not (scene / "killed" / RUN / "model.json").exists(), "it is finished only when all is there"

    kill(moments("learning", steps // 3, 2)[0])
    kill(4 * steps // 10)  # the epochs are over; what is left exports, judges and reports
    shutil.copytree(scene / "killed", scene / "probe")
    left = server.run(RESUME, watch=scene / "probe")
    assert left.status == 0, left.said
    for moment in moments("finishing", left.steps // 2, max(1, KILLS // 3)):
        kill(moment)
    answer = server.run(RESUME, watch=scene / "killed")
    assert answer.status == 0, answer.said
    calm, killed = read_artifact(scene / "calm" / RUN), read_artifact(scene / "killed" / RUN)
    assert (killed.metrics["val"], killed.metrics["test"]) == (calm.metrics["val"], calm.metrics["test"])
    rows = [(scene / folder / RUN / "results.csv").read_text() for folder in ("calm", "killed")]
    assert rows[0] == rows[1]
    photo = scene / "calm" / "faces" / "images" / "0001.jpg"
    assert (scene / "killed" / RUN / "model.tflite").read_bytes() == (
        scene / "calm" / RUN / "model.tflite"
    ).read_bytes()
    assert run("predict", photo, "--model", scene / "killed" / RUN, "--threshold", "0.01").exit_code == 0
    assert [path.name for path in (scene / "killed" / "runs" / "detect").iterdir()] == ["1"]
    assert tree(scene / "killed" / "faces" / "images") == before


def test_an_export_killed_in_the_middle_leaves_the_run_as_it_was_and_can_be_done_again(
    scene: Path, server: ForkServer
) -> None:
    export = ["export", "latest", "--to", "onnx", "--force"]
    before = tree(scene / "calm" / RUN)
    probe = server.run(["export", "latest", "--to", "onnx", "--out", "other.onnx"], watch=scene / "calm")
    assert probe.status == 0, probe.said
    for moment in moments("export", probe.steps, max(1, KILLS // 5)):
        assert server.run(export, watch=scene / "calm", kill_at=moment).status == -9
        read_artifact(scene / "calm" / RUN)
        load(scene / "calm" / RUN)
        after = tree(scene / "calm" / RUN)
        assert {name: after.get(name) for name in before if "onnx" not in name and name != "model.json"} == {
            name: digest for name, digest in before.items() if "onnx" not in name and name != "model.json"
        }
    answer = server.run(export, watch=scene / "calm")
    assert answer.status == 0, answer.said
    card = json.loads((scene / "calm" / RUN / "model.json").read_text())
    assert "model.onnx" in card["forms"]
    assert [name for name in half_written(scene / "calm" / RUN) if not name.split("/")[-1].startswith(".")] == []

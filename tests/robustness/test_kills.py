"""Every writing command ended by SIGKILL before, between and in the middle of its writes, then started again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from tests.drawn import write_dataset
from tests.robustness.commands import run, tree
from tests.robustness.killing import LIGHT_MODULES, Answer, ForkServer, moments
from thirtyfold.datasets import labelme_json
from thirtyfold.images import is_image, read_rgb
from thirtyfold.workspace import Dataset

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are killed in forks, which Windows has not"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer(*LIGHT_MODULES)
    yield server
    server.close()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("drawn") / "faces", sessions=4, per_session=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Two folders with the same dataset, one to be worked in undisturbed, one to be killed in."""

    calm: Path
    killed: Path


@pytest.fixture
def scene(photos: Path, tmp_path: Path) -> Scene:
    scene = Scene(calm=tmp_path / "calm", killed=tmp_path / "killed")
    for folder in (scene.calm, scene.killed):
        shutil.copytree(photos, folder / "faces")
    return scene


# In the killed folder the dataset has the same relative path, as some reports name it.
WORK = {
    "split": [["split", "faces"]],
    "augment": [["augment", "faces", "--factor", "2", "--workers", "1"]],
    "augment --store shards": [["augment", "faces", "--factor", "2", "--workers", "1", "--store", "shards"]],
    "augment, other options": [
        ["augment", "faces", "--factor", "1", "--workers", "1"],
        ["augment", "faces", "--factor", "2", "--workers", "1", "--seed", "5"],
    ],
    "augment --preview": [["split", "faces"], ["augment", "faces", "--preview"]],
    "convert --to coco": [["convert", "faces", "out", "--to", "coco"]],
    "convert --to yolo --copy": [["convert", "faces", "out", "--to", "yolo", "--copy"]],
    "convert --to voc": [["convert", "faces", "out", "--to", "voc"]],
    "convert --to masks": [["convert", "faces", "out", "--to", "masks"]],
    "check": [["check", "faces"]],
    "check --fix": [["check", "faces", "--fix", "--no-html"]],
    "predict --save": [["predict", "faces", "--model", "haar", "--save", "out"]],
}
# What may differ between two undisturbed runs, too: times and speeds.
SAYS_TIMES = {"evaluation.json", "report.html"}


def assert_nothing_is_half(folder: Path) -> None:
    """Every file that bears its name is whole; what begins with a dot is nobody's yet."""
    for path in folder.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts) or not path.is_file():
            continue
        if is_image(path):
            read_rgb(path)
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
        elif path.suffix == ".jsonl":
            [json.loads(line) for line in path.read_text().splitlines()[:-1]]
        else:
            assert path.stat().st_size > 0, path


def visible(folder: Path) -> dict[str, str]:
    """The tree without what begins with a dot, and without files that say when or how fast."""
    return {
        name: digest
        for name, digest in tree(folder).items()
        if not any(part.startswith(".") for part in name.split("/")) and Path(name).name not in SAYS_TIMES
    }


def work_on(server: ForkServer, folder: Path, arguments: list[str], kill_at: int | None = None) -> Answer:
    return server.run(arguments, watch=folder, kill_at=kill_at)


@pytest.mark.parametrize("name", WORK)
def test_killed_again_and_again_the_same_command_ends_with_the_same_files(
    server: ForkServer, scene: Scene, name: str
) -> None:
    *before, last = WORK[name]
    for arguments in before:
        for folder in (scene.calm, scene.killed):
            assert work_on(server, folder, arguments).status == 0
    untouched = tree(scene.killed / "faces" / "images")
    calm = work_on(server, scene.calm, last)
    assert calm.status == 0, calm.said
    for moment in moments(name, calm.steps):
        # Work that was begun has fewer steps left, and may be over before the moment has come.
        answer = work_on(server, scene.killed, last, kill_at=moment)
        assert answer.status in (-9, 0, 3), (name, moment, answer.said)
        assert_nothing_is_half(scene.killed)
        assert tree(scene.killed / "faces" / "images") == untouched
        if answer.status != -9 and name.startswith(("convert", "check --fix")):
            break  # it wrote a new folder, and refuses to write it again
    else:
        answer = work_on(server, scene.killed, last)
        assert answer.status in (0, 3), answer.said
    assert visible(scene.killed) == visible(scene.calm)
    assert not (scene.killed / "faces" / ".lock-owner").exists()


def test_evaluate_killed_again_and_again_writes_the_next_folder_whole(server: ForkServer, scene: Scene) -> None:
    command = ["evaluate", "--baselines", "haar", "--dataset", "faces", "--part", "all"]
    calm = work_on(server, scene.calm, command)
    assert calm.status == 0, calm.said
    for moment in moments("evaluate", calm.steps):
        assert work_on(server, scene.killed, command, kill_at=moment).status == -9
        assert_nothing_is_half(scene.killed)
    assert work_on(server, scene.killed, command).status == 0
    newest = max((scene.killed / "runs").glob("evaluation-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    assert visible(newest) == visible(scene.calm / "runs" / "evaluation-1")


def test_the_first_step_and_the_last_one_are_the_works_own(server: ForkServer, scene: Scene) -> None:
    calm = work_on(server, scene.calm, ["split", "faces"])
    assert work_on(server, scene.killed, ["split", "faces"], kill_at=1).status == -9
    assert not (scene.killed / "faces" / "split.json").exists()
    assert work_on(server, scene.killed, ["split", "faces"], kill_at=calm.steps).status == -9
    assert (scene.killed / "faces" / "split.json").exists()
    assert work_on(server, scene.killed, ["split", "faces"], kill_at=calm.steps + 50).status == 0


def test_capture_killed_again_and_again_has_every_picture_once_with_its_line(
    server: ForkServer, scene: Scene, photos: Path
) -> None:
    command = ["capture", "taken", "--source", str(photos / "images"), "--n", "99", "--no-preview"]
    calm = work_on(server, scene.calm, command)
    assert calm.status == 0, calm.said
    wanted = {str(row["sha256"]) for row in lines_of(scene.calm / "taken")}
    assert len(wanted) == 8
    for moment in moments("capture", calm.steps):
        answer = work_on(server, scene.killed, command, kill_at=moment)
        assert answer.status in (-9, 0, 3), answer.said
        assert_nothing_is_half(scene.killed)
    answer = work_on(server, scene.killed, command)
    assert answer.status in (0, 3), answer.said
    rows = lines_of(scene.killed / "taken")
    assert sorted(str(row["sha256"]) for row in rows) == sorted(wanted), "each picture once"
    assert {str(row["image"]) for row in rows} == {path.name for path in Dataset(scene.killed / "taken").image_paths()}
    assert len({str(row["session"]) for row in rows}) == 1


def lines_of(root: Path) -> list[dict[str, object]]:
    lines = (root / "captures.jsonl").read_text().splitlines()
    return [row for line in lines if "image" in (row := json.loads(line))]


def test_prelabelling_killed_again_and_again_draws_the_same_boxes(server: ForkServer, scene: Scene) -> None:
    for folder in (scene.calm, scene.killed):
        for label in (folder / "faces" / "images").glob("*.json"):
            label.unlink()
    command = ["annotate", "faces", "--prelabel", "haar", "--status"]
    calm = work_on(server, scene.calm, command)
    for moment in moments("prelabel", calm.steps):
        assert work_on(server, scene.killed, command, kill_at=moment).status in (-9, 0)
        assert_nothing_is_half(scene.killed)
    assert work_on(server, scene.killed, command).status == 0
    assert visible(scene.killed) == visible(scene.calm)


def test_a_session_of_labelme_killed_again_and_again_loses_no_box_that_was_saved(
    server: ForkServer, scene: Scene
) -> None:
    call = "tests.robustness.killed_work:annotate"
    for folder in (scene.calm, scene.killed):
        for label in (folder / "faces" / "images").glob("*.json"):
            label.unlink()
    calm = server.run([str(scene.calm / "faces")], watch=scene.calm, call=call)
    assert calm.status == 0, calm.said
    labelled: set[str] = set()
    for moment in moments("annotate", calm.steps):
        assert server.run([str(scene.killed / "faces")], watch=scene.killed, call=call, kill_at=moment).status in (
            -9,
            0,
        )
        now = {path.name for path in (scene.killed / "faces" / "images").glob("*.json")}
        assert now >= labelled, "labels are gone"
        for path in (scene.killed / "faces" / "images").glob("*.json"):
            labelme_json.read(path)
        labelled = now
    assert server.run([str(scene.killed / "faces")], watch=scene.killed, call=call).status == 0
    assert visible(scene.killed) == visible(scene.calm)
    assert not (scene.killed / "faces" / ".annotating").exists()


def test_live_killed_while_it_saves_a_frame_leaves_no_photo_without_its_boxes(
    server: ForkServer, scene: Scene, photos: Path
) -> None:
    call, photo = "tests.robustness.killed_work:save_frames", str(photos / "images" / "0001.jpg")
    calm = server.run([str(scene.calm / "kept"), photo], watch=scene.calm, call=call)
    assert calm.status == 0, calm.said
    for moment in moments("review", calm.steps):
        answer = server.run([str(scene.killed / "kept"), photo], watch=scene.killed, call=call, kill_at=moment)
        assert answer.status in (-9, 0), answer.said
        assert_nothing_is_half(scene.killed)
        kept = Dataset(scene.killed / "kept")
        assert all(kept.label_path(path).exists() for path in kept.image_paths())
    assert server.run([str(scene.killed / "kept"), photo], watch=scene.killed, call=call).status == 0
    assert len(Dataset(scene.killed / "kept").image_paths()) >= 3


def test_live_killed_while_it_records_leaves_no_video_under_the_name_asked_for(
    server: ForkServer, scene: Scene
) -> None:
    command = ["live", "--model", "haar", "--source", "faces/images", "--view", "none", "--fast"]
    command += ["--save", "out.avi", "--crops", "crops", "--count", "counts.csv"]
    calm = work_on(server, scene.calm, command)
    assert calm.status == 0, calm.said
    frames = cv2.VideoCapture(str(scene.calm / "out.avi")).get(cv2.CAP_PROP_FRAME_COUNT)
    for moment in moments("live", calm.steps)[:-1]:
        assert work_on(server, scene.killed, command, kill_at=moment).status == -9
        assert not (scene.killed / "out.avi").exists()
        (scene.killed / "counts.csv").unlink(missing_ok=True)  # begun anew each time, and never written over
    assert work_on(server, scene.killed, command).status == 0
    assert cv2.VideoCapture(str(scene.killed / "out.avi")).get(cv2.CAP_PROP_FRAME_COUNT) == frames


def test_what_kills_left_over_is_in_nobodys_way_and_counts_as_nothing(server: ForkServer, scene: Scene) -> None:
    faces = scene.killed / "faces"
    for arguments in (["augment", "faces", "--factor", "2", "--workers", "1"], ["check", "faces", "--fix"]):
        steps = work_on(server, scene.calm, arguments).steps
        for moment in moments("left over", steps)[:-1]:
            work_on(server, scene.killed, arguments, kill_at=moment)
    count = len(Dataset(faces).image_paths())
    done = run("check", faces, "--no-html", "--json")
    assert (done.exit_code, json.loads(done.stdout)["photos"]) == (0, count) or json.loads(done.stdout)
    converted = run("convert", faces, scene.killed / "yolo", "--to", "yolo", "--json")
    assert json.loads(converted.stdout)["photos"] == count
    found = run("predict", faces, "--model", "haar", "--json")
    assert len(json.loads(found.stdout)) == count

"""Starting labelme: its command line, its environment, and what is said when something is missing.

Where a person would draw, a small program stands in for labelme and writes what it would.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from tests.drawn import draw_photo, write_label
from tests.heard import Heard
from thirtyfold.annotate.labelme_app import annotate
from thirtyfold.annotate.labelme_program import Labelme, command_for, config_for, environment_for_qt, find_labelme
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.progress import labelling_progress
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.machine_made import marked
from thirtyfold.errors import DataError, NothingToDo, NotInstalledError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.workspace import Dataset

FACE = {
    "label": "face",
    "points": [[9.5, 8.0], [30.0, 40.25]],
    "group_id": None,
    "description": "",
    "shape_type": "rectangle",
    "flags": {},
    "mask": None,
}
# What labelme 6 does with a photo: writes over the label file beside it.
SAVE = (
    f"FACE = {json.dumps(FACE)!r}\n"
    + """import json, os, sys, time
def save(photo, shapes, **flags):
    stem = photo.rsplit(".", 1)[0]
    json.dump({"version": "6.3.1", "flags": {name.replace("_", " "): on for name, on in flags.items()},
               "shapes": shapes, "imagePath": photo, "imageData": None, "imageHeight": 240, "imageWidth": 320},
              open(f"photos/{stem}.json", "w"))
face = json.loads(FACE)
"""
)


def pretend(body: str) -> Labelme:
    return Labelme(version="6.3.1", command=(sys.executable, "-c", SAVE + body), bundled=False)


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Three photos without labels; a screen is not needed."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    for number in (1, 2, 3):
        write_jpeg(tmp_path / "faces" / "images" / f"{number:04d}.jpg", draw_photo(number)[0])
    return Dataset(tmp_path / "faces")


def images(dataset: Dataset) -> list[str]:
    return sorted(path.name for path in dataset.images_dir.iterdir())


# --- the command and its settings -------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "data_key"), [("5.11.4", "store_data"), ("6.3.1", "with_image_data"), ("7.9.1", "with_image_data")]
)
def test_the_settings_are_those_that_each_version_knows(version: str, data_key: str) -> None:
    labelme = Labelme(version=version, command=("labelme",), bundled=False)
    config = config_for(labelme, AnnotateOptions(labels=("face", "hand, left")))
    assert config[data_key] is False
    assert not {"store_data", "with_image_data"} - {data_key} & set(config)
    assert config["labels"] == ["face", "hand, left"]
    assert (config["validate_label"], config["auto_save"]) == ("exact", True)


@pytest.mark.parametrize("labels", [("face",), ("face", "hand, left", "#1: ünïcode")])
def test_the_real_labelme_accepts_every_setting(labels: tuple[str, ...]) -> None:
    # labelme shows a warning window and forgets all settings when it does not know one.
    code = (
        "import json, sys; sys.modules['cv2'] = None; from labelme.config import load_config;"
        "from pathlib import Path; print(json.dumps(load_config(Path('/dev/stdin'), {})['labels']))"
    )
    config = config_for(find_labelme(), AnnotateOptions(labels=labels))
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(config, ensure_ascii=False),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment_for_qt(os.environ, {}) | {"PYTHONUTF8": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == list(labels)


def test_labelme_runs_in_a_process_where_opencv_is_blocked() -> None:
    labelme = find_labelme()
    assert labelme.bundled
    assert labelme.version == importlib.metadata.version("labelme")
    command = command_for(labelme, config="c", photos="p")
    assert 'sys.modules["cv2"] = None' in " ".join(command)
    result = subprocess.run([*labelme.command, "--version"], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == f"Labelme {labelme.version}", result.stderr


def test_a_labelme_on_the_path_is_used_where_our_environment_has_none(tmp_path: Path) -> None:
    program = tmp_path / "labelme"
    program.write_text("#!/bin/sh\necho labelme 5.2.1\n")
    program.chmod(0o755)
    labelme = find_labelme(not_installed, str(tmp_path))
    assert (labelme.version, labelme.command, labelme.bundled) == ("5.2.1", (str(program),), False)


def test_no_labelme_names_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(NotInstalledError, match=r"-m pip install 'labelme>=5.5'"):
        find_labelme(not_installed, str(tmp_path))


def test_a_labelme_on_the_path_that_cannot_be_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "labelme").write_bytes(b"\x7fELF made for another system")
    (tmp_path / "labelme").chmod(0o755)
    with pytest.raises(NotInstalledError, match="labelme: does not start"):
        find_labelme(not_installed, str(tmp_path))


def test_a_labelme_too_old_is_refused() -> None:
    with pytest.raises(NotInstalledError, match=r"labelme 4.5.13 is too old"):
        find_labelme(lambda _: "4.5.13")


def not_installed(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


# --- the environment --------------------------------------------------------------------


def test_importing_opencv_leaves_no_trace_in_the_childs_environment() -> None:
    show = (
        "import json, os; from thirtyfold.annotate.labelme_program import environment_for_qt, started_with;"
        "before = dict(os.environ); import cv2; after = dict(os.environ);"
        "print(json.dumps([before, after, environment_for_qt(os.environ, started_with())]))"
    )
    for mine in ({}, {"LD_LIBRARY_PATH": "/mine:/yours", "QT_QPA_PLATFORM_PLUGIN_PATH": "/my/plugins"}):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "LD_"))} | mine
        out = subprocess.run([sys.executable, "-c", show], env=env, capture_output=True, text=True, check=True).stdout
        before, after, restored = json.loads(out)
        if sys.platform == "linux" and not cv2.version.headless:
            assert after != before, "OpenCV no longer changes the environment: this mend can go"
        assert restored == before


def test_what_a_grandparent_with_opencv_left_behind_is_undone_too() -> None:
    package = "/env/lib/python3.11/site-packages/cv2"
    poisoned = {
        "QT_QPA_PLATFORM_PLUGIN_PATH": f"{package}/qt/plugins",
        "QT_QPA_FONTDIR": f"{package}/qt/fonts",
        "LD_LIBRARY_PATH": f"{package}/../../lib64:{package}/../../lib64:/mine:",
        "PATH": "/usr/bin",
    }
    assert environment_for_qt(poisoned, poisoned) == {"PATH": "/usr/bin", "LD_LIBRARY_PATH": "/mine"}


def test_the_persons_own_qt_settings_stay() -> None:
    mine = {"QT_QPA_PLATFORM_PLUGIN_PATH": "/opt/qt/plugins", "LD_LIBRARY_PATH": "/opt/cv2-build/lib:"}
    assert environment_for_qt(mine, {}) == mine


# --- a session --------------------------------------------------------------------------


def test_labels_arrive_and_untouched_photos_stay_unlabelled(dataset: Dataset) -> None:
    annotate(dataset, AnnotateOptions(), labelme=pretend('save("0002.jpg", [face], nothing_here=False)'))
    assert images(dataset) == ["0001.jpg", "0002.jpg", "0002.json", "0003.jpg"]
    assert json.loads((dataset.images_dir / "0002.json").read_text()) == {
        "version": "6.3.1",
        "flags": {},
        "shapes": [FACE],
        "imagePath": "0002.jpg",
        "imageData": None,
        "imageHeight": 240,
        "imageWidth": 320,
    }
    assert not (dataset.root / ".annotating").exists()


def test_a_tick_at_nothing_here_makes_a_verified_negative(dataset: Dataset) -> None:
    annotate(dataset, AnnotateOptions(), labelme=pretend('save("0001.jpg", [], nothing_here=True)'))
    label_file = labelme_json.read(dataset.images_dir / "0001.json")
    assert (label_file.annotations, label_file.flags) == ((), {})
    assert labelling_progress(dataset, ["face"]).empty == 1


def test_a_shape_drawn_and_deleted_again_leaves_the_photo_unlabelled(dataset: Dataset) -> None:
    script = """
save("0001.jpg", [face], nothing_here=False)
until = time.monotonic() + 30
while not os.path.exists("../images/0001.json") and time.monotonic() < until: time.sleep(0.02)
assert os.path.exists("../images/0001.json"), "did not arrive while labelme was running"
save("0001.jpg", [], nothing_here=False)
"""
    annotate(dataset, AnnotateOptions(), labelme=pretend(script), poll_seconds=0.05)
    assert images(dataset) == ["0001.jpg", "0002.jpg", "0003.jpg"]


def test_only_photos_without_a_label_are_opened(dataset: Dataset) -> None:
    write_label(dataset.images_dir / "0001.jpg", [])
    (dataset.root / "labels").mkdir()
    write_label(dataset.images_dir / "0002.jpg", draw_photo(2)[1])
    (dataset.images_dir / "0002.json").rename(dataset.root / "labels" / "0002.json")
    heard = Heard()
    seen = 'assert sorted(os.listdir("photos")) == ["0003.jpg"], os.listdir("photos")'
    annotate(dataset, AnnotateOptions(), labelme=pretend(seen), progress=heard)
    assert heard.lines[0] == "labelme 6.3.1 opens with 1 photo that has no label yet."


def test_all_opens_the_labelled_ones_with_their_labels_and_changes_only_what_was_edited(dataset: Dataset) -> None:
    for number in (1, 2, 3):
        write_label(dataset.images_dir / f"{number:04d}.jpg", draw_photo(number)[1] if number < 3 else [])
    before = {number: (dataset.images_dir / f"000{number}.json").read_bytes() for number in (1, 2, 3)}
    script = """
assert json.load(open("photos/0001.json"))["shapes"][0]["label"] == "face"
assert json.load(open("photos/0003.json"))["flags"] == {"nothing here": True}
save("0002.jpg", [face, face], nothing_here=False)
"""
    annotate(dataset, AnnotateOptions(every_photo=True), labelme=pretend(script))
    after = {number: (dataset.images_dir / f"000{number}.json").read_bytes() for number in (1, 2, 3)}
    assert (after[1], after[3]) == (before[1], before[3])
    assert len(labelme_json.read(dataset.images_dir / "0002.json").annotations) == 2


def test_deleting_the_last_box_of_a_labelled_photo_makes_it_empty(dataset: Dataset) -> None:
    write_label(dataset.images_dir / "0001.jpg", draw_photo(1)[1])
    edited = pretend('save("0001.jpg", [], nothing_here=False)')
    annotate(dataset, AnnotateOptions(every_photo=True), labelme=edited)
    assert labelme_json.read(dataset.images_dir / "0001.json").annotations == ()


# --- photos that a model labelled ---------------------------------------------------------


# What labelme does with a photo that has a label file: foreign keys are kept.
EDIT = """
def edit(photo, shapes=None, **flags):
    path = f"photos/{photo.rsplit('.', 1)[0]}.json"
    label = json.load(open(path))
    label["version"] = "6.3.1"
    label["flags"].update({name.replace("_", " "): on for name, on in flags.items()})
    if shapes is not None: label["shapes"] = shapes(label["shapes"])
    json.dump(label, open(path, "w"))
"""


@pytest.fixture
def predicted(dataset: Dataset) -> Dataset:
    """Two photos with a model's box, one with a model's "nothing found", and one that a person labelled."""
    write_jpeg(dataset.images_dir / "0004.jpg", draw_photo(4)[0])
    write_label(dataset.images_dir / "0004.jpg", draw_photo(4)[1])
    for number in (1, 2, 3):
        path = dataset.images_dir / f"{number:04d}.jpg"
        write_label(path, [replace(shape, score=0.75) for shape in draw_photo(number)[1]] if number < 3 else [])
        label_file = labelme_json.read(path.with_suffix(".json"))
        labelme_json.write(path.with_suffix(".json"), marked(label_file, predicted_by="runs/detect/1"))
    return dataset


def labels(dataset: Dataset) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in dataset.images_dir.glob("*.json")}


def test_photos_that_a_model_labelled_are_opened_and_stay_as_they_are_when_nobody_says_anything(
    predicted: Dataset,
) -> None:
    before, heard = labels(predicted), Heard()
    script = """
stems = sorted(name[:-5] for name in os.listdir("photos") if name.endswith(".json"))
assert stems == ["0001", "0002", "0003"], stems
assert json.load(open("photos/0001.json"))["flags"] == {"right as it is": False}
assert json.load(open("photos/0001.json"))["shapes"][0]["score"] == 0.75
assert json.load(open("photos/0003.json"))["flags"] == {}
"""
    annotate(predicted, AnnotateOptions(), labelme=pretend(script), progress=heard)
    assert heard.lines[0] == "labelme 6.3.1 opens with 3 photos with boxes that a model drew."
    assert any("right as it is" in line for line in heard.lines)
    assert labels(predicted) == before
    assert len(labelling_progress(predicted, ["face"]).machine_made) == 3


def test_what_a_person_settled_becomes_truth_and_the_rest_waits(predicted: Dataset) -> None:
    before = labels(predicted)
    script = EDIT + 'edit("0001.jpg", right_as_it_is=True); edit("0003.jpg", lambda shapes: [face])'
    annotate(predicted, AnnotateOptions(), labelme=pretend(script))
    for number, points in ((1, draw_photo(1)[1][0].points), (3, ((9.5, 8.0), (30.0, 40.25)))):
        raw = json.loads(labels(predicted)[f"000{number}"])
        assert ("thirtyfold" in raw, raw["flags"]) == (False, {})
        assert ["score" in shape for shape in raw["shapes"]] == [False]
        assert labelme_json.from_dict(raw, Path()).annotations[0].points == points
    assert labels(predicted)["0002"] == before["0002"]
    progress = labelling_progress(predicted, ["face"])
    assert (progress.labelled, progress.machine_made) == (3, ("0002.jpg",))

    heard = Heard()
    seen = 'assert sorted(os.listdir("photos")) == ["0002.jpg", "0002.json"], os.listdir("photos")'
    annotate(predicted, AnnotateOptions(), labelme=pretend(seen), progress=heard)
    assert heard.lines[0] == "labelme 6.3.1 opens with 1 photo with boxes that a model drew."


def test_a_change_that_was_taken_back_leaves_the_models_labels_marked(predicted: Dataset) -> None:
    before = labels(predicted)
    script = (
        EDIT
        + """
before = json.load(open("photos/0001.json"))["shapes"]
edit("0001.jpg", lambda shapes: [face])
arrived = lambda: "thirtyfold" not in json.load(open("../images/0001.json"))
until = time.monotonic() + 30
while not arrived() and time.monotonic() < until: time.sleep(0.02)
assert arrived(), "did not arrive while labelme was running"
edit("0001.jpg", lambda shapes: before)
os.kill(os.getpid(), 9)
"""
    )
    heard = Heard()
    annotate(predicted, AnnotateOptions(), labelme=pretend(script), progress=heard, poll_seconds=0.05)
    assert labels(predicted) == before
    assert heard.lines[-1] == "labelme was stopped from outside (signal 9)"  # and of no labels that are kept


def test_ticks_of_a_session_that_died_are_brought_home_with_the_marks_gone(predicted: Dataset) -> None:
    annotate(predicted, AnnotateOptions(), labelme=pretend('import shutil; shutil.copytree("..", "../../copy")'))
    (predicted.root.parent / "copy" / ".annotating").rename(predicted.root / ".annotating")
    staged = predicted.root / ".annotating" / "photos" / "0001.json"
    staged.write_text(staged.read_text().replace('"right as it is": false', '"right as it is": true'))

    heard = Heard()
    annotate(predicted, AnnotateOptions(), labelme=pretend(""), progress=heard)
    assert heard.lines[0] == "a session was cut off: its labels of 1 photo are now in place"
    assert "2 photos with boxes that a model drew" in heard.lines[1]
    assert b"score" not in labels(predicted)["0001"]


def test_unlabelled_photos_and_those_of_a_model_are_opened_together_and_counted_apart(predicted: Dataset) -> None:
    (predicted.images_dir / "0002.json").unlink()
    heard = Heard()
    annotate(predicted, AnnotateOptions(), labelme=pretend(""), progress=heard)
    assert (
        heard.lines[0] == "labelme 6.3.1 opens with 1 photo that has no label yet and 2 with boxes that a model drew."
    )


def test_a_label_file_deleted_in_labelme_is_kept_and_said(dataset: Dataset) -> None:
    write_label(dataset.images_dir / "0001.jpg", draw_photo(1)[1])
    heard = Heard()
    deleted = pretend('os.unlink("photos/0001.json")')
    annotate(dataset, AnnotateOptions(every_photo=True), labelme=deleted, progress=heard)
    assert (dataset.images_dir / "0001.json").exists()
    assert "0001.json: was deleted in labelme but is still here" in heard.lines[-1]


def test_a_crash_is_told_with_its_last_words_and_keeps_what_was_drawn(dataset: Dataset) -> None:
    script = 'save("0001.jpg", [face]); print("qt.qpa: boom", file=sys.stderr, flush=True); os.abort()'
    with pytest.raises(NotInstalledError, match=r"signal 6.*qt.qpa: boom.*labels of 1 photo are kept"):
        annotate(dataset, AnnotateOptions(), labelme=pretend(script))
    assert labelme_json.read(dataset.images_dir / "0001.json").annotations[0].label == "face"


def test_a_label_cut_off_while_being_saved_is_named_and_the_last_whole_one_kept(dataset: Dataset) -> None:
    script = """
save("0001.jpg", [face])
until = time.monotonic() + 30
while not os.path.exists("../images/0001.json") and time.monotonic() < until: time.sleep(0.02)
open("photos/0001.json", "w").write('{"version": "6.3.1", "shapes": [{"la')
os.kill(os.getpid(), 9)
"""
    heard = Heard()
    annotate(dataset, AnnotateOptions(), labelme=pretend(script), progress=heard, poll_seconds=0.05)
    assert "0001: labelme ended while saving it; look at this photo again" in heard.lines
    assert "stopped from outside (signal 9)" in heard.lines[-1]
    assert len(labelme_json.read(dataset.images_dir / "0001.json").annotations) == 1


def test_labels_of_a_session_that_died_with_us_are_brought_home_by_the_next(dataset: Dataset, tmp_path: Path) -> None:
    # We are killed with labelme still open, before anything was brought home; then it saves once more.
    code = f"""
import os, sys
from pathlib import Path
from tests.annotate.test_labelme_app import pretend
from thirtyfold.annotate.labelme_app import annotate
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.workspace import Dataset
script = 'save("0001.jpg", [face]); os.kill(os.getppid(), 9)'
annotate(Dataset(Path({str(dataset.root)!r})), AnnotateOptions(), labelme=pretend(script), poll_seconds=60)
"""
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code], cwd=root, check=False, timeout=60)
    assert killed.returncode == -9
    assert not (dataset.images_dir / "0001.json").exists()

    heard = Heard()
    seen = 'assert sorted(os.listdir("photos")) == ["0002.jpg", "0003.jpg"], os.listdir("photos")'
    annotate(dataset, AnnotateOptions(), labelme=pretend(seen), progress=heard)
    assert "the command before was broken off (annotate, process " in heard.lines[0]
    assert heard.lines[1] == "a session was cut off: its labels of 1 photo are now in place"
    assert labelme_json.read(dataset.images_dir / "0001.json").image_path == "0001.jpg"


def test_a_label_drawn_elsewhere_after_a_session_died_is_not_overwritten(dataset: Dataset) -> None:
    annotate(dataset, AnnotateOptions(), labelme=pretend('import shutil; shutil.copytree("..", "../../copy")'))
    died = dataset.root.parent / "copy" / ".annotating"
    died.rename(dataset.root / ".annotating")
    staged = dataset.root / ".annotating" / "photos" / "0001.json"
    label = labelme_json.LabelFile(image_path="0001.jpg", width=320, height=240, annotations=tuple(draw_photo(1)[1]))
    labelme_json.write(staged, label)
    os.utime(staged, ns=(0, 0))
    write_label(dataset.images_dir / "0001.jpg", draw_photo(2)[1])

    annotate(dataset, AnnotateOptions(), labelme=pretend(""))
    assert list(labelme_json.read(dataset.images_dir / "0001.json").annotations) == draw_photo(2)[1]


@pytest.mark.parametrize("victim", ["../../0001.jpg", "/elsewhere/0001.jpg", "..", ""])
def test_a_session_that_came_with_a_dataset_from_elsewhere_writes_nothing_outside_of_its_photos(
    dataset: Dataset, victim: str
) -> None:
    victim = victim.replace("/elsewhere", str(dataset.root.parent))
    staged = dataset.root / ".annotating" / "photos"
    staged.mkdir(parents=True)
    (dataset.root / ".annotating" / "photos.json").write_text(json.dumps({"x.jpg": [victim, None, None]}))
    label = labelme_json.LabelFile(image_path="x.jpg", width=320, height=240, annotations=tuple(draw_photo(1)[1]))
    labelme_json.write(staged / "x.json", label)
    annotate(dataset, AnnotateOptions(), labelme=pretend(""))
    assert images(dataset) == ["0001.jpg", "0002.jpg", "0003.jpg"]
    assert sorted(path.name for path in dataset.root.parent.iterdir()) == ["faces"]
    assert sorted(path.name for path in dataset.root.iterdir()) == [".lock", "images"]


def test_photos_that_labelme_cannot_read_are_shown_as_copies_and_labelled_all_the_same(dataset: Dataset) -> None:
    from PIL import Image

    pixels = draw_photo(4)[0]
    Image.fromarray(pixels).convert("CMYK").save(dataset.images_dir / "0004.jpg")
    Image.fromarray(pixels[:, :, 0].astype("uint16") * 256).save(dataset.images_dir / "0005.png")
    (dataset.images_dir / "0006.jpg").write_bytes(b"not a picture")
    before = {path.name: path.read_bytes() for path in dataset.images_dir.iterdir()}
    script = """
from PIL import Image
assert Image.open("photos/0004.jpg.jpg").mode == Image.open("photos/0005.png.jpg").mode == "RGB"
save("0004.jpg.jpg", [face]); save("0005.png.jpg", [face])
"""
    heard = Heard()
    annotate(dataset, AnnotateOptions(), labelme=pretend(script), progress=heard)
    assert "0006.jpg: not a picture" in heard.lines[0]
    assert heard.lines[1].endswith("0004.jpg, 0005.png")
    for name in ("0004.jpg", "0005.png"):
        label_file = labelme_json.read((dataset.images_dir / name).with_suffix(".json"))
        assert (label_file.image_path, len(label_file.annotations)) == (name, 1)
    assert {name: (dataset.images_dir / name).read_bytes() for name in before} == before


def test_a_dataset_whose_path_looks_like_yaml_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # labelme parses --config as YAML first: "a: b" would be taken for settings.
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    root = tmp_path / "my: faces, #1"
    write_jpeg(root / "images" / "0001.jpg", draw_photo(1)[0])
    script = 'assert os.path.isfile(sys.argv[sys.argv.index("--config") + 1])'
    annotate(Dataset(root), AnnotateOptions(), labelme=pretend(script))


def test_a_second_session_on_the_same_dataset_is_refused(dataset: Dataset) -> None:
    with dataset.lock("something"), pytest.raises(UsageError, match="another thirtyfold command"):
        annotate(dataset, AnnotateOptions(), labelme=pretend(""))


def test_nothing_to_do_says_how_to_open_them_again(dataset: Dataset) -> None:
    for path in dataset.image_paths():
        write_label(path, [])
    with pytest.raises(NothingToDo, match="all 3 photos have labels; `--all` opens them again"):
        annotate(dataset, AnnotateOptions(), labelme=pretend(""))


def test_a_dataset_without_photos_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="thirtyfold capture"):
        annotate(Dataset(tmp_path), AnnotateOptions())


@pytest.mark.parametrize("labels", [(), ("",), ("face", "face"), ("fa\nce",)])
def test_label_lists_that_cannot_be_are_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--labels"):
        AnnotateOptions(labels=labels)


# --- the command ------------------------------------------------------------------------


def run(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("QT_", "DISPLAY", "WAYLAND"))}
    command = [sys.executable, "-m", "thirtyfold", "annotate", *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=kept | environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":987"}], ids=["none", "dead"])
def test_without_a_screen_it_says_how_to_go_on(dataset: Dataset, display: dict[str, str]) -> None:
    result = run(dataset.root, **display)
    assert result.returncode == 7, result.stderr
    assert "ssh -X" in result.stderr
    assert "copy the dataset" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert run(dataset.root, "--status", "--json").returncode == 0


def test_everything_labelled_ends_with_3(dataset: Dataset) -> None:
    for path in dataset.image_paths():
        write_label(path, [])
    assert run(dataset.root).returncode == 3


def test_status_of_the_real_webcam_photos_names_the_labels_not_on_the_list(shared, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run(shared("data/webcam_faces"), "--status", "--json")
    assert result.returncode == 4
    report = json.loads(result.stdout)
    assert (report["photos"], report["labelled"], report["unlabelled"], report["broken"]) == (30, 30, [], [])
    assert len(report["unlisted"]) == 30
    assert "labels that are not on the list (face)" in result.stderr

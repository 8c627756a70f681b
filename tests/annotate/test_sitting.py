"""The whole of `annotate`: boxes beforehand, labelme, the count and the pace."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.annotate.test_labelme_app import EDIT, pretend, run
from tests.drawn import draw_photo, write_label
from tests.heard import Heard
from tests.tiny_model import write_tiny_run
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.sitting import sit_down
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.unlabelled import as_unlabelled
from thirtyfold.errors import ModelError, NothingToDo
from thirtyfold.images import write_jpeg
from thirtyfold.predict.detectors import YUNET
from thirtyfold.workspace import Dataset


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, with one whose model finds the drawn faces."""
    folder = tmp_path_factory.mktemp("runs")
    write_tiny_run(folder / "detect" / "1")
    return folder


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Four photos without labels, the last one of nobody."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    for number in (1, 2, 3, 4):
        write_jpeg(tmp_path / "faces" / "images" / f"{number:04d}.jpg", draw_photo(number, face=number != 4)[0])
    return Dataset(tmp_path / "faces")


def test_a_run_draws_first_and_a_person_corrects_and_the_pace_is_told(dataset: Dataset, runs_dir: Path) -> None:
    script = (
        EDIT
        + """
edit("0001.jpg", right_as_it_is=True)
edit("0002.jpg", lambda shapes: shapes + [face])
edit("0004.jpg", nothing_here=True)
"""
    )
    heard = Heard()
    ticks = iter([1000.0, 1090.0])
    sitting = sit_down(
        dataset,
        AnnotateOptions(prelabel="latest"),
        runs_dir=runs_dir,
        labelme=pretend(script),
        progress=heard,
        clock=lambda: next(ticks),
    )
    run = str(runs_dir / "detect" / "1")
    assert heard.lines[0].startswith(f"{run} drew 3 boxes in 4 photos, found nothing in 1 of them")
    assert "4 photos with boxes that a model drew" in heard.lines[1]
    result = sitting.to_dict()
    assert (result["labelled"], result["empty"], result["machine_made"]) == (2, 1, ["0003.jpg"])
    assert result["prelabelled"]["predicted_by"] == run
    assert result["sitting"] == {
        "seconds": 90,
        "photos": 3,
        "labels": 3,
        "drawn": 1,
        "confirmed": 2,
        "photos_per_minute": 2,
        "labels_per_minute": 2,
    }
    said = "3 photos and 3 labels in 1 min 30 s: 2.0 photos and 2.0 labels a minute (1 drawn or moved, 2 right as they"
    assert heard.lines[-1].startswith(said)
    assert str(sitting.facts()["this sitting"]).startswith(said)


def test_a_review_says_beforehand_how_many_and_why_the_first_ones(dataset: Dataset, runs_dir: Path) -> None:
    for number in (1, 2, 3, 4):
        write_label(dataset.images_dir / f"{number:04d}.jpg", draw_photo(number)[1] if number < 3 else [])
    heard = Heard()
    options = AnnotateOptions(review=True, open_labelme=False)
    sitting = sit_down(dataset, options, runs_dir=runs_dir, progress=heard)
    run = runs_dir / "detect" / "1"
    assert heard.lines == [
        f"1 photo to review: 1 where labels and {run} disagree, 0 with boxes that a model drew. The first ones:",
        "  0003.jpg: the model sees 1 more",
    ]
    assert [row["photo"] for row in sitting.to_dict()["review"]] == ["0003.jpg"]
    write_label(dataset.images_dir / "0003.jpg", draw_photo(3)[1])
    with pytest.raises(NothingToDo, match=r"nothing to review, .* agrees with every label"):
        sit_down(dataset, options, runs_dir=runs_dir)


def test_a_review_without_any_model_says_which_need_no_training(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="haar or yunet"):
        sit_down(dataset, AnnotateOptions(review=True), runs_dir=tmp_path / "none")


def test_photos_whose_label_file_only_has_classes_are_opened_and_settled(dataset: Dataset) -> None:
    for number in (1, 2, 3):
        path = dataset.images_dir / f"{number:04d}.json"
        flags = {"with_mask": True}
        label_file = labelme_json.LabelFile(image_path=f"{number:04d}.jpg", width=320, height=240, flags=flags)
        labelme_json.write(path, as_unlabelled(label_file))
    write_label(dataset.images_dir / "0004.jpg", [])
    script = (
        EDIT
        + """
assert not json.load(open("photos/0001.json"))["flags"].get("nothing here")
edit("0001.jpg", lambda shapes: [face])
edit("0002.jpg", nothing_here=True)
edit("0003.jpg", nothing_here=False)
"""
    )
    sitting = sit_down(dataset, AnnotateOptions(), labelme=pretend(script))
    status = sitting.status
    assert (status.labelled, status.empty, status.unlabelled) == (1, 2, ("0003.jpg",))
    for name in ("0001", "0002"):
        raw = json.loads((dataset.images_dir / f"{name}.json").read_text())
        assert "thirtyfold" not in raw
        assert raw["flags"] == {"with_mask": True}
    assert sitting.pace is not None
    assert (sitting.pace.photos, sitting.pace.drawn) == (2, 1)


def test_prelabelling_and_its_undoing_need_no_screen(shared: Callable[[str], Path], tmp_path: Path) -> None:
    photos = sorted(shared("data/clip_frames").glob("milk_*.jpg"))
    (tmp_path / "models").mkdir()
    shutil.copyfile(shared(f"weights/{YUNET.name}"), tmp_path / "models" / YUNET.name)
    (tmp_path / "faces" / "images").mkdir(parents=True)
    for path in photos:
        shutil.copyfile(path, tmp_path / "faces" / "images" / path.name)
    drawn = run(tmp_path / "faces", "--prelabel", "yunet", "--status", "--json", THIRTYFOLD_HOME=str(tmp_path))
    assert drawn.returncode == 0, drawn.stderr
    result = json.loads(drawn.stdout)
    assert result["prelabelled"] == {
        "predicted_by": "yunet",
        "photos": 12,
        "boxes": 12,
        "empty": 0,
        "problems": [],
    }
    assert (len(result["machine_made"]), result["sitting"]) == (12, None)
    taken = run(tmp_path / "faces", "--prelabel", "none", "--status", "--json")
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)["prelabels_dropped"] == 12
    assert sorted(path.name for path in (tmp_path / "faces" / "images").iterdir()) == [path.name for path in photos]

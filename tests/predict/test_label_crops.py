from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.masked import WITH, WITHOUT, draw_masked, write_masked_dataset
from thirtyfold import files
from thirtyfold.cli import main
from thirtyfold.datasets.class_import import is_class_folders, open_dataset
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import read_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import NothingToDo, UsageError
from thirtyfold.images import read_rgb
from thirtyfold.predict.crops import CropOptions
from thirtyfold.predict.label_crops import crop_labels
from thirtyfold.workspace import Dataset


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_labelled_faces_become_a_folder_for_each_class_that_training_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = write_masked_dataset(tmp_path / "street")
    before = {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    done = crop_labels(dataset, CropOptions(folder=tmp_path / "cut", margin_share=0.1))
    assert done.counts() == {WITH: 2, WITHOUT: 2}
    assert names(tmp_path / "cut") == [
        "index.csv",
        "with_mask/0001_001.png",
        "with_mask/0003_001.png",
        "without_mask/0002_001.png",
        "without_mask/0004_001.png",
    ]
    _, face = draw_masked(1, masked=True)
    left, top, right, bottom = face.box_xyxy
    cut = read_rgb(tmp_path / "cut" / "with_mask" / "0001_001.png")
    assert cut.shape[1] == pytest.approx(1.2 * (right - left), abs=2)
    assert cut.shape[0] == pytest.approx(1.2 * (bottom - top), abs=2)
    assert {path: path.read_bytes() for path in dataset.rglob("*") if path.is_file()} == before
    assert is_class_folders(tmp_path / "cut")
    samples = read_samples(open_dataset(Path("cut")))
    assert sorted(sample.tags for sample in samples) == [(WITH,), (WITH,), (WITHOUT,), (WITHOUT,)]


def test_cut_outs_keep_the_part_of_their_photo_so_that_no_face_is_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Dataset(write_masked_dataset(tmp_path / "street", count=8))
    split_dataset(dataset, SplitOptions(val=0.25, test=0.25))
    crop_labels(dataset.root, CropOptions(folder=tmp_path / "cut"))
    split = read_split(dataset)
    for path in (tmp_path / "cut").rglob("*.png"):
        part, label, name = path.relative_to(tmp_path / "cut").parts
        assert part == split.part(f"{name.split('_')[0]}.png")
        assert label in (WITH, WITHOUT)
    imported = open_dataset(Path("cut"))
    there = read_split(imported)
    assert {there.part(path.name) for path in imported.image_paths()} == {"train", "val", "test"}


def test_any_format_that_convert_reads_will_do(shared: Callable[[str], Path], tmp_path: Path) -> None:
    done = crop_labels(shared("data/multi_faces_voc"), CropOptions(folder=tmp_path / "cut"))
    assert set(done.counts()) == {"con_mascarilla", "sin_mascarilla", "mascarilla_mal_puesta"}
    assert sum(done.counts().values()) + done.left_out == 556
    assert done.left_out > 0, "some faces are 5 pixels wide"
    assert done.problems == ()


def test_what_cannot_be_is_said_before_anything_is_written(tmp_path: Path) -> None:
    dataset = write_masked_dataset(tmp_path / "street")
    with pytest.raises(UsageError, match="lies in the dataset"):
        crop_labels(dataset, CropOptions(folder=dataset / "cut"))
    for label in dataset.rglob("*.json"):
        label.write_text(json.dumps(json.loads(label.read_text()) | {"shapes": []}))
    with pytest.raises(NothingToDo, match="nothing is labelled"):
        crop_labels(dataset, CropOptions(folder=tmp_path / "cut"))
    assert not (tmp_path / "cut").exists()


def test_labels_that_no_folder_can_be_called_stay_apart(tmp_path: Path) -> None:
    dataset = write_masked_dataset(tmp_path / "street")
    for label, name in zip(sorted(dataset.rglob("*.json")), ("a/b", "a:b", "train", ".."), strict=True):
        content = json.loads(label.read_text())
        content["shapes"][0]["label"] = name
        files.write_json(label, content)
    done = crop_labels(dataset, CropOptions(folder=tmp_path / "cut"))
    folders = {path.parent.name for path in (tmp_path / "cut").rglob("*.png")}
    assert folders == {"_train", "a-b", "a-b-2", "unnamed"}
    assert sum(done.counts().values()) == 4
    outside = [path for path in tmp_path.rglob("*.png") if not path.is_relative_to(tmp_path / "cut")]
    assert sorted(outside) == sorted(dataset.rglob("*.png"))


def test_the_command_prints_how_many_of_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write_masked_dataset(tmp_path / "street")
    with pytest.raises(SystemExit) as ended:
        main(["predict", "--crops", str(tmp_path / "cut"), "--labels", str(dataset)])
    assert ended.value.code == 0
    told = capsys.readouterr()
    assert "without_mask │ 2" in told.out
    assert "--group-by" in told.err
    with pytest.raises(SystemExit):
        main(["predict", "photo.jpg", "--crops", str(tmp_path / "cut2"), "--labels", str(dataset)])
    assert "leave it out" in capsys.readouterr().err

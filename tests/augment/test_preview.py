"""`augment --preview`: a sheet of one photo's copies, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.drawn import draw_photo, write_dataset, write_label
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.preview import CELL, GAP, write_try_out
from thirtyfold.augment.try_out import try_out
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.cli import app
from thirtyfold.errors import DataError, UsageError
from thirtyfold.images import letterbox, read_rgb, write_jpeg
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


def everything_in(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_the_preview_writes_one_sheet_and_nothing_else(drawn_dataset: Path) -> None:
    before = everything_in(drawn_dataset)
    result = try_out(Dataset(drawn_dataset), AugmentOptions())
    assert everything_in(drawn_dataset) - before == {Path("augmented-preview.jpg")}
    assert (result.sheet, result.photo.name) == (drawn_dataset / "augmented-preview.jpg", "0001.jpg")
    assert (result.copies, result.shapes) == (12, 1)
    assert read_rgb(result.sheet).shape == (4 * (CELL + GAP) + GAP, 4 * (CELL + GAP) + GAP, 3)


def test_the_sheet_shows_the_photo_and_the_very_copies_of_the_run(drawn_dataset: Path) -> None:
    dataset, options = Dataset(drawn_dataset), AugmentOptions(factor=12, seed=7, workers=1)
    augment_dataset(dataset, options)
    result = try_out(dataset, options)
    sheet = read_rgb(result.sheet).astype(np.float64)
    photo = sheet[GAP : 2 * (CELL + GAP), GAP : 2 * (CELL + GAP)]
    assert np.abs(photo - letterbox(read_rgb(result.photo), 2 * CELL + GAP)[0]).mean() < 8
    places = [(0, 2), (0, 3), (1, 2), (1, 3), *((row, column) for row in (2, 3) for column in range(4))]
    for copy, (row, column) in enumerate(places):
        top, left = GAP + row * (CELL + GAP), GAP + column * (CELL + GAP)
        written = read_rgb(dataset.augmented_dir / "images" / f"{result.photo.stem}-{copy:02d}.jpg")
        cell = sheet[top : top + CELL, left : left + CELL]
        assert np.abs(cell - letterbox(written, CELL)[0]).mean() < 8


def test_the_first_train_photo_with_a_shape_is_taken(tmp_path: Path) -> None:
    dataset = Dataset(write_dataset(tmp_path / "faces", empty_every=1, sessions=3, per_session=2))
    write_label(dataset.root / "images" / "0004.jpg", [Annotation.from_box("face", (10, 10, 90, 90))])
    assert try_out(dataset, AugmentOptions()).photo.name == "0004.jpg"
    augment_dataset(dataset, AugmentOptions(factor=1, workers=1))
    parts = json.loads(dataset.split_path.read_text())
    assert "0004.jpg" in json.dumps(parts)
    photo = try_out(dataset, AugmentOptions()).photo
    in_train = {path.stem.rpartition("-")[0] for path in (dataset.augmented_dir / "images").glob("*.jpg")}
    assert photo.stem in in_train


@pytest.mark.parametrize("how", ["0003.jpg", "0003", "path"])
def test_a_photo_can_be_asked_for_by_name_or_path(drawn_dataset: Path, how: str) -> None:
    photo = str(drawn_dataset / "images" / "0003.jpg") if how == "path" else how
    assert try_out(Dataset(drawn_dataset), AugmentOptions(), photo=photo).photo.name == "0003.jpg"
    with pytest.raises(UsageError, match="--photo 0099: no photo of that name"):
        try_out(Dataset(drawn_dataset), AugmentOptions(), photo="0099")
    with pytest.raises(UsageError, match="no photo of that name"):
        try_out(Dataset(drawn_dataset), AugmentOptions(), photo="9" * 300)


def test_a_photo_without_labels_shows_its_pixels(drawn_dataset: Path) -> None:
    (drawn_dataset / "images" / "0003.json").unlink()
    result = try_out(Dataset(drawn_dataset), AugmentOptions(recipe="light"), photo="0003")
    assert (result.shapes, result.copies) == (0, 12)


def test_an_empty_dataset_has_nothing_to_try(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="no train photo to try the recipe on"):
        try_out(Dataset(tmp_path), AugmentOptions())


def test_in_a_folder_of_photos_the_sheet_is_not_taken_for_a_photo(drawn_dataset: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    shutil.copytree(drawn_dataset / "images", flat)
    before = Dataset(flat).image_paths()
    assert try_out(Dataset(flat), AugmentOptions()).sheet == flat / "augmented-preview" / "augmented-preview.jpg"
    assert Dataset(flat).image_paths() == before


def test_labels_have_colours_of_their_own_and_lost_shapes_are_marked(tmp_path: Path) -> None:
    grey = np.full((240, 240, 3), 128, np.uint8)
    boxes = [Annotation.from_box(label, (x, 90, x + 60, 150)) for label, x in (("left", 30), ("right", 150))]
    write_try_out(tmp_path / "sheet.jpg", (grey, boxes), [(grey, boxes), (grey, ())])
    sheet = read_rgb(tmp_path / "sheet.jpg").astype(int)
    assert sheet.shape[:2] == (2 * (CELL + GAP) + GAP, 4 * (CELL + GAP) + GAP)
    kept, lost = (
        sheet[GAP : GAP + CELL, left : left + CELL] for left in (2 * (CELL + GAP) + GAP, 3 * (CELL + GAP) + GAP)
    )
    left_ink, right_ink = kept[120, 29:32].mean(axis=0), kept[120, 149:152].mean(axis=0)
    assert np.abs(left_ink - right_ink).max() > 30
    assert np.abs(lost[:200] - 128).max() < 12
    assert lost[-20:].min() < 30


def test_the_command_says_where_the_sheet_is(drawn_dataset: Path) -> None:
    done = CliRunner().invoke(app, ["augment", str(drawn_dataset), "--photo", "0002", "--recipe", "mask", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said == {
        "sheet": str(drawn_dataset / "augmented-preview.jpg"),
        "photo": str(drawn_dataset / "images" / "0002.jpg"),
        "recipe": "mask",
        "copies": 12,
        "shapes": 1,
        "negatives": said["negatives"],
    }
    assert not (drawn_dataset / "augmented").exists()
    plain = CliRunner().invoke(app, ["augment", str(drawn_dataset), "--preview"])
    assert "look at" in plain.stdout


def test_the_command_lists_the_recipes() -> None:
    table = CliRunner().invoke(app, ["augment", "--list-recipes"]).stdout
    listed = json.loads(CliRunner().invoke(app, ["augment", "--list-recipes", "--json"]).stdout)
    for name in ("webcam", "seed", "mask", "photo", "medical", "light", "covered"):
        assert f"│ {name} " in table or f" {name} " in table
    assert [recipe["name"] for recipe in listed] == ["webcam", "seed", "mask", "photo", "medical", "light", "covered"]
    assert listed[2]["steps"][1] == {"HorizontalFlip": {"p": 0.5}}


def test_drawing_a_photo_twice_gives_the_same_sheet(tmp_path: Path) -> None:
    pixels, annotations = draw_photo(1)
    write_jpeg(tmp_path / "images" / "one.jpg", pixels)
    write_label(tmp_path / "images" / "one.jpg", annotations)
    first = try_out(Dataset(tmp_path), AugmentOptions(recipe="photo")).sheet.read_bytes()
    assert try_out(Dataset(tmp_path), AugmentOptions(recipe="photo")).sheet.read_bytes() == first

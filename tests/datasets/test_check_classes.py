from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.classes import tick, write_tagged
from tests.drawn import draw_photo, write_label
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.check.result import CheckResult
from thirtyfold.datasets.check.run import check_dataset
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.images import read_rgb, write_jpeg
from thirtyfold.workspace import Dataset


@pytest.fixture
def pets(tmp_path: Path) -> Dataset:
    """Twelve cats and twelve dogs, ticked."""
    tags = {f"{name}{number:02d}.jpg": (name,) for name in ("cat", "dog") for number in range(12)}
    return Dataset(write_tagged(tmp_path / "pets", tags))


def checked(dataset: Dataset) -> CheckResult:
    return check_dataset(dataset, CheckOptions(page=False))


def found(result: CheckResult, code: str) -> list[tuple[str, str]]:
    return [(problem.file, problem.message) for problem in result.problems if problem.code == code]


def test_photos_with_one_class_each_are_well_and_need_no_shapes(pets: Dataset) -> None:
    result = checked(pets)
    assert result.severities() == {"error": 0, "warning": 0, "note": 0}
    assert result.classes == {"cat": 12, "dog": 12}
    assert result.states()["labelled"] == 24
    assert result.to_dict()["classes"] == {"cat": 12, "dog": 12}


def test_a_photo_in_two_classes_is_named_with_the_other_one_however_it_was_saved(pets: Dataset) -> None:
    shutil.copy(pets.images_dir / "cat03.jpg", pets.images_dir / "dog05.jpg")
    write_jpeg(pets.images_dir / "dog07.jpg", read_rgb(pets.images_dir / "cat04.jpg"), quality=80)
    shutil.copy(pets.images_dir / "cat01.jpg", pets.images_dir / "cat02.jpg")  # one class: no contradiction
    assert found(checked(pets), "class-conflict") == [
        ("images/dog05.json", "is dog, and the same picture cat03.jpg is cat"),
        ("images/dog07.json", "is dog, and the same picture cat04.jpg is cat"),
    ]


def test_two_ticks_none_a_single_photo_and_few_are_named(pets: Dataset) -> None:
    tick(pets.images_dir / "cat00.jpg", "cat", "dog")
    (pets.images_dir / "cat01.json").unlink()
    tick(pets.images_dir / "cat02.jpg", "bird")
    tick(pets.images_dir / "cat03.jpg", "cow")
    tick(pets.images_dir / "cat04.jpg", "cow")
    result = checked(pets)
    assert found(result, "class-two") == [
        ("images/cat00.json", "cat and dog are ticked, where other photos have one class")
    ]
    assert found(result, "class-missing") == [("images/cat01.jpg", "has no class, others have")]
    assert found(result, "class-one-photo") == [("images/cat02.json", "is the only photo of the class bird")]
    assert ("." , "cow has 2 photos") in found(result, "class-few-photos")  # fmt: skip
    assert found(result, "class-imbalance") == [(".", "dog has 13 photos, bird 1")]


def test_a_class_that_the_train_part_lacks_is_named(pets: Dataset) -> None:
    split_dataset(pets, SplitOptions(val=0.2, test=0.2))
    raw = json.loads(pets.split_path.read_text())
    assert found(checked(pets), "class-not-in-train") == []
    for name in ("cat00.jpg", "cat01.jpg"):
        tick(pets.images_dir / name, "lynx")
        raw["photos"][name]["part"] = "test"
    pets.split_path.write_text(json.dumps(raw))
    assert found(checked(pets), "class-not-in-train") == [
        ("split.json", "no train photo is lynx, only cat00.jpg (test), cat01.jpg (test)")
    ]


def test_several_flags_on_many_photos_are_meant(pets: Dataset) -> None:
    for number in range(12):
        tick(pets.images_dir / f"cat{number:02d}.jpg", "cat", "indoors")
    assert found(checked(pets), "class-two") == []


def test_a_few_flags_among_photos_with_boxes_are_no_classes(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    photo = dataset.images_dir / "0001.jpg"
    raw = json.loads(photo.with_suffix(".json").read_text())
    photo.with_suffix(".json").write_text(json.dumps({**raw, "flags": {"blurred": True}}))
    assert not [problem for problem in checked(dataset).problems if problem.code.startswith("class-")]


def test_one_class_only_is_worth_a_warning(tmp_path: Path) -> None:
    dataset = Dataset(write_tagged(tmp_path / "pets", {f"{number}.jpg": ("cat",) for number in range(3)}))
    assert found(checked(dataset), "class-alone") == [(".", "all photos with a class are cat")]


def test_attributes_count_as_labels_and_wrong_ones_are_named_by_line(pets: Dataset) -> None:
    for path in pets.images_dir.glob("*.json"):
        path.unlink()
    table = pets.root / "attributes.csv"
    names = [path.name for path in pets.image_paths()]
    rows = [f"{name},{'male' if index % 2 else 'female'},{20 + index}" for index, name in enumerate(names)]
    table.write_text("\n".join(["image,gender,age", *rows]))
    result = checked(pets)
    assert result.states()["labelled"] == 24
    assert result.classes == {"gender=female": 12, "gender=male": 12}
    assert result.numbers == ("age 20 to 43, known of 24 photos",)
    assert found(result, "label-unlabelled") == []
    assert result.severities()["error"] == 0

    table.write_text("\n".join(["image,gender,age", *rows[:4], "dog00.jpg,male,old"]))
    assert found(checked(pets), "attributes-wrong") == [
        ("attributes.csv", "line 6: age 'old' is not a number, as the other values are; write it in digits, or leave "
         "it empty if it is not known")
    ]  # fmt: skip


def test_two_values_of_one_head_are_named(pets: Dataset) -> None:
    tick(pets.images_dir / "cat00.jpg", "cat", "gender=male", "gender=female")
    assert ("images/cat00.json", "gender is male and female") in found(checked(pets), "class-two")


def test_corrected_copies_hold_a_photo_once_where_its_twin_says_the_same(pets: Dataset, tmp_path: Path) -> None:
    shutil.copy(pets.images_dir / "cat01.jpg", pets.images_dir / "cat02.jpg")  # both cats
    shutil.copy(pets.images_dir / "cat03.jpg", pets.images_dir / "dog03.jpg")  # a cat and a dog
    result = check_dataset(pets, CheckOptions(page=False, fix_dir=tmp_path / "fixed"))
    assert result.fixed is not None
    kept = {path.name for path in (tmp_path / "fixed" / "images").glob("*.jpg")}
    assert {path.name for path in pets.image_paths()} - kept == {"cat02.jpg"}
    assert "the same file as cat01.jpg" in result.fixed.changes["images/cat02.jpg"][0]
    assert (result.fixed.photos, result.fixed.unchanged) == (23, 23)


def test_the_page_has_a_sheet_for_every_class(pets: Dataset) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    for number in range(3):
        path = pets.images_dir / f"x{number}.jpg"
        pixels, boxes = draw_photo(900 + number)
        write_jpeg(path, pixels)
        write_label(path, boxes)
        raw = json.loads(path.with_suffix(".json").read_text())
        path.with_suffix(".json").write_text(json.dumps({**raw, "flags": {hostile: True}}))
    result = check_dataset(pets, CheckOptions())
    assert result.page is not None
    page = result.page.read_text(encoding="utf-8")
    assert page.count('class="strip"') == 3
    assert hostile not in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["classes"] == [hostile, "cat", "dog"]
    by_name = {row["name"]: row for row in data["photos"]}
    assert by_name["cat00.jpg"]["tags"] == [1]
    assert by_name["x0.jpg"]["tags"] == [0]

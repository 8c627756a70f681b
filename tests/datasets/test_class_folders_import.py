from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.classes import write_class_folders
from tests.heard import Heard
from thirtyfold import cli
from thirtyfold.datasets.class_import import IMPORTED, is_class_folders, open_dataset
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import GIVEN_TEST, check_split, read_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, UsageError
from thirtyfold.workspace import Dataset


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of eight photos each, and an empty folder to work in."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return write_class_folders(tmp_path / "pets", {"cat": 8, "dog": 8})


def bytes_below(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_folder_of_photos_for_each_class_becomes_a_dataset_with_ticked_flags(source: Path) -> None:
    before, heard = bytes_below(source), Heard()
    dataset = open_dataset(source, heard)
    assert dataset.root == Path("datasets/pets")
    samples = read_samples(dataset)
    assert Counter(sample.tags for sample in samples) == {("cat",): 8, ("dog",): 8}
    assert all(sample.tags[0] in sample.image_path.name for sample in samples)
    # A class says nothing about shapes: nobody has looked for any.
    assert {sample.annotations for sample in samples} == {None}
    assert bytes_below(source) == before
    assert len(heard.lines) == 1
    assert "imported as datasets/pets, 16 photos" in heard.text
    assert "(cat 8, dog 8)" in heard.text


def test_the_second_time_its_own_import_is_taken_and_nothing_is_written(source: Path) -> None:
    first = open_dataset(source)
    before = bytes_below(first.root)
    heard = Heard()
    assert open_dataset(source, heard) == first
    assert bytes_below(first.root) == before
    assert heard.lines == [f"{source} is the dataset datasets/pets, where it was imported to"]


def test_photos_that_were_only_copied_or_touched_are_still_the_same(source: Path, tmp_path: Path) -> None:
    first = open_dataset(source)
    for path in source.rglob("*.jpg"):
        os.utime(path, (1, 1))
    assert open_dataset(source) == first
    elsewhere = tmp_path / "elsewhere" / "pets"
    shutil.copytree(source, elsewhere)
    assert open_dataset(elsewhere) == first


@pytest.mark.parametrize(
    ("what", "told"), [("new", "1 new, first cat/late.jpg"), ("gone", "1 gone, first"), ("changed", "1 changed, first")]
)
def test_a_source_that_has_changed_since_is_refused_and_named(source: Path, what: str, told: str) -> None:
    open_dataset(source)
    photo = source / "cat" / "cat_000.jpg"
    other = (source / "dog" / "dog_100.jpg").read_bytes()
    if what == "new":
        (source / "cat" / "late.jpg").write_bytes(other)
    else:
        photo.unlink()  # the import may be a hard link to it
    if what == "changed":
        photo.write_bytes(other)
    with pytest.raises(DataError) as refused:
        open_dataset(source)
    assert told in str(refused.value)
    assert "datasets/pets" in str(refused.value)


def test_another_dataset_of_that_name_is_never_taken_for_the_import(source: Path, tmp_path: Path) -> None:
    write_class_folders(Path("datasets/pets"), {"images": 1})
    with pytest.raises(UsageError, match="another dataset has this name"):
        open_dataset(source)
    shutil.rmtree("datasets")
    open_dataset(source)
    others = write_class_folders(tmp_path / "other" / "pets", {"cow": 2, "pig": 2})
    with pytest.raises(UsageError, match="was imported from"):
        open_dataset(others)


def test_an_import_that_was_broken_off_after_the_conversion_is_finished_by_the_next_command(source: Path) -> None:
    dataset = open_dataset(source)
    (dataset.root / IMPORTED).unlink()
    assert open_dataset(source) == dataset
    assert (dataset.root / IMPORTED).exists()


def test_a_given_test_part_stays_and_val_is_taken_from_the_train_part(tmp_path: Path, source: Path) -> None:
    counts = {"train/cat": 14, "train/dog": 14, "test/cat": 5, "test/dog": 5}
    parted = write_class_folders(tmp_path / "parted", counts)
    heard = Heard()
    dataset = open_dataset(parted, heard)
    split = read_split(dataset)
    check_split(split, read_samples(dataset))
    test = sorted(path.name for path in (parted / "test").rglob("*.jpg"))
    assert split.names("test") == test
    assert {part: dict(counts) for part, counts in split.classes.items()} == {
        "train": {"cat": 12, "dog": 12},
        "val": {"cat": 2, "dog": 2},
        "test": {"cat": 5, "dog": 5},
    }
    assert split.leak_free
    assert "The test part came with the dataset" in heard.text

    again = split_dataset(dataset, SplitOptions(val=0.4, seed=3))
    assert again.names("test") == test
    assert again.classes["val"]["cat"] >= 5
    anew = split_dataset(dataset, SplitOptions(new_test=True))
    assert anew.names("test") != test
    assert GIVEN_TEST not in read_split(dataset).options


def test_a_given_test_part_stays_for_who_converts_and_splits_by_hand(tmp_path: Path, source: Path) -> None:
    counts = {"train/cat": 8, "train/dog": 8, "test/cat": 3, "test/dog": 3}
    parted = write_class_folders(tmp_path / "parted", counts)
    with pytest.raises(SystemExit) as done:
        cli.main(["convert", str(parted), "mine", "--to", "labelme"])
    assert not done.value.code
    test = {name for name, part in read_split(Dataset(Path("mine"))).parts.items() if part == "test"}
    assert len(test) == 6
    split_dataset(Dataset(Path("mine")), SplitOptions(val=0.25))
    again = read_split(Dataset(Path("mine")))
    assert {name for name, part in again.parts.items() if part == "test"} == test
    assert "val" in again.parts.values()
    split_dataset(Dataset(Path("mine")), SplitOptions(new_test=True))
    assert {name for name, part in read_split(Dataset(Path("mine"))).parts.items() if part == "test"} != test


def test_a_picture_on_both_sides_of_the_given_parts_is_said_to_leak(tmp_path: Path, source: Path) -> None:
    parted = write_class_folders(tmp_path / "parted", {"train/cat": 8, "train/dog": 8, "test/cat": 3, "test/dog": 3})
    shutil.copy(parted / "test/cat/cat_200.jpg", parted / "train/cat/twin.jpg")
    heard = Heard()
    split = read_split(open_dataset(parted, heard))
    assert not split.leak_free
    assert "cat_200.jpg = twin.jpg" in heard.text
    assert "--new-test" in heard.text


def test_an_empty_class_is_named_and_a_folder_of_other_things_is_no_class(source: Path) -> None:
    (source / "scripts").mkdir()
    (source / "scripts" / "rename.py").write_text("")
    heard = Heard()
    open_dataset(source, heard)
    assert "scripts holds no photo and is taken for no class" in heard.text
    (source / "bird").mkdir()
    (source / "cow").mkdir()
    (source / "cow" / "cow.heic").write_bytes(b"not read here")
    with pytest.raises(DataError, match="class folders bird, cow; put photos"):
        open_dataset(source)


def test_what_is_no_folder_of_classes_is_taken_as_it_is(drawn_dataset: Path, tmp_path: Path) -> None:
    assert open_dataset(drawn_dataset) == Dataset(drawn_dataset)
    assert open_dataset(tmp_path / "nowhere") == Dataset(tmp_path / "nowhere")
    # A folder that holds datasets, and one whose only folder happens to hold photos.
    assert not is_class_folders(drawn_dataset.parent)
    assert not is_class_folders(write_class_folders(tmp_path / "holidays", {"2024": 3}))


def test_photos_of_one_name_in_two_classes_are_both_there(source: Path) -> None:
    for folder in ("cat", "dog"):
        photo = next((source / folder).iterdir())
        photo.rename(source / folder / "1.jpg")
    samples = read_samples(open_dataset(source))
    assert Counter(sample.tags for sample in samples) == {("cat",): 8, ("dog",): 8}


def test_photos_in_a_folder_that_has_the_datasets_own_name_are_imported_beside_it(source: Path) -> None:
    shutil.copytree(source, "datasets/pets")
    assert open_dataset(Path("datasets/pets")).root == Path("datasets/pets-imported")


def test_the_commands_take_the_folder_for_a_dataset(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["split"], ["check", "--no-html"], ["augment", "--factor", "2", "--workers", "1"]):
        with pytest.raises(SystemExit) as ended:
            cli.main([command[0], str(source), *command[1:], "--json"])
        out, err = capsys.readouterr()
        assert ended.value.code in (0, None), err
        assert json.loads(out)
    copies = read_samples(Dataset(Path("datasets/pets/augmented")))
    assert len(copies) == 2 * len(read_split(Dataset(Path("datasets/pets"))).names("train"))
    assert sorted({tag for copy in copies for tag in copy.tags}) == ["cat", "dog"]


def test_real_photos_keep_their_duplicates_on_one_side(
    shared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    masks = shared("data/masks")
    dataset = open_dataset(masks)
    split = split_dataset(dataset, SplitOptions())
    # The one picture that is there twice, saved anew; two shots of one scene; one man from the same angle.
    for first, other in (
        ("0_0_0 copy 37.jpg", "0_0_4 copy 31.jpg"),
        ("with_mask488.jpg", "with_mask604.jpg"),
        ("0_0_fanyichen_0040.jpg", "0_0_fanyichen_0091.jpg"),
    ):
        assert split.part(first) == split.part(other)
    for part, share in (("val", 0.15), ("test", 0.15)):
        for name in ("with_mask", "without_mask"):
            assert abs(split.classes[part][name] / 250 - share) < 0.01
    # The names tell who is on a photo; that is offered, and can be had.
    assert "anhu 44" in split.note
    group_by = split.note.split("--group-by '")[1].rstrip("'")
    people = split_dataset(dataset, SplitOptions(group_by=group_by))
    assert len({people.part(name) for name in people.parts if "_anhu_" in name}) == 1

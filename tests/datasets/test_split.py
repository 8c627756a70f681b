from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawn import draw_photo, write_dataset
from tests.heard import Heard
from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import check_split, read_split
from thirtyfold.datasets.split_choice import make_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, SplitError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

session_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=15)


def photos_of(sizes: list[int]) -> dict[str, str]:
    """Photo → session, sessions of these sizes."""
    return {f"{session}_{number}.jpg": f"s{session}" for session, size in enumerate(sizes) for number in range(size)}


@given(sizes=session_sizes, seed=st.integers(0, 99), val=st.floats(0, 0.45), test=st.floats(0, 0.45))
def test_no_session_is_ever_torn_and_every_photo_has_a_part(
    sizes: list[int], seed: int, val: float, test: float
) -> None:
    groups = photos_of(sizes)
    split = make_split(groups, SplitOptions(val=val, test=test, seed=seed), how="test")
    assert set(split.parts) == set(groups)
    assert split.names("train")
    check_split(split)
    if len(sizes) > 1:
        assert split.leak_free
        sides: dict[str, set[str]] = {}
        for name, session in groups.items():
            sides.setdefault(session, set()).add(split.parts[name])
        assert all(len(parts) == 1 for parts in sides.values())
    else:
        assert not split.leak_free


@st.composite
def photos_with_classes_and_duplicates(
    draw: st.DrawFn,
) -> tuple[dict[str, str], dict[str, list[str]], list[tuple[str, str]], list[tuple[str, str]]]:
    groups = photos_of(draw(st.lists(st.integers(1, 12), min_size=1, max_size=12)))
    names = sorted(groups)
    classes = draw(st.dictionaries(st.sampled_from(names), st.lists(st.sampled_from("abcd"), max_size=3), max_size=40))
    pairs = st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=6)
    return groups, classes, draw(pairs), draw(pairs)


@given(
    dataset=photos_with_classes_and_duplicates(),
    seed=st.integers(0, 99),
    val=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
)
def test_neither_a_session_nor_a_pair_of_duplicates_is_ever_torn_whatever_the_classes(
    dataset: tuple[dict[str, str], dict[str, list[str]], list[tuple[str, str]], list[tuple[str, str]]],
    seed: int,
    val: float,
    test: float,
) -> None:
    groups, classes, duplicates, alike = dataset
    options = SplitOptions(val=val, test=test, seed=seed)
    split = make_split(groups, options, how="test", classes=classes, duplicates=duplicates, alike=alike)
    assert set(split.parts) == set(groups)
    assert split.names("train")
    assert all(split.parts[first] == split.parts[other] for first, other in duplicates)
    check_split(split)
    if split.leak_free:
        assert all(split.groups[name] == session for name, session in groups.items())
    for part in split.classes:
        for name, count in split.classes[part].items():
            assert count == sum(name in found and split.parts[photo] == part for photo, found in classes.items())
    assert split == make_split(groups, options, how="test", classes=classes, duplicates=duplicates, alike=alike)


@given(sizes=session_sizes, seed=st.integers(0, 99))
def test_the_same_arguments_give_the_same_split(sizes: list[int], seed: int) -> None:
    first, second = (make_split(photos_of(sizes), SplitOptions(seed=seed), how="test") for _ in range(2))
    assert first == second


def test_shares_come_close_when_sessions_allow_it() -> None:
    split = make_split(photos_of([5] * 20), SplitOptions(val=0.2, test=0.1), how="test")
    assert {part: len(split.names(part)) for part in ("train", "val", "test")} == {"train": 70, "val": 20, "test": 10}


def test_another_seed_draws_other_sessions() -> None:
    drawn = {
        tuple(make_split(photos_of([5] * 20), SplitOptions(seed=seed), how="test").names("test")) for seed in range(5)
    }
    assert len(drawn) > 1


def test_shares_are_counted_in_labelled_photos() -> None:
    groups = photos_of([10, 10, 10, 10, 100])
    labelled = [name for name, session in groups.items() if session != "s4"]
    split = make_split(
        groups, SplitOptions(val=0.25, test=0.25), how="test", classes=dict.fromkeys(labelled, ("face",))
    )
    counts = Counter(split.parts[name] for name in labelled)
    assert counts == {"train": 20, "val": 10, "test": 10}
    assert len(split.parts) == 140


@pytest.mark.parametrize("seed", range(5))
def test_each_class_has_its_share_of_every_part(seed: int) -> None:
    groups = photos_of([4] * 30)
    # `rare` in six sessions of thirty, and one photo in four without anything.
    classes = {
        name: ["(nothing)"] if name.endswith("_0.jpg") else ["face", "rare"] if int(session[1:]) % 5 == 0 else ["face"]
        for name, session in groups.items()
    }
    split = make_split(groups, SplitOptions(val=1 / 6, test=1 / 6, seed=seed), how="test", classes=classes)
    assert split.classes == {
        "train": {"(nothing)": 20, "face": 60, "rare": 12},
        "val": {"(nothing)": 5, "face": 15, "rare": 3},
        "test": {"(nothing)": 5, "face": 15, "rare": 3},
    }
    assert split.note == ""


def test_a_class_that_a_part_does_not_have_is_named_with_the_sessions_it_is_in() -> None:
    groups = photos_of([5, 5, 5, 5])
    classes = {name: ["face", "hand"] if session == "s2" else ["face"] for name, session in groups.items()}
    for seed in range(5):
        split = make_split(groups, SplitOptions(seed=seed), how="test", classes=classes)
        # What only one session shows is learned, not tested.
        assert split.part("2_0.jpg") == "train"
        assert "No val photo shows hand (only in s2)" in split.note
        assert "No test photo shows hand (only in s2)" in split.note


def test_sessions_that_share_a_photo_go_where_each_other_goes_and_it_is_said() -> None:
    groups = photos_of([5, 5, 5, 5, 5])
    for seed in range(5):
        split = make_split(groups, SplitOptions(seed=seed), how="test", duplicates=[("1_0.jpg", "3_4.jpg")])
        assert split.part("1_2.jpg") == split.part("3_0.jpg")
        assert "The sessions s1, s3 share photos (1_0.jpg = 3_4.jpg)" in split.note
    named = make_split(groups, SplitOptions(test_sessions=("s1",)), how="test", duplicates=[("1_0.jpg", "3_4.jpg")])
    assert named.sessions("test") == ["s1", "s3"]
    assert "s3 went to the test part as well" in named.note


def test_duplicates_that_connect_everything_leave_no_leak_free_split_and_the_way_out_is_said() -> None:
    groups = photos_of([5, 5])
    split = make_split(groups, SplitOptions(), how="test", duplicates=[("0_0.jpg", "1_4.jpg")])
    assert not split.leak_free
    assert "0_0.jpg = 1_4.jpg" in split.note
    assert "Move one of each pair" in split.note
    assert split.part("0_0.jpg") == split.part("1_4.jpg")
    with pytest.raises(UsageError, match=r"hold duplicates of its photos \(0_0.jpg = 1_4.jpg\)"):
        make_split(groups, SplitOptions(test_sessions=("s1",)), how="test", duplicates=[("0_0.jpg", "1_4.jpg")])


def test_look_alikes_are_kept_together_as_long_as_three_groups_are_left() -> None:
    alike = [("0_0.jpg", "1_0.jpg")]
    four = make_split(photos_of([3] * 4), SplitOptions(), how="test", alike=alike)
    assert four.part("0_0.jpg") == four.part("1_0.jpg")
    assert check_split(four) == ()
    for seed in range(9):
        three = make_split(photos_of([3] * 3), SplitOptions(seed=seed), how="test", alike=alike)
        assert three.leak_free
        (note,) = check_split(three)
        assert "0_0.jpg ~ 1_0.jpg look like the same picture" in note


def test_named_test_sessions_are_the_test_part_and_nothing_else_is() -> None:
    split = make_split(photos_of([4, 4, 4, 4]), SplitOptions(test_sessions=("s1", "s2")), how="test")
    assert split.sessions("test") == ["s1", "s2"]
    assert len(split.sessions("val")) == 1


def test_an_unknown_test_session_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(UsageError, match="milc: no such session; there are s0, s1"):
        make_split(photos_of([2, 2]), SplitOptions(test_sessions=("milc",)), how="test")


def test_naming_every_session_for_the_test_is_refused() -> None:
    for sizes in ([3], [3, 3]):
        every = tuple(f"s{number}" for number in range(len(sizes)))
        with pytest.raises(UsageError, match="nothing would be left to train on"):
            make_split(photos_of(sizes), SplitOptions(test_sessions=every), how="test")


def test_two_sessions_give_train_and_validation_and_say_that_there_is_no_test() -> None:
    split = make_split(photos_of([9, 4]), SplitOptions(), how="test")
    assert [len(split.sessions(part)) for part in ("train", "val", "test")] == [1, 1, 0]
    assert "too few for a test part" in split.note


def test_two_sessions_with_one_named_for_the_test_have_no_validation() -> None:
    split = make_split(photos_of([9, 4]), SplitOptions(test_sessions=("s1",)), how="test")
    assert [split.sessions(part) for part in ("train", "val", "test")] == [["s0"], [], ["s1"]]
    assert "too few for a validation part" in split.note


def test_one_session_is_cut_into_blocks_of_time_and_says_so() -> None:
    names = {f"{number}.jpg": "only" for number in range(20)}
    split = make_split(names, SplitOptions(val=0.2, test=0.1), how="captures.jsonl")
    assert [split.parts[name] for name in names] == ["train"] * 14 + ["val"] * 4 + ["test"] * 2
    assert not split.leak_free
    assert "no leak-free split exists" in split.note


def test_blocks_of_time_follow_the_capture_log_and_not_the_names(tmp_path: Path) -> None:
    # The log has them in the order in which they were taken: zoo first. A photo of both sessions joins the two.
    names = [f"zoo_{number:04d}.jpg" for number in range(1, 6)] + [f"attic_{number:04d}.jpg" for number in range(1, 6)]
    for number, name in enumerate(names):
        write_jpeg(tmp_path / "images" / name, draw_photo(number)[0])
    shutil.copyfile(tmp_path / "images" / names[4], tmp_path / "images" / names[5])
    rows = [json.dumps({"image": name, "session": name.split("_")[0]}) for name in names]
    (tmp_path / "captures.jsonl").write_text("\n".join(rows) + "\n")
    split = split_dataset(Dataset(tmp_path), SplitOptions(val=0.2, test=0.2))
    assert not split.leak_free
    assert [split.parts[name] for name in names] == ["train"] * 6 + ["val"] * 2 + ["test"] * 2


def test_one_photo_is_all_train() -> None:
    split = make_split({"a.jpg": "only"}, SplitOptions(), how="test")
    assert split.parts == {"a.jpg": "train"}


def test_clip_frames_split_by_clip_with_milk_held_out(shared: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(shared("data/clip_frames"), tmp_path / "faces" / "images")
    dataset = Dataset(tmp_path / "faces")
    split = split_dataset(dataset, SplitOptions(group_by="^([a-z]+)_", test_sessions=("milk",)))
    assert split.sessions("test") == ["milk"]
    assert [len(split.names(part)) for part in ("train", "val", "test")] == [72, 12, 12]
    assert read_split(dataset) == split
    check_split(split, read_samples(dataset, group_by="^([a-z]+)_"))


def test_the_capture_log_says_which_photos_belong_together(drawn_dataset: Path) -> None:
    split = split_dataset(Dataset(drawn_dataset), SplitOptions())
    assert split.how == "captures.jsonl"
    assert sorted(set(split.groups.values())) == ["s0", "s1", "s2", "s3"]
    assert [len(split.sessions(part)) for part in ("train", "val", "test")] == [2, 1, 1]


PAIRS_OF_SCANS = (("Y15", "Y34"), ("Y14", "Y17"), ("Y30", "Y38"), ("Y37", "Y10"))


@pytest.mark.parametrize("group_by", [None, r"^(Y\d+)"], ids=["by looks", "every scan a session"])
def test_the_brain_scans_that_are_there_twice_end_on_one_side(
    shared: Callable[[str], Path], tmp_path: Path, group_by: str | None
) -> None:
    shutil.copytree(shared("data/brain_mri/images"), tmp_path / "brains" / "images")
    dataset = Dataset(tmp_path / "brains")
    for seed in range(4):
        heard = Heard()
        split = split_dataset(dataset, SplitOptions(group_by=group_by, seed=seed), progress=heard)
        part_of = {Path(name).stem: part for name, part in split.parts.items()}
        assert all(part_of[first] == part_of[other] for first, other in PAIRS_OF_SCANS)
        assert all(len(split.names(part)) in (7, 8) for part in ("val", "test"))
        if group_by is not None:
            # The four pairs of equal bytes, and two that were saved once more (Y35 and Y8, Y52 and Y6).
            assert "Y10, Y14, Y15, Y17, Y30, Y34" in heard.lines[-1]
            assert {tuple(Path(name).stem for name in pair) for pair in split.alike} == {("Y35", "Y8"), ("Y52", "Y6")}
        assert check_split(split, read_samples(dataset)) == ()


def test_clips_of_one_room_are_not_taken_for_duplicates_of_each_other(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(shared("data/clip_frames"), tmp_path / "faces" / "images")
    heard = Heard()
    split = split_dataset(Dataset(tmp_path / "faces"), SplitOptions(group_by="^([a-z]+)_"), progress=heard)
    assert split.alike == ()
    assert heard.lines == []
    assert split.classes["val"] == split.classes["test"] == {"face": 12}


def test_a_photo_copied_into_another_session_joins_the_two(drawn_dataset: Path) -> None:
    images = drawn_dataset / "images"
    shutil.copyfile(images / "0001.jpg", images / "0006.jpg")  # s0 and s1: the same bytes
    write_jpeg(images / "0011.jpg", draw_photo(16)[0], quality=60)  # s2 and s3: saved once more
    dataset = Dataset(drawn_dataset)
    split = split_dataset(dataset, SplitOptions())
    assert split.part("0001.jpg") == split.part("0006.jpg")
    assert split.alike == (("0011.jpg", "0016.jpg"),)
    assert "0001.jpg = 0006.jpg" in split.note
    assert read_split(dataset) == split


def test_a_split_with_the_same_file_on_both_sides_is_refused_and_both_are_named(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    split = split_dataset(dataset, SplitOptions())
    images = drawn_dataset / "images"
    train, test = split.names("train")[0], split.names("test")[0]
    check_split(split, read_samples(dataset))
    shutil.copyfile(images / train, images / test)
    with pytest.raises(SplitError, match=f"{min(train, test)} and {max(train, test)} are the same file"):
        check_split(split, read_samples(dataset))
    split_dataset(dataset, SplitOptions())
    check_split(read_split(dataset), read_samples(dataset))


def test_photos_that_look_alike_stay_together_where_nobody_wrote_sessions_down(tmp_path: Path) -> None:
    for scene in range(6):
        pixels, _ = draw_photo(scene)
        for shot, quality in enumerate((95, 60, 30)):
            write_jpeg(tmp_path / "images" / f"{shot}_{scene}.jpg", pixels, quality=quality)
    split = split_dataset(Dataset(tmp_path), SplitOptions())
    assert split.how == "near-duplicates"
    assert "say so with --group-by" in split.note
    assert len(set(split.groups.values())) == 6
    for scene in range(6):
        assert len({split.parts[f"{shot}_{scene}.jpg"] for shot in range(3)}) == 1


def test_a_photo_added_by_hand_joins_the_session_it_looks_like(drawn_dataset: Path) -> None:
    pixels, _ = draw_photo(1)
    write_jpeg(drawn_dataset / "images" / "copy-of-first.jpg", pixels, quality=70)
    split = split_dataset(Dataset(drawn_dataset), SplitOptions())
    assert split.groups["copy-of-first.jpg"] == split.groups["0001.jpg"] == "s0"


def test_a_photo_that_cannot_be_read_is_named_and_does_not_stop_the_split(tmp_path: Path) -> None:
    for number in range(3):
        write_jpeg(tmp_path / "images" / f"{number}.jpg", draw_photo(number)[0])
    (tmp_path / "images" / "broken.jpg").write_bytes(b"no picture")
    heard = Heard()
    split = split_dataset(Dataset(tmp_path), SplitOptions(), progress=heard)
    assert split.groups["broken.jpg"] == "like broken.jpg"
    assert any("broken.jpg" in line for line in heard.lines)


def test_boxes_that_only_a_model_drew_do_not_count_for_the_shares(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=5, per_session=4)
    for number in range(17, 21):  # the fifth session, kept while live
        path = root / "images" / f"{number:04d}.json"
        labelme_json.write(path, machine_made.marked(labelme_json.read(path), predicted_by="runs/detect/1"))
    for seed in range(8):
        split = split_dataset(Dataset(root), SplitOptions(val=0.25, test=0.25, seed=seed))
        assert len(split.parts) == 20
        by_people = Counter(part for name, part in split.parts.items() if name < "0017")
        assert by_people == {"train": 8, "val": 4, "test": 4}


def test_splitting_again_replaces_the_old_split(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    split_dataset(dataset, SplitOptions(test_sessions=("s0",)))
    split_dataset(dataset, SplitOptions(test_sessions=("s3",)))
    assert read_split(dataset).sessions("test") == ["s3"]


def test_reading_a_split_that_is_not_there_or_broken_names_the_next_command(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    with pytest.raises(SplitError, match="there is no split yet; run `thirtyfold split"):
        read_split(dataset)
    for text in ("{", "[" * 100_000, "[]", '{"format": 99, "photos": {}}'):
        dataset.split_path.write_text(text)
        with pytest.raises(SplitError, match="run `thirtyfold split"):
            read_split(dataset)
    raw = split_dataset(dataset, SplitOptions()).to_dict()
    raw["photos"]["0001.jpg"]["part"] = "training"
    dataset.split_path.write_text(json.dumps(raw))
    with pytest.raises(SplitError, match="'training'"):
        read_split(dataset)


def test_photos_captured_after_the_split_are_an_error_that_says_what_to_do(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    split_dataset(dataset, SplitOptions())
    write_jpeg(drawn_dataset / "images" / "9999.jpg", draw_photo(99)[0])
    with pytest.raises(SplitError, match=r"1 photos came after the split, first 9999\.jpg; run `thirtyfold split"):
        read_split(dataset)


def test_a_split_edited_so_that_it_leaks_is_found(drawn_dataset: Path) -> None:
    split = split_dataset(Dataset(drawn_dataset), SplitOptions())
    torn = replace(split, parts={**split.parts, split.names("train")[0]: "test"})
    with pytest.raises(SplitError, match="stands on both sides"):
        check_split(torn)


def test_copies_of_a_photo_that_is_no_longer_in_train_are_found(drawn_dataset: Path) -> None:
    split = split_dataset(Dataset(drawn_dataset), SplitOptions())
    parent = split.names("test")[0]
    copy = Sample(image_path=Path("x-00.jpg"), width=9, height=9, annotations=(), parent=parent)
    with pytest.raises(SplitError, match=f"is a copy of {parent}, which is now test"):
        check_split(split, [copy])
    check_split(split, [replace(copy, parent=split.names("train")[0])])


def test_a_dataset_without_photos_or_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no photos; take some with `thirtyfold capture"):
        split_dataset(Dataset(tmp_path / "empty"), SplitOptions())
    with pytest.raises(DataError, match="no such dataset"):
        split_dataset(Dataset(tmp_path / "gone"), SplitOptions())
    assert not (tmp_path / "gone").exists()


def test_sessions_are_listed_in_counting_order(tmp_path: Path) -> None:
    dataset = Dataset(write_dataset(tmp_path / "faces", sessions=11, per_session=1))
    split = split_dataset(dataset, SplitOptions(val=0, test=0))
    assert split.sessions("train") == [f"s{number}" for number in range(11)]
    assert split.rows()[0] == ("train", "11 (100%)", "face 11", ", ".join(f"s{number}" for number in range(11)))

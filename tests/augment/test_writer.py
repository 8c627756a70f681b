from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drawn import draw_photo, write_dataset, write_label
from tests.heard import Heard
from tests.waiting import wait_for
from thirtyfold import images
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.augmented import copies_dir, read_copies, read_manifest
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import check_split, read_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, SplitError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

REPOSITORY = Path(__file__).parents[2]
# 50 take one to two minutes.
KILLS = int(os.environ.get("THIRTYFOLD_KILLS", "15"))


def options(factor: int = 3, **others: object) -> AugmentOptions:
    return AugmentOptions(**{"factor": factor, "workers": 1, **others})  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, str]:
    """Every file under a folder with the hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def copy_of(source: Path, target: Path) -> Dataset:
    shutil.copytree(source, target)
    return Dataset(target)


def test_train_photos_are_multiplied_and_nothing_else_is(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    before = tree(drawn_dataset)
    heard = Heard()
    result = augment_dataset(dataset, options(), progress=heard)
    assert "There was no split yet, so one was made by captures.jsonl" in heard.text
    split = read_split(dataset)
    copies = read_copies(dataset)
    assert result.copies == result.made == len(copies) == 3 * len(split.names("train"))
    assert {copy.parent for copy in copies} == set(split.names("train"))
    assert {copy.session for copy in copies} == set(split.sessions("train"))
    check_split(split, [*read_samples(dataset), *copies])
    after = tree(drawn_dataset)
    assert {name: after[name] for name in before} == before


def test_a_copy_has_its_labels_and_its_lineage_beside_it(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, options(seed=5, recipe="seed"))
    parent = read_split(dataset).names("train")[0]
    label_file = labelme_json.read(copies_dir(dataset) / f"{Path(parent).stem}-02.json")
    assert label_file.extra["thirtyfold"] == {
        "parent": parent,
        "session": read_split(dataset).groups[parent],
        "recipe": "seed",
        "seed": 5,
        "copy": 2,
    }
    assert label_file.image_data is None
    assert label_file.image_path == f"{Path(parent).stem}-02.jpg"
    assert images.read_size(copies_dir(dataset) / label_file.image_path) == (label_file.width, label_file.height)


def test_boxes_are_still_around_the_face_after_all_that_is_written(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, options(factor=6, recipe="seed"))
    checked = 0
    for copy in read_copies(dataset):
        pixels = images.read_rgb(copy.image_path).astype(int)
        for annotation in copy.annotations or ():
            left, top, right, bottom = (round(value) for value in annotation.box_xyxy)
            inside = pixels[(3 * top + bottom) // 4 : (top + bottom) // 2, left:right]
            # The drawn face is skin-coloured and the room is dark: red stands out inside of the box.
            assert inside[..., 0].mean() > pixels[..., 0].mean() + 20
            checked += 1
    assert checked > 30


@pytest.mark.slow
def test_the_bytes_are_the_same_with_one_process_and_with_two(drawn_dataset: Path, tmp_path: Path) -> None:
    one, two = copy_of(drawn_dataset, tmp_path / "one"), copy_of(drawn_dataset, tmp_path / "two")
    augment_dataset(one, options(factor=70))
    result = augment_dataset(two, options(factor=70, workers=2))
    assert result.made == 70 * 10  # enough to pay for a second process
    assert tree(one.augmented_dir) == tree(two.augmented_dir)


def test_new_photos_do_not_change_the_copies_of_the_others(drawn_dataset: Path, tmp_path: Path) -> None:
    more = copy_of(drawn_dataset, tmp_path / "more")
    pixels, annotations = draw_photo(77)
    write_jpeg(more.images_dir / "0000.jpg", pixels)
    write_label(more.images_dir / "0000.jpg", annotations)
    sessions = ("s3",)
    for dataset in (Dataset(drawn_dataset), more):
        split_dataset(dataset, SplitOptions(test_sessions=sessions, val=0))
        augment_dataset(dataset, options())
    few, many = tree(copies_dir(Dataset(drawn_dataset))), tree(copies_dir(more))
    assert len(many) == len(few) + 6
    assert {name: many[name] for name in few} == few


def test_running_again_makes_nothing_and_says_so(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    first = augment_dataset(dataset, options())
    before = tree(dataset.augmented_dir)
    heard = Heard()
    second = augment_dataset(dataset, options(), progress=heard)
    assert (second.made, second.copies) == (0, first.copies)
    assert f"All {first.copies} copies are there" in heard.text
    assert tree(dataset.augmented_dir) == before


def test_only_missing_and_torn_copies_are_made_again(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, options())
    whole = tree(dataset.augmented_dir)
    pictures = sorted(copies_dir(dataset).glob("*.jpg"))
    pictures[0].unlink()
    pictures[3].with_suffix(".json").unlink()
    pictures[5].write_bytes(b"")
    (copies_dir(dataset) / f".{pictures[3].name}.abc123.tmp").write_bytes(b"half a picture")
    with pytest.raises(DataError, match="3 copies are still missing; run `thirtyfold augment"):
        read_copies(dataset)
    assert augment_dataset(dataset, options()).made == 3
    assert tree(dataset.augmented_dir) == whole


def augment_in_a_process(dataset: Dataset, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "thirtyfold", "augment", str(dataset.root), *more]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_copies(dataset: Dataset, count: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        folder = copies_dir(dataset)
        if folder.is_dir() and sum(path.suffix == ".json" for path in folder.iterdir()) >= count:
            return
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_killed_again_and_again_at_random_moments_it_ends_with_the_same_bytes(
    drawn_dataset: Path, tmp_path: Path
) -> None:
    undisturbed, killed = Dataset(drawn_dataset), copy_of(drawn_dataset, tmp_path / "killed")
    moments = random.Random(30)
    made, factor = [0], 20 * KILLS
    for _ in range(KILLS):
        process = augment_in_a_process(killed, "--factor", str(factor), "--workers", "2")
        # Half of the kills hit the start, the others the work.
        if moments.random() < 0.5:
            time.sleep(moments.uniform(0, 0.5))
        else:
            wait_for_copies(killed, made[-1] + moments.randrange(1, 100), process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        # The workers notice that their parent is gone and end: nobody holds the process group any more.
        wait_for(lambda pid=process.pid: not _group_lives(pid), "the workers to end")  # type: ignore[misc]
        folder = copies_dir(killed)
        made.append(len(list(folder.glob("*.json"))) if folder.is_dir() else 0)
        assert made[-2] <= made[-1] < 10 * factor
    assert len(set(made)) > KILLS / 3
    for dataset in (undisturbed, killed):
        augment_dataset(dataset, options(factor=factor, workers=2))
    assert tree(killed.augmented_dir) == tree(undisturbed.augmented_dir)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process group on Windows")
def test_ctrl_c_stops_cleanly_with_130_and_says_how_to_go_on(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    process = augment_in_a_process(dataset, "--factor", "400", "--workers", "2")
    wait_for_copies(dataset, 40, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    _, stderr = process.communicate()
    assert process.returncode == 130, stderr
    assert "of 4,000 copies are there; the same command makes the rest" in stderr
    assert "Traceback" not in stderr
    assert not list(copies_dir(dataset).glob(".*"))
    pictures = {path.stem for path in copies_dir(dataset).glob("*.jpg")}
    assert pictures == {path.stem for path in copies_dir(dataset).glob("*.json")}


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"factor": 2}, {"recipe": "seed"}, {"min_visible": 0.9}], ids=lambda other: next(iter(other))
)
def test_copies_of_other_options_are_replaced_not_mixed(
    drawn_dataset: Path, tmp_path: Path, other: dict[str, object]
) -> None:
    fresh, reused = copy_of(drawn_dataset, tmp_path / "fresh"), Dataset(drawn_dataset)
    augment_dataset(reused, options())
    heard = Heard()
    augment_dataset(reused, options(**other), progress=heard)
    augment_dataset(fresh, options(**other))
    assert "they are made anew" in heard.text
    assert tree(reused.augmented_dir) == tree(fresh.augmented_dir)
    assert sorted(path.name for path in reused.root.iterdir()) == sorted(path.name for path in fresh.root.iterdir())


def test_corrected_labels_and_another_split_make_the_copies_anew(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    split_dataset(dataset, SplitOptions(test_sessions=("s0",), val=0))
    augment_dataset(dataset, options())
    write_label(drawn_dataset / "images" / "0010.jpg", [Annotation.from_box("hand", (100, 80, 200, 160))])
    augment_dataset(dataset, options())
    labels = {item.label for copy in read_copies(dataset) if copy.parent == "0010.jpg" for item in copy.annotations}
    assert labels == {"hand"}
    heard = Heard()
    split_dataset(dataset, SplitOptions(test_sessions=("s1",), val=0), progress=heard)
    assert "were made from another split: run `thirtyfold augment" in heard.text
    with pytest.raises(SplitError, match="the copies were made from another split"):
        check_split(read_split(dataset), read_copies(dataset))
    augment_dataset(dataset, options())
    check_split(read_split(dataset), read_copies(dataset))


def test_files_that_somebody_else_put_there_are_never_deleted(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, options())
    (copies_dir(dataset) / "mine.jpg").write_bytes(b"a photo of my own")
    (copies_dir(dataset) / "mine.json").write_text('{"shapes": []}')
    (dataset.augmented_dir / "notes.txt").write_text("keep me")
    assert len(read_copies(dataset)) == augment_dataset(dataset, options()).copies
    heard = Heard()
    augment_dataset(dataset, options(seed=1), progress=heard)
    kept = drawn_dataset / "augmented.old-1"
    assert sorted(path.name for path in kept.rglob("*") if path.is_file()) == ["mine.jpg", "mine.json", "notes.txt"]
    assert "kept, as it holds files that thirtyfold did not make" in heard.text
    augment_dataset(dataset, options(seed=2))
    assert (kept / "notes.txt").read_text() == "keep me"


def test_a_folder_that_is_not_ours_is_left_alone(drawn_dataset: Path) -> None:
    (drawn_dataset / "augmented").mkdir()
    (drawn_dataset / "augmented" / "old.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="can't be told what they were made from; move or delete the folder"):
        augment_dataset(Dataset(drawn_dataset), options())
    assert (drawn_dataset / "augmented" / "old.jpg").read_bytes() == b"x"


def test_a_file_where_the_folder_belongs_is_an_error(drawn_dataset: Path) -> None:
    (drawn_dataset / "augmented").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        augment_dataset(Dataset(drawn_dataset), options())


@pytest.mark.parametrize("broken", ["cut off", "garbage", "label"])
def test_a_broken_photo_in_the_middle_is_named_and_the_rest_goes_on(drawn_dataset: Path, broken: str) -> None:
    dataset = Dataset(drawn_dataset)
    split_dataset(dataset, SplitOptions(val=0, test=0.25, test_sessions=("s3",)))
    photo = drawn_dataset / "images" / "0007.jpg"
    if broken == "cut off":
        photo.write_bytes(photo.read_bytes()[:-4000])
    elif broken == "garbage":
        photo.write_bytes(b"not a picture at all")
    else:
        photo.with_suffix(".json").write_text('{"shapes": [{"label": "face"}]}')
    heard = Heard()
    result = augment_dataset(dataset, options(), progress=heard)
    assert len(result.problems) == 1
    assert "0007" in result.problems[0]
    assert "Left out: " in heard.text
    assert (result.photos, result.copies) == (14, 42)
    assert len(read_copies(dataset)) == 42
    again = augment_dataset(dataset, options())
    assert (again.made, len(again.problems)) == (0, 1)


def test_two_photos_of_one_name_are_told_apart_by_an_error(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    (drawn_dataset / "images" / "0001.png").write_bytes((drawn_dataset / "images" / "0002.jpg").read_bytes())
    split_dataset(dataset, SplitOptions(val=0, test=0, group_by="."))
    (problem,) = augment_dataset(dataset, options()).problems
    assert "0001.png: shares the label file of 0001.jpg; rename one of the two" in problem


def test_verified_empty_photos_become_negatives_and_unlabelled_ones_are_skipped(tmp_path: Path) -> None:
    dataset = Dataset(write_dataset(tmp_path / "faces", empty_every=4))
    split_dataset(dataset, SplitOptions(val=0, test=0))
    (tmp_path / "faces" / "images" / "0001.json").unlink()
    heard = Heard()
    result = augment_dataset(dataset, options(recipe="seed", min_visible=0.01), progress=heard)
    assert result.unlabelled == 1
    assert "1 of the train photos have no label that a person has seen" in heard.text
    by_parent: dict[str, list[bool]] = {}
    for copy in read_copies(dataset):
        by_parent.setdefault(str(copy.parent), []).append(copy.annotations == ())
    assert len(by_parent) == 19
    assert all(by_parent[f"{number:04d}.jpg"] == [True] * 3 for number in (4, 8, 12, 16, 20))
    assert "0001.jpg" not in by_parent


def test_nothing_labelled_names_the_next_command(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "images" / "a.jpg", draw_photo(1)[0])
    with pytest.raises(DataError, match=r"no labelled photo in the train part .* `thirtyfold annotate"):
        augment_dataset(Dataset(tmp_path), options())


def test_shapes_that_cannot_be_moved_are_counted_and_said(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    split_dataset(dataset, SplitOptions(val=0, test=0))
    mask = Annotation(label="hand", points=((0, 0), (9, 9)), kind="mask", extra={"mask": "iVBORw0KGgo="})
    write_label(drawn_dataset / "images" / "0002.jpg", [mask])
    heard = Heard()
    result = augment_dataset(dataset, options(), progress=heard)
    assert result.not_moved == {"mask": 1}
    assert "missing from the copies: 1 of kind mask" in heard.text


def test_photos_newer_than_the_split_stop_it_with_the_next_command(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, options())
    write_jpeg(drawn_dataset / "images" / "9999.jpg", draw_photo(99)[0])
    with pytest.raises(SplitError, match="came after the split"):
        augment_dataset(dataset, options())


def test_a_second_augment_at_the_same_time_is_refused(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    with dataset.lock("capture"), pytest.raises(UsageError, match="another thirtyfold command is at work"):
        augment_dataset(dataset, options())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_dataset_that_cannot_be_written_is_a_clear_error(drawn_dataset: Path) -> None:
    augment_dataset(Dataset(drawn_dataset), options())
    copies_dir(Dataset(drawn_dataset)).chmod(0o555)
    with pytest.raises(UsageError, match="cannot be written to"):
        augment_dataset(Dataset(drawn_dataset), options(factor=4))


def test_an_unknown_recipe_is_refused_and_the_known_ones_named(drawn_dataset: Path) -> None:
    with pytest.raises(UsageError, match="--recipe webcm: one of webcam, seed, mask,"):
        augment_dataset(Dataset(drawn_dataset), options(recipe="webcm"))


def test_the_preview_shows_copies_with_their_shapes(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, options())
    sheet = images.read_rgb(dataset.augmented_dir / "preview.jpg")
    assert sheet.shape == (4 + 4 * 244, 4 + 6 * 244, 3)
    assert read_manifest(dataset) is not None


def test_the_command_prints_json_and_ends_with_4_for_a_broken_photo(drawn_dataset: Path) -> None:
    (drawn_dataset / "images" / "0001.jpg").write_bytes(b"")
    split_dataset(Dataset(drawn_dataset), SplitOptions(val=0, test=0))
    process = augment_in_a_process(Dataset(drawn_dataset), "--factor", "2", "--json")
    stdout, stderr = process.communicate()
    assert process.returncode == 4, stderr
    said = json.loads(stdout)
    assert (said["photos"], said["copies"], said["made"]) == (19, 38, 38)
    assert "0001.jpg" in said["problems"][0]
    assert "1 of the photos left out, first" in stderr
    assert "Traceback" not in stderr


def test_real_webcam_photos_are_augmented_with_their_labels_in_another_folder(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(shared("data/webcam_faces"), tmp_path / "faces")
    dataset = Dataset(tmp_path / "faces")
    heard = Heard()
    result = augment_dataset(dataset, options(factor=4), progress=heard)
    assert result.problems == ()
    assert "blocks of time" in heard.text
    assert result.copies == 4 * len(read_split(dataset).names("train"))
    assert result.negatives < result.copies / 5

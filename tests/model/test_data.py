import json
from pathlib import Path

import pytest

from tests.drawn import write_dataset, write_label
from tests.heard import Heard
from thirtyfold import files
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, SplitError
from thirtyfold.model.data import TrainingData, gather
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import Silent
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


def gathered(root: Path, progress: Silent | None = None, **options: object) -> TrainingData:
    return gather(Dataset(root), TrainOptions(**options), progress or Silent())  # type: ignore[arg-type]


def divided(root: Path) -> Path:
    split_dataset(Dataset(root), SplitOptions())
    return root


def mark_as_machine_made(image_path: Path) -> None:
    path = image_path.with_suffix(".json")
    labelme_json.write(path, machine_made.marked(labelme_json.read(path), predicted_by="runs/detect/1"))


def multiplied(root: Path) -> Path:
    augment_dataset(Dataset(root), AugmentOptions(factor=2, workers=1))
    return root


def test_the_parts_of_the_split_are_gathered_whole(drawn_dataset: Path) -> None:
    data = gathered(divided(drawn_dataset))
    sessions = [{sample.session for sample in part} for part in (data.train, data.val, data.test)]
    assert len(data.train) + len(data.val) + len(data.test) == 20
    assert all(part for part in sessions)
    assert not (sessions[0] & sessions[1] or sessions[0] & sessions[2] or sessions[1] & sessions[2])
    assert data.classes == ("face",)
    assert not data.many


def test_without_a_split_the_error_names_the_next_command(drawn_dataset: Path) -> None:
    with pytest.raises(SplitError, match=r"thirtyfold (split|augment)"):
        gathered(drawn_dataset)


def test_a_split_that_tears_a_session_apart_is_refused(drawn_dataset: Path) -> None:
    path = Dataset(divided(drawn_dataset)).split_path
    torn = gathered(drawn_dataset).train[0].image_path.name
    raw = json.loads(path.read_text())
    raw["photos"][torn]["part"] = "test"
    files.write_json(path, raw)
    with pytest.raises(SplitError, match=r"session|both sides"):
        gathered(drawn_dataset)


def test_a_copy_of_a_test_photo_is_a_leak(drawn_dataset: Path) -> None:
    data = gathered(multiplied(divided(drawn_dataset)))
    trained_on = data.train[0].session
    assert trained_on is not None
    split_dataset(Dataset(drawn_dataset), SplitOptions(test_sessions=(trained_on,)))
    with pytest.raises(SplitError, match="augment"):
        gathered(drawn_dataset)


def test_copies_of_train_photos_are_learned_from(drawn_dataset: Path) -> None:
    photos = len(gathered(divided(drawn_dataset)).train)
    data = gathered(multiplied(drawn_dataset))
    assert data.copies == 2 * photos
    assert len(data.train) == 3 * photos


def test_copies_of_labels_that_have_changed_since_are_refused(drawn_dataset: Path) -> None:
    data = gathered(multiplied(divided(drawn_dataset)))
    write_label(data.train[0].image_path, [Annotation.from_box("face", (1, 2, 50, 60))])
    with pytest.raises(DataError, match=rf"{data.train[0].image_path.name}.*thirtyfold augment"):
        gathered(drawn_dataset)


def test_unlabelled_photos_are_refused_unless_it_is_said_what_they_are(drawn_dataset: Path) -> None:
    divided(drawn_dataset)
    image = Dataset(drawn_dataset).image_paths()[0]
    image.with_suffix(".json").unlink()
    with pytest.raises(DataError, match="--unlabelled skip or --unlabelled negative"):
        gathered(drawn_dataset)
    total = len([*gathered(drawn_dataset, unlabelled="skip").train, *gathered(drawn_dataset, unlabelled="skip").val])
    as_negative = gathered(drawn_dataset, unlabelled="negative")
    parts = [*as_negative.train, *as_negative.val, *as_negative.test]
    assert len(parts) == 20
    assert total < 20
    assert next(sample for sample in parts if sample.image_path == image).annotations == ()


def test_photos_that_only_a_model_labelled_are_left_out_of_every_part_and_it_is_said(drawn_dataset: Path) -> None:
    before = gathered(divided(drawn_dataset))
    photos = [before.train[0].image_path, before.val[0].image_path, before.test[0].image_path]
    for photo in photos:
        mark_as_machine_made(photo)
    multiplied(drawn_dataset)
    heard = Heard()
    data = gathered(drawn_dataset, heard)
    left = [sample.image_path for part in (data.train, data.val, data.test) for sample in part]
    assert not set(photos) & set(left)
    assert data.copies == 2 * (len(before.train) - 1)
    assert len(left) == 20 - 3 + data.copies
    assert photos[0].name not in {copy.parent for copy in data.train}
    assert heard.lines[0] == (
        "3 photos have boxes that a model drew and nobody has looked at; they are left out. "
        f"Look at them with `thirtyfold annotate {drawn_dataset}`"
    )


def test_the_boxes_of_a_model_alone_are_nothing_to_train_on(drawn_dataset: Path) -> None:
    for photo in Dataset(divided(drawn_dataset)).image_paths()[1:]:
        mark_as_machine_made(photo)
    Dataset(drawn_dataset).image_paths()[0].with_suffix(".json").unlink()
    for unlabelled in ("refuse", "skip", "negative"):
        with pytest.raises(DataError, match=r"19 photos have boxes that a model drew.*thirtyfold annotate"):
            gathered(drawn_dataset, unlabelled=unlabelled)


def test_a_dataset_without_any_label_says_how_to_get_some(tmp_path: Path) -> None:
    root = divided(write_dataset(tmp_path / "faces"))
    for label in (root / "images").glob("*.json"):
        label.unlink()
    with pytest.raises(DataError, match="thirtyfold annotate"):
        gathered(root, unlabelled="negative")


def test_only_empty_photos_teach_nothing(tmp_path: Path) -> None:
    root = divided(write_dataset(tmp_path / "faces", empty_every=1))
    with pytest.raises(DataError, match="no shape is drawn"):
        gathered(root)


def test_a_label_nobody_listed_is_named_with_its_file(drawn_dataset: Path) -> None:
    divided(drawn_dataset)
    image = Dataset(drawn_dataset).image_paths()[3]
    write_label(image, [Annotation.from_box("fcae", (10, 10, 50, 60))])
    with pytest.raises(DataError, match=rf"{image.stem}\.json.*'fcae'"):
        gathered(drawn_dataset, labels=("face",))


def test_a_label_that_is_listed_but_nowhere_is_an_error(drawn_dataset: Path) -> None:
    with pytest.raises(DataError, match="'hand'"):
        gathered(divided(drawn_dataset), labels=("hand",))


def test_one_class_only_is_an_error_for_global_heads_and_a_note_for_dense_ones(drawn_dataset: Path) -> None:
    divided(drawn_dataset)
    with pytest.raises(DataError, match="no object"):
        gathered(drawn_dataset, heads="global")
    heard = Heard()
    gathered(drawn_dataset, heard)
    assert any("no object" in line for line in heard.lines)


def test_two_faces_on_a_photo_mean_many_boxes(drawn_dataset: Path) -> None:
    data = gathered(divided(drawn_dataset))
    image = data.train[0].image_path
    write_label(image, [Annotation.from_box("face", (10, 10, 50, 60)), Annotation.from_box("face", (90, 10, 140, 60))])
    assert gathered(drawn_dataset).many


def test_points_on_a_face_are_no_further_objects(drawn_dataset: Path) -> None:
    image = gathered(divided(drawn_dataset)).train[0].image_path
    nose = Annotation(label="face", points=((30.0, 30.0),), kind="point")
    write_label(image, [Annotation.from_box("face", (10, 10, 50, 60)), nose])
    assert not gathered(drawn_dataset).many


def test_the_fingerprint_follows_photos_and_labels(drawn_dataset: Path) -> None:
    before = gathered(divided(drawn_dataset))
    assert gathered(drawn_dataset).fingerprint == before.fingerprint
    write_label(before.train[0].image_path, [Annotation.from_box("face", (1, 2, 50, 60))])
    assert gathered(drawn_dataset).fingerprint != before.fingerprint


def test_a_photo_that_is_train_and_test_under_two_names_is_refused(drawn_dataset: Path) -> None:
    divided(drawn_dataset)
    split = json.loads((drawn_dataset / "split.json").read_text())
    names = {
        part: next(name for name, row in split["photos"].items() if row["part"] == part) for part in ("train", "test")
    }
    images = drawn_dataset / "images"
    (images / names["test"]).write_bytes((images / names["train"]).read_bytes())
    with pytest.raises(SplitError, match="are the same file"):
        gathered(drawn_dataset)


def test_photos_that_look_alike_across_the_split_are_said_and_do_not_stop_the_training(drawn_dataset: Path) -> None:
    path = divided(drawn_dataset) / "split.json"
    split = json.loads(path.read_text())
    names = [next(name for name, row in split["photos"].items() if row["part"] == part) for part in ("train", "test")]
    path.write_text(json.dumps({**split, "alike": [names]}))
    heard = Heard()
    gathered(drawn_dataset, heard)
    assert f"note: {names[0]} ~ {names[1]} look like the same picture" in heard.lines[0]

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from tests.drawn import write_label
from tests.heard import Heard
from tests.predict.people import draw_person, photos_of
from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.datasets.split_choice import make_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.errors import DataError, ModelError
from thirtyfold.images import write_jpeg
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.exams.photo import Judging
from thirtyfold.model.exams.recognize import RecognizeExam
from thirtyfold.model.labelling import people as labelling
from thirtyfold.model.margin_loss import MARGIN, ClassCosines, UnitLength, angular_margin_loss
from thirtyfold.model.metrics.recognition import (
    FARS,
    identification,
    nearest_is_own,
    pairs_of,
    recognition_figures,
    roc_of,
    verification,
)
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.predict.artifact import read_card
from thirtyfold.predict.chain import MARGIN_SHARE, crop
from thirtyfold.predict.detectors import find_model, open_detector
from thirtyfold.predict.embedder import open_embedder
from thirtyfold.predict.recognizer_threshold import evidence_of
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

PEOPLE = tuple(f"person{number}" for number in range(9))
FACE_BOX = Annotation.from_box("face", (90, 60, 170, 150))


def write_people(root: Path, people: Sequence[str] = PEOPLE, *, photos: int = 4, boxes: bool = False) -> Dataset:
    """``images/`` with the person ticked in each label file; a third of the people each to train, validate and test."""
    parts, groups = {}, {}
    for number, name in enumerate(people):
        for seed in range(photos):
            path = root / "images" / f"{name}_{seed}.jpg"
            write_jpeg(path, draw_person(name, seed))
            tick(path, name, boxes=boxes)
            parts[path.name] = ("train", "val", "test")[3 * number // len(people)]
            groups[path.name] = name
    dataset = Dataset(root)
    write_split(dataset, Split(parts=parts, groups=groups, how="person", leak_free=True))
    return dataset


def tick(path: Path, *names: str, boxes: bool = False) -> None:
    write_label(path, [FACE_BOX] if boxes else [])
    raw = json.loads(path.with_suffix(".json").read_text())
    raw["flags"] = dict.fromkeys(names, True)
    files.write_json(path.with_suffix(".json"), raw)


def cosines_of(rows: Sequence[Sequence[float]]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_without_a_margin_the_loss_is_the_softmaxs_cross_entropy() -> None:
    cosines = cosines_of([[0.9, 0.1, -0.3], [0.2, 0.7, 0.6]])
    truth = np.eye(3, dtype=np.float32)[[0, 2]]
    expected = keras.losses.categorical_crossentropy(truth, 16.0 * cosines, from_logits=True)
    assert float(angular_margin_loss(0.0)(truth, cosines)) == pytest.approx(float(np.mean(expected)), rel=1e-5)


def test_the_margin_is_added_to_the_angle_of_the_true_person_alone() -> None:
    cosines = cosines_of([[np.cos(0.8), 0.1]])
    moved = cosines_of([[np.cos(0.8 + MARGIN), 0.1]])
    truth = np.array([[1.0, 0.0]], np.float32)
    assert float(angular_margin_loss()(truth, cosines)) == pytest.approx(
        float(angular_margin_loss(0.0)(truth, moved)), rel=1e-4
    )
    other = np.array([[0.0, 1.0]], np.float32)
    assert float(angular_margin_loss()(other, cosines)) > float(angular_margin_loss(0.0)(other, cosines))


def test_the_farther_from_the_own_direction_the_higher_the_loss_up_to_opposite() -> None:
    truth = np.array([[1.0, 0.0]], np.float32)
    losses = [
        float(angular_margin_loss()(truth, cosines_of([[np.cos(angle), 0.0]]))) for angle in np.linspace(0, np.pi, 40)
    ]
    assert np.isfinite(losses).all()
    assert all(first < second + 1e-6 for first, second in pairwise(losses))


def test_a_photo_of_nobody_who_is_learned_costs_nothing() -> None:
    cosines = cosines_of([[0.3, 0.1], [0.9, -0.9]])
    one, both = np.array([[1.0, 0.0]], np.float32), np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    assert float(angular_margin_loss()(both, cosines)) == pytest.approx(float(angular_margin_loss()(one, cosines[:1])))
    assert float(angular_margin_loss()(np.zeros((1, 2), np.float32), cosines[:1])) == 0.0


def test_vectors_have_length_one_and_cosines_are_with_unit_directions() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    units = np.asarray(UnitLength()(vectors))
    assert np.linalg.norm(units, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.isfinite(np.asarray(UnitLength()(np.zeros((1, 8), np.float32)))).all()
    layer = ClassCosines(3)
    cosines = np.asarray(layer(units))
    directions = np.asarray(layer.directions)
    assert cosines == pytest.approx(units @ (directions / np.linalg.norm(directions, axis=0)), abs=1e-5)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cloud(people: int, photos: int, *, noise: float, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, 16))
    vectors = np.repeat(centres, photos, axis=0) + noise * random.normal(size=(people * photos, 16))
    return unit(vectors), [f"p{number}" for number in range(people) for _ in range(photos)]


def test_figures_over_pairs_are_those_of_scikit_learn() -> None:
    vectors, names = cloud(6, 7, noise=1.2)
    pairs = pairs_of(vectors, names)
    assert len(pairs.cosines) == 42 * 41 // 2
    assert int(pairs.same.sum()) == 6 * 7 * 6 // 2
    figures = verification(pairs, np.ones((1, 6)))
    assert figures["auc"][0] == pytest.approx(roc_auc_score(pairs.same, pairs.cosines))
    far, tar, _ = roc_curve(pairs.same, pairs.cosines, drop_intermediate=False)
    for name, rate in FARS.items():
        assert figures[name][0] == pytest.approx(tar[far <= rate].max())
    crossing = np.interp(0.0, far - (1 - tar), far)
    assert figures["eer"][0] == pytest.approx(crossing, abs=1e-9)
    curve = roc_of(pairs)
    assert np.interp(0.3, curve.far, curve.tar) == pytest.approx(np.interp(0.3, far, tar), abs=0.02)


def test_equal_cosines_are_accepted_together() -> None:
    vectors = unit(np.array([[1.0, 0], [1.0, 0], [1.0, 0], [1.0, 0]]))
    figures = verification(pairs_of(vectors, ["a", "a", "b", "b"]), np.ones((1, 2)))
    assert (figures["auc"][0], figures["tar_at_far_1"][0]) == (0.5, 0.0)
    assert figures["eer"][0] == pytest.approx(0.5)


def test_a_person_drawn_twice_is_no_pair_of_people_who_look_alike() -> None:
    vectors, names = cloud(5, 4, noise=0.01)
    drawn = np.array([[3.0, 1.0, 1.0, 0.0, 0.0]])
    figures = verification(pairs_of(vectors, names), drawn)
    assert figures["auc"][0] == 1.0
    assert np.isnan(verification(pairs_of(vectors, names), np.array([[5.0, 0, 0, 0, 0]]))["auc"][0]), "no strangers"


def test_people_far_apart_are_all_recognized_and_strangers_are_not() -> None:
    vectors, names = cloud(8, 6, noise=0.02)
    trials = identification(vectors, names, lambda enrolled, whose: 0.9)
    assert np.nanmin(trials.rank1) == np.nanmin(trials.named) == np.nanmin(trials.rejected) == 1.0
    assert np.nanmax(trials.misnamed) == 0.0
    never = identification(vectors, names, lambda enrolled, whose: 1.0)
    assert np.nanmax(never.named) == 0.0
    always = identification(vectors, names, lambda enrolled, whose: -1.0)
    assert np.nanmax(always.rejected) == 0.0


def test_vectors_that_say_nothing_are_right_as_often_as_chance() -> None:
    random = np.random.default_rng(0)
    names = [f"p{number}" for number in range(10) for _ in range(20)]
    trials = identification(unit(random.normal(size=(200, 32))), names, lambda enrolled, whose: 0.5)
    assert np.nanmean(trials.rank1) == pytest.approx(0.1, abs=0.04)


def test_the_gallery_that_a_threshold_is_chosen_by_lacks_the_strangers_and_the_probes() -> None:
    vectors, names = cloud(5, 4, noise=0.1)
    galleries: list[list[str]] = []

    def threshold(enrolled: np.ndarray, whose: Sequence[str]) -> float:
        galleries.append(list(whose))
        assert len(enrolled) == len(whose) == 6
        return 0.5

    identification(vectors, names, threshold, left_out=2, halves=5)
    assert {len(set(whose)) for whose in galleries} == {3}
    assert len({tuple(whose) for whose in galleries}) > 1


def test_intervals_are_over_people_and_say_when_those_are_few() -> None:
    vectors, names = cloud(6, 5, noise=1.0)
    figures, intervals = recognition_figures(vectors, names, 0.3)
    assert intervals.by == "people"
    assert (intervals.groups, "only 6 people" in intervals.note) == (6, True)
    for name, (low, high) in intervals.bounds.items():
        assert low - 1e-9 <= figures[name] <= high + 1e-9, name  # type: ignore[operator]
    _, none = recognition_figures(*cloud(3, 5, noise=1.0), 0.3)
    assert (none.by, none.bounds) == ("nothing", {})


def test_where_all_is_right_the_rule_of_three_says_what_might_go_wrong() -> None:
    figures, intervals = recognition_figures(*cloud(12, 4, noise=0.0), 0.9)
    assert (figures["rank1"], figures["misnamed"]) == (1.0, 0.0)
    assert intervals.bounds["rank1"] == pytest.approx((0.75, 1.0))
    assert intervals.bounds["auc"] == pytest.approx((0.75, 1.0))
    assert intervals.bounds["misnamed"] == pytest.approx((0.0, 0.25))


def test_the_nearest_person_is_sought_without_the_photo_itself() -> None:
    vectors = unit(np.array([[1.0, 0], [0, 1.0], [1.0, 0.1], [1.0, -0.1], [0.1, 1.0]]))
    # The second photo of a is nothing like the first; each would be nearest to itself.
    found = nearest_is_own(vectors, ["a", "a", "b", "b", "c"])
    assert found[:4].tolist() == [0, 0, 1, 1]
    # Nobody else shows c: without the photo itself c is not enrolled.
    assert np.isnan(found[4])
    assert evidence_of(vectors, ["a", "a", "b", "b", "c"]).same[0] == pytest.approx(0.0)


def test_what_is_learned_is_the_face_as_live_will_show_it(tmp_path: Path) -> None:
    dataset = write_people(tmp_path / "people", PEOPLE[:1], photos=2, boxes=True)
    photos = read_samples(dataset)
    faces = labelling.labelled(photos, TrainOptions(task="recognize", faces="haar"), dataset)
    for photo, face in zip(photos, faces, strict=True):
        expected = crop(read_pixels(photo), FACE_BOX.box_xyxy, margin_share=MARGIN_SHARE)
        assert np.array_equal(read_pixels(face), expected)
        assert (face.width, face.height) == (expected.shape[1], expected.shape[0])
        assert (face.image_path, face.tags) == (photo.image_path, photo.tags)
    cut = sorted((dataset.root / labelling.FOLDER).glob("*.png"))
    times = [path.stat().st_mtime_ns for path in cut]
    labelling.labelled(photos, TrainOptions(task="recognize", faces="haar"), dataset)
    assert [path.stat().st_mtime_ns for path in cut] == times, "found once"
    as_they_are = labelling.labelled(photos, TrainOptions(task="recognize", faces="whole"), dataset)
    assert as_they_are == photos


def test_a_photo_without_a_face_counts_as_unlabelled_and_its_copy_is_left_out(tmp_path: Path) -> None:
    dataset = write_people(tmp_path / "people", PEOPLE[:1], photos=1)  # no cascade takes the drawing for a face
    (photo,) = read_samples(dataset)
    options = TrainOptions(task="recognize", faces="haar")
    (left,) = labelling.labelled([photo], options, dataset)
    assert not labelling.is_labelled(left)
    assert labelling.labelled([replace(photo, parent="x.jpg")], options, dataset) == []
    assert "draw a box around it" in labelling.how_to_label(dataset)


def test_what_nothing_can_be_learned_from_is_refused(tmp_path: Path) -> None:
    options = TrainOptions(task="recognize", faces="whole")
    one = write_people(tmp_path / "one", PEOPLE[:1])
    with pytest.raises(DataError, match="has 1 people with 2 photos or more"):
        labelling.check(read_samples(one), [], options, one, SILENT)
    twice = write_people(tmp_path / "twice", PEOPLE[:2], photos=2)
    photos = twice.root / "images"
    (photos / "person1_0.jpg").write_bytes((photos / "person0_0.jpg").read_bytes())
    with pytest.raises(DataError, match=r"person0_0\.jpg and person1_0\.jpg are the same file"):
        labelling.check(read_samples(twice), [], options, twice, SILENT)
    tick(photos / "person1_1.jpg", "person0", "person1")
    with pytest.raises(DataError, match="2 classes ticked"):
        labelling.check(read_samples(twice), [], options, twice, SILENT)


def test_it_is_said_whether_validation_shows_new_people(tmp_path: Path) -> None:
    dataset = write_people(tmp_path / "people")
    photos = [replace(photo, split="val") for photo in read_samples(dataset)]
    train_part = [photo for photo in photos if photo.tags[0] in PEOPLE[:3]]
    told = Heard()
    options = TrainOptions(task="recognize", faces="whole")
    labelling.check(train_part, [photo for photo in photos if photo.tags[0] in PEOPLE[3:]], options, dataset, told)
    labelling.check(train_part, train_part, options, dataset, told)
    assert told.lines[0] == "validated by 6 people who are not trained on"
    assert "3 people, 0 of whom are not trained on: the figures flatter" in told.lines[1]


def test_a_split_by_person_keeps_its_shares() -> None:
    groups = {f"{name}_{seed}.jpg": name for name in PEOPLE for seed in range(4)}
    classes = {photo: (name,) for photo, name in groups.items()}
    split = make_split(groups, SplitOptions(val=0.3, test=0.3, group_by="x"), how="person", classes=classes)
    assert {part: len(split.sessions(part)) for part in ("train", "val", "test")} == {"train": 3, "val": 3, "test": 3}
    assert "right for --task recognize" in split.note


@pytest.mark.slow
def test_a_run_is_trained_judged_enrolled_with_and_recognizes_new_people(tmp_path: Path) -> None:
    dataset = write_people(tmp_path / "people", tuple(f"person{number}" for number in range(15)), photos=4, boxes=True)
    options = TrainOptions(
        task="recognize", backbone="scratch", size=64, epochs=2, batch=16, faces="haar", cache=False, seed=1
    )
    told = Heard()
    result = train(dataset, options, runs_dir=tmp_path / "runs", progress=told)
    assert "validated by 5 people who are not trained on" in told.lines
    card = read_card(result.run_dir)
    assert (card.task, card.classes) == ("recognize", tuple(f"person{number}" for number in range(5)))
    for part in ("val", "test"):
        figures = card.metrics[part]
        assert (figures["photos"], figures["people"], figures["people_not_trained_on"]) == (20, 5, 5)
        assert 0 <= figures["eer"] <= 0.6
        assert figures["intervals"]["by"] == "people"
    assert card.metrics["test"]["threshold"] == pytest.approx(card.metrics["val"]["threshold"])
    report = (result.run_dir / "report.html").read_text()
    assert "Are two photos one person?" in report
    assert {"roc.png", "similarities.png"} <= {path.name for path in (result.run_dir / "plots").iterdir()}
    readme = (result.run_dir / "README.md").read_text()
    assert "Not for finding or following people who have not agreed" in readme
    assert "biometric data" in readme

    embedder = open_embedder(str(result.run_dir))
    assert embedder.dimension == 128
    assert embedder.evidence is not None
    assert (embedder.evidence.people, len(embedder.evidence.different)) == (5, 80)
    assert embedder.evidence.whose == "validation people it was not trained on"
    with pytest.raises(ModelError, match="finds nothing by itself; enrol people"):
        open_detector(find_model(result.run_dir))

    exam, samples = load_exam("recognize"), [photo for photo in read_samples(dataset) if "person1" in photo.tags[0]]
    faces = labelling.labelled(samples, options, dataset)
    from thirtyfold.predict.runtime import load

    looks = exam.looks(load(result.run_dir), faces)
    assert [look.photo for look in looks] == [face.image_path.name for face in faces]
    assert {look.score for look in looks} <= {0.0, 1.0}
    assert isinstance(exam, RecognizeExam)
    one_person = [face for face in faces if face.tags == faces[0].tags]
    assert exam.part(load(result.run_dir), one_person, Judging()) is None
    assert exam.looks(load(result.run_dir), one_person[:1]) == ()


def test_label_files_of_the_tests_are_read_as_people(tmp_path: Path) -> None:
    dataset = write_people(tmp_path / "people", ("Ada",), photos=1, boxes=True)
    read = labelme_json.read(dataset.label_path(dataset.image_paths()[0]))
    assert read.tags == ("Ada",)
    assert len(photos_of("Ada", 2)) == 2

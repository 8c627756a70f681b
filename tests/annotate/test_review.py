"""Which photos are to be looked at, in which order, and that labelme shows them so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.annotate.finders import SkinFinder
from tests.annotate.test_labelme_app import EDIT, pretend
from tests.drawn import draw_photo, write_label
from tests.heard import Heard
from thirtyfold.annotate.labelme_app import annotate
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.review import Suspect, compare, find_suspects
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.machine_made import is_machine_made, marked
from thirtyfold.errors import UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.sample import Annotation, BoxXyxy
from thirtyfold.workspace import Dataset

HERE: BoxXyxy = (10, 10, 50, 60)
THERE: BoxXyxy = (100, 10, 150, 60)


def box(box_xyxy: BoxXyxy, label: str = "face", *, score: float | None = None) -> Annotation:
    return Annotation.from_box(label, box_xyxy, score=score)


# --- what a disagreement is ---------------------------------------------------------------


def test_labels_that_the_model_would_draw_too_are_no_disagreement() -> None:
    amount, why = compare([box(HERE)], [box((11, 10, 51, 61), score=0.9)], ["face"])
    assert why == ()
    assert 0 < amount < 0.02
    assert compare([], [], ["face"]) == (0, ())


@pytest.mark.parametrize(
    ("labels", "predictions", "why", "amount"),
    [
        ([], [box(HERE, score=0.7)], "the model sees 1 more", 0.7),
        ([box(HERE), box(THERE)], [box(HERE, score=0.9)], "1 the model does not see", 1.0),
        ([box(HERE)], [box((10, 10, 50, 26), score=0.9)], "overlap 0.32", 0.68),
        ([box(HERE)], [box(THERE, score=0.6)], "the model sees 1 more; 1 the model does not see", 1.6),
        ([box(HERE, "hand")], [box(HERE, score=0.5)], "labelled hand, the model says face", 1.5),
    ],
    ids=["forgotten", "not seen", "slipped", "elsewhere", "another name"],
)
def test_a_disagreement_is_told_in_words_and_counted(
    labels: list[Annotation], predictions: list[Annotation], why: str, amount: float
) -> None:
    counted, words = compare(labels, predictions, ["face", "hand"])
    assert "; ".join(words) == why
    assert counted == pytest.approx(amount, abs=0.01)


def test_what_the_model_cannot_know_is_left_alone() -> None:
    point = Annotation(label="face", points=((3.0, 4.0),), kind="point")
    assert compare([box(HERE, "hand"), point], [], ["face"]) == (0, ())


# --- which photos ------------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Six photos with a face each: right (1), forgotten (2), slipped (3), a model's (4, 5), without label file (6)."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    images = tmp_path / "faces" / "images"
    for number in range(1, 7):
        path = images / f"{number:04d}.jpg"
        pixels, truths = draw_photo(number)
        write_jpeg(path, pixels)
        if number == 2:
            write_label(path, [])
        elif number == 3:
            left, top, right, bottom = truths[0].box_xyxy
            write_label(path, [box((left, top, right, top + 0.4 * (bottom - top)))])
        elif number < 6:
            write_label(path, [replace(shape, score=0.9 - number / 10) for shape in truths] if number > 3 else truths)
        if number in (4, 5):
            label_file = labelme_json.read(path.with_suffix(".json"))
            labelme_json.write(path.with_suffix(".json"), marked(label_file, predicted_by="runs/detect/1"))
    return Dataset(tmp_path / "faces")


def suspects_of(dataset: Dataset, labels: tuple[str, ...] = ("face",)) -> list[Suspect]:
    return find_suspects(dataset, SkinFinder(), labels=labels)


def test_the_worst_comes_first_then_a_models_least_sure_and_what_agrees_is_left_out(dataset: Dataset) -> None:
    found = suspects_of(dataset)
    assert [(suspect.image_path.name, suspect.machine_made) for suspect in found] == [
        ("0002.jpg", False),
        ("0003.jpg", False),
        ("0005.jpg", True),
        ("0004.jpg", True),
    ]
    assert found[0].reason == "the model sees 1 more"
    assert found[1].reason.startswith("overlap 0.")
    assert found[2].reason == "a model drew it"
    assert found[0].to_dict() == {
        "photo": "0002.jpg",
        "disagreement": 0.8,
        "why": ["the model sees 1 more"],
        "machine_made": False,
    }


def test_a_label_that_is_not_on_the_list_is_suspicious_too(dataset: Dataset) -> None:
    write_label(dataset.images_dir / "0001.jpg", [*draw_photo(1)[1], box((1, 2, 30, 40), "Face")])
    suspect = next(suspect for suspect in suspects_of(dataset) if suspect.image_path.name == "0001.jpg")
    assert "not on the list: Face" in suspect.reason


def test_a_broken_label_file_is_said_and_the_rest_goes_on(dataset: Dataset) -> None:
    (dataset.images_dir / "0003.json").write_text("{")
    heard = Heard()
    found = find_suspects(dataset, SkinFinder(), labels=["face"], progress=heard)
    assert len(found) == 3
    assert "0003.json" in heard.lines[0]


# --- in labelme --------------------------------------------------------------------------

REVIEW = AnnotateOptions(review=True)


def test_labelme_shows_them_in_that_order_with_the_reason_and_the_names_come_back_right(dataset: Dataset) -> None:
    before = {path.name: path.read_bytes() for path in dataset.images_dir.iterdir()}
    script = (
        EDIT
        + """
import natsort
names = natsort.os_sorted(name for name in os.listdir("photos") if name.endswith(".jpg"))
assert names[0] == "1 (the model sees 1 more) 0002.jpg", names
assert [name[-8:] for name in names] == ["0002.jpg", "0003.jpg", "0005.jpg", "0004.jpg"], names
flags = json.load(open("photos/" + names[0][:-4] + ".json"))["flags"]
assert flags == {"nothing here": True, "right as it is": False}, flags
edit(names[0], lambda shapes: [face], nothing_here=False)
edit(names[2], right_as_it_is=True)
"""
    )
    suspects = suspects_of(dataset)
    heard = Heard()
    ticks = iter([100.0, 130.0])
    pace = annotate(
        dataset, REVIEW, labelme=pretend(script), suspects=suspects, progress=heard, clock=lambda: next(ticks)
    )
    assert heard.lines[0] == "labelme 6.3.1 opens with 4 photos to review, the most doubtful one first."
    after = {path.name: path.read_bytes() for path in dataset.images_dir.iterdir()}
    assert set(after) == set(before)
    assert {name for name in before if after[name] != before[name]} == {"0002.json", "0005.json"}
    drawn, ticked = (labelme_json.read(dataset.images_dir / f"{name}.json") for name in ("0002", "0005"))
    assert (drawn.image_path, len(drawn.annotations), drawn.flags) == ("0002.jpg", 1, {})
    assert not is_machine_made(ticked)
    assert (pace.seconds, pace.photos, pace.drawn, pace.confirmed) == (30.0, 2, 1, 1)


def test_a_persons_labels_called_right_are_not_asked_about_again_until_they_change(dataset: Dataset) -> None:
    script = EDIT + 'edit("1 (the model sees 1 more) 0002.jpg", right_as_it_is=True)'
    before = json.loads((dataset.images_dir / "0002.json").read_text())
    pace = annotate(dataset, REVIEW, labelme=pretend(script), suspects=suspects_of(dataset))
    after = json.loads((dataset.images_dir / "0002.json").read_text())
    assert list(after.pop("thirtyfold")) == ["confirmed"]
    assert after == before | {"version": "6.3.1"}
    assert (pace.photos, pace.labels) == (1, 0)
    assert "0002.jpg" not in [suspect.image_path.name for suspect in suspects_of(dataset)]

    label_file = labelme_json.read(dataset.images_dir / "0002.json")
    labelme_json.write(dataset.images_dir / "0002.json", replace(label_file, annotations=(box((1, 1, 9, 9)),)))
    assert "0002.jpg" in [suspect.image_path.name for suspect in suspects_of(dataset)]


def test_photos_only_looked_at_in_a_review_stay_as_they_are(dataset: Dataset) -> None:
    before = {path.name: path.read_bytes() for path in dataset.images_dir.iterdir()}
    # labelme saves them all, as after a tick that was taken back.
    script = EDIT + 'for name in os.listdir("photos"):\n    if name.endswith(".jpg"): edit(name)'
    pace = annotate(dataset, REVIEW, labelme=pretend(script), suspects=suspects_of(dataset))
    for name, content in before.items():
        now = (dataset.images_dir / name).read_bytes()
        assert now == content or json.loads(now) == json.loads(content) | {"version": "6.3.1"}
    assert pace.photos == 0


def test_names_too_long_for_a_reason_are_shortened_and_brought_home_all_the_same(dataset: Dataset) -> None:
    images = dataset.images_dir
    long = "x" * 230 + ".jpg"
    (images / "0002.jpg").rename(images / long)
    (images / "0002.json").rename((images / long).with_suffix(".json"))
    script = EDIT + 'edit("1.jpg", lambda shapes: [face], nothing_here=False)'
    annotate(dataset, REVIEW, labelme=pretend(script), suspects=suspects_of(dataset))
    label_file = labelme_json.read((images / long).with_suffix(".json"))
    assert (label_file.image_path, len(label_file.annotations)) == (long, 1)


def test_a_review_that_died_is_brought_home_by_the_next_command(dataset: Dataset) -> None:
    suspects = suspects_of(dataset)
    annotate(dataset, REVIEW, labelme=pretend('import shutil; shutil.copytree("..", "../../copy")'), suspects=suspects)
    (dataset.root.parent / "copy" / ".annotating").rename(dataset.root / ".annotating")
    staged = dataset.root / ".annotating" / "photos" / "3 (a model drew it) 0005.json"
    staged.write_text(staged.read_text().replace('"right as it is": false', '"right as it is": true'))
    heard = Heard()
    annotate(dataset, AnnotateOptions(), labelme=pretend(""), progress=heard)
    assert heard.lines[0] == "a session was cut off: its labels of 1 photo are now in place"
    assert not is_machine_made(labelme_json.read(dataset.images_dir / "0005.json"))


def test_all_and_review_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="--all --review"):
        AnnotateOptions(every_photo=True, review=True)

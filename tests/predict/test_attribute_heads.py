"""What an attributes model says of a picture: heads, label, JSON, table, CSV, behind a face finder, on video."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.drawn import draw_photo
from tests.guessing import CLASSES, HOSTILE, plain_photo, write_guessing_run
from thirtyfold.errors import UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.predict.answers import AnswerOptions
from thirtyfold.predict.attribute_heads import ANSWERS, heads_of, kinds_of_classes
from thirtyfold.predict.batch import predict_paths
from thirtyfold.predict.chain import (
    Chain,
    DetectorAsSecond,
    all_labels,
    caption,
    full_label,
    in_its_colour,
    kind_of,
    verdict_of,
    without_verdict,
)
from thirtyfold.predict.decoders import DECODERS, Placement
from thirtyfold.predict.runtime import load
from thirtyfold.predict.track import Tracker
from thirtyfold.sample import Annotation

PLACE = Placement(size=32, scale=0.5, offset_xy=(0.0, 0.0), image_wh=(64, 48))
TWO_HEADS = ("gender=female", "gender=male", "age")


def decoded(gender: float, age: float, *, threshold: float = 0.0) -> tuple[Annotation, ...]:
    outputs = {
        "head0_gender": np.array([[gender, 1 - gender]], np.float32),
        "head1_age": np.array([[age]], np.float32),
    }
    return DECODERS["attributes"].decode(outputs, TWO_HEADS, threshold, {}, PLACE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that guesses by colour and brightness."""
    return write_guessing_run(tmp_path_factory.mktemp("runs") / "attributes" / "1")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A woman of 60 and a man of 30, as plain pictures."""
    for name, gender, age in (("anna", "female", 60), ("ben", "male", 30)):
        write_jpeg(tmp_path / "photos" / f"{name}.jpg", plain_photo(gender, age))
    return tmp_path / "photos"


def test_classes_name_the_heads_and_outputs_have_names_that_every_format_takes() -> None:
    first, second, third = heads_of(CLASSES)
    assert (first.name, first.output, first.classes, first.unit) == ("gender", "head0_gender", ("female", "male"), "")
    assert (second.name, second.output, second.classes, second.unit) == ("age", "head1_age", (), "years")
    assert (third.name, third.output) == (HOSTILE, "head2_b_x_label")
    assert [head.output for head in heads_of(("äöü", "a/b", "a b", "x" * 99))] == [
        "head0", "head1_a_b", "head2_a_b", f"head3_{'x' * 24}",
    ]  # fmt: skip
    (only,) = heads_of(("side=a=b", "side=c"))
    assert only.classes == ("a=b", "c")


def test_one_annotation_covers_the_picture_and_holds_every_heads_answer() -> None:
    (found,) = decoded(0.93, 31.4)
    assert (found.label, found.score) == ("female, 31", pytest.approx(0.93))
    assert found.box_xyxy == (0, 0, 64, 48)
    answers = found.extra[ANSWERS]
    assert answers["gender"]["ranked"] == [["female", pytest.approx(0.93)], ["male", pytest.approx(0.07)]]
    assert answers["age"] == {"value": pytest.approx(31.4), "unit": "years"}
    assert caption(found) == "female 93%, 31 years"
    assert decoded(0.93, 31.4, threshold=0.95) == ()


def test_nobody_is_younger_than_nothing_and_what_is_no_number_does_no_harm() -> None:
    assert decoded(0.1, -3.0)[0].label == "male, 0"
    assert decoded(0.1, float("nan"))[0].label == "male, 0"
    (found,) = DECODERS["attributes"].decode(
        {"head0_weight": np.array([[-3.21]], np.float32)}, ("weight",), 0, {}, PLACE
    )
    assert (found.label, found.score, caption(found)) == ("-3.2", 1.0, "-3.2")


def test_outputs_of_other_shapes_are_not_taken_for_attributes() -> None:
    decoder = DECODERS["attributes"]
    assert decoder.fits({"head0_gender": (2,), "head1_age": (1,)}, TWO_HEADS, {})
    assert not decoder.fits({"head0_gender": (3,), "head1_age": (1,)}, TWO_HEADS, {})
    assert not decoder.fits({"head0_gender": (2,)}, TWO_HEADS, {})


def test_the_colour_is_that_of_the_class_whatever_the_number() -> None:
    young, old = decoded(0.9, 12.0)[0], decoded(0.8, 66.0)[0]
    assert in_its_colour(young).label == in_its_colour(old).label == kind_of(old) == "female"
    assert kinds_of_classes(TWO_HEADS) == ("female", "male")
    assert kinds_of_classes(("age", "weight")) == ("age",)


def test_somebody_stays_the_same_object_while_the_age_wavers() -> None:
    tracker = Tracker()
    for step, age in enumerate((31.0, 32.0, 33.0, 31.6)):
        tracker.update(decoded(0.9 if step % 2 else 0.4, age), step / 10, threshold=0.0)
    (track,) = tracker.at(0.3)
    assert (track.id, track.hits, track.detected.label) == (1, 4, "female, 32")


def test_a_picture_is_a_line_with_a_column_a_head(run: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    result = predict_paths([photos], run, answers=AnswerOptions(csv=path))
    assert result.columns() == ("photo", "gender", "age", HOSTILE)
    assert result.rows() == [
        (str(photos / "anna.jpg"), "female 100%", "60 years", "30"),
        (str(photos / "ben.jpg"), "male 100%", "30 years", "15"),
    ]
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["image", "label", "probability", "gender", "gender probability", "age", HOSTILE]
    assert (rows[1]["gender"], rows[1]["label"]) == ("male", "male, 30, 15")
    assert float(rows[1]["age"]) == pytest.approx(30, abs=0.5)
    predict_paths([photos], run, answers=AnswerOptions(csv=path))


def test_a_persons_own_table_is_never_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "attributes.csv"
    mine.write_text("image,gender,age\nanna.jpg,female,60\n")
    with pytest.raises(UsageError, match="no table of ours"):
        AnswerOptions(csv=mine)


def test_json_has_every_answer_and_classes_can_be_had_from_classifiers_only(run: Path, photos: Path) -> None:
    first, _ = predict_paths([photos], run).to_list()
    (annotation,) = first["annotations"]
    assert annotation["answers"]["gender"]["label"] == "female"
    assert annotation["answers"]["age"]["unit"] == "years"
    assert annotation["answers"][HOSTILE]["unit"] == ""
    with pytest.raises(UsageError, match="--top 2"):
        predict_paths([photos], run, answers=AnswerOptions(top=2))


def test_behind_a_finder_each_face_has_its_answers(run: Path, tiny_run: Path, tmp_path: Path) -> None:
    pixels, _ = draw_photo(3)
    write_jpeg(tmp_path / "photo.jpg", pixels)
    path = tmp_path / "said.csv"
    result = predict_paths(
        [tmp_path / "photo.jpg"], tiny_run, then=run, save_dir=tmp_path / "drawn", answers=AnswerOptions(csv=path)
    )
    (found,) = result.samples[0].annotations or ()
    verdict = verdict_of(found)
    assert verdict is not None
    assert set(verdict.answers) == {"gender", "age", HOSTILE}
    assert full_label(found) == f"face: {verdict.label}"
    assert caption(found).endswith(f" years, {verdict.label.rpartition(' ')[2]}")
    said = result.to_list()[0]["annotations"][0]["then"]
    assert said["answers"]["age"]["value"] == pytest.approx(verdict.answers["age"]["value"], abs=1e-3)
    with path.open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["label"].startswith("face: ")
    assert float(row["age"]) == pytest.approx(verdict.answers["age"]["value"], rel=1e-4)
    assert without_verdict(found).extra.get(ANSWERS) is None


def test_a_chain_knows_the_labels_that_its_boxes_can_be_coloured_by(run: Path, tiny_run: Path) -> None:
    chain = Chain(load(tiny_run), DetectorAsSecond(load(run)), remember=True)
    assert all_labels(chain) == ("face", "female", "male")
    assert all_labels(load(run)) == ("female", "male")
    found = chain(draw_photo(3)[0])
    assert {kind_of(one) for one in found} <= {"female", "male"}

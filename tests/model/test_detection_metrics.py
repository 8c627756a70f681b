from pathlib import Path

import pytest

from thirtyfold.model.metrics.detection import Judged, best_threshold, by_session, measure
from thirtyfold.predict.matching import iou, match
from thirtyfold.sample import Annotation, BoxXyxy, Sample

FACE = (10.0, 10.0, 30.0, 30.0)


def photo(*truths: BoxXyxy, found: list[tuple[BoxXyxy, float]], session: str = "a") -> Judged:
    sample = Sample(
        image_path=Path("x.jpg"),
        width=100,
        height=100,
        annotations=tuple(Annotation.from_box("face", box) for box in truths),
        session=session,
    )
    return Judged(sample=sample, predictions=tuple(Annotation.from_box("face", box, score=s) for box, s in found))


def test_iou_of_equal_disjoint_and_half_covered_boxes() -> None:
    assert iou(FACE, FACE) == 1.0
    assert iou(FACE, (50, 50, 60, 60)) == 0.0
    assert iou(FACE, (10, 10, 30, 20)) == pytest.approx(0.5)


def test_a_missed_face_counts_as_zero_in_the_mean_iou() -> None:
    metrics = measure([photo(FACE, found=[(FACE, 0.9)]), photo(FACE, found=[])], 0.5)
    assert (metrics.mean_iou, metrics.found, metrics.precision, metrics.recall) == (0.5, 0.5, 1.0, 0.5)


def test_one_prediction_cannot_find_two_faces() -> None:
    metrics = measure([photo(FACE, (12, 10, 32, 30), found=[(FACE, 0.9)])], 0.5)
    assert metrics.recall == 0.5
    truths = [Annotation.from_box("face", FACE)] * 2
    assert len(match(truths, [Annotation.from_box("face", FACE, score=0.9)])) == 1


def test_another_label_is_no_match() -> None:
    assert match([Annotation.from_box("face", FACE)], [Annotation.from_box("hand", FACE, score=1.0)]) == []


def test_a_box_on_an_empty_photo_is_a_false_positive() -> None:
    metrics = measure([photo(found=[(FACE, 0.9)]), photo(FACE, found=[(FACE, 0.8)])], 0.5)
    assert metrics.precision == 0.5
    assert metrics.false_positives_per_photo == 0.5


def test_the_threshold_is_put_between_the_true_and_the_false_boxes() -> None:
    far = (60.0, 60.0, 80.0, 80.0)
    judged = [photo(FACE, found=[(FACE, 0.7), (far, 0.3)]), photo(FACE, found=[(FACE, 0.8)])]
    assert 0.3 < best_threshold(judged) <= 0.7
    assert best_threshold([]) == 0.5


def test_among_equal_thresholds_the_one_nearest_to_a_half_is_taken_but_none_at_the_edge() -> None:
    assert best_threshold([photo(FACE, found=[(FACE, 0.97)])]) == 0.5
    assert best_threshold([photo(FACE, found=[(FACE, 0.37)])]) == 0.3


def test_a_weak_model_whose_scores_are_low_still_gets_a_threshold() -> None:
    far = (60.0, 60.0, 80.0, 80.0)
    assert 0.02 < best_threshold([photo(FACE, found=[(FACE, 0.04), (far, 0.025)])]) <= 0.04


def test_sessions_are_measured_apart() -> None:
    sessions = by_session([photo(FACE, found=[(FACE, 0.9)]), photo(FACE, found=[], session="b")], 0.5)
    assert {name: metrics.recall for name, metrics in sessions.items()} == {"a": 1.0, "b": 0.0}

"""What a page may say about labels, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from thirtyfold.datasets import machine_made
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.seal import CONFIRMED, is_unbroken
from thirtyfold.datasets.unlabelled import as_unlabelled, is_unlabelled
from thirtyfold.errors import UsageError
from thirtyfold.live.web.corrections import CorrectedShape, corrected, read_correction, settled_by_page
from thirtyfold.sample import Annotation

SIZE_WH = (320, 240)
FACE = Annotation(label="face", points=((90.0, 80.0), (10.0, 20.0)), group=3, extra={"note": "mine"})
HAND = Annotation(label="hand", points=((1.0, 1.0), (9.0, 1.0), (5.0, 8.0)), kind="polygon")


def label_file(*annotations: Annotation) -> LabelFile:
    return LabelFile(image_path="a.jpg", width=320, height=240, annotations=annotations, flags={"sunny": True})


def shapes_of(before: LabelFile, *shapes: dict[str, Any]) -> tuple[Annotation, ...]:
    return corrected(before, [CorrectedShape(**shape) for shape in shapes], labels=["face"], size_wh=SIZE_WH)


def test_what_was_left_alone_stays_to_the_last_digit_and_a_moved_box_keeps_its_other_keys() -> None:
    before = label_file(FACE, HAND)
    left = shapes_of(before, {"was": 0, "label": "face"}, {"was": 1, "label": "hand"})
    assert left == (FACE, HAND)
    moved, new = shapes_of(
        before,
        {"was": 0, "label": "face", "box_xyxy": (12.3456, 20, 92, 80)},
        {"label": "hand", "box_xyxy": (1, 2, 3, 4)},
    )
    assert (moved.points, moved.group, moved.extra) == (((12.35, 20.0), (92.0, 80.0)), 3, {"note": "mine"})
    assert new == Annotation.from_box("hand", (1, 2, 3, 4))
    assert shapes_of(before, {"was": 1, "label": "face"})[0].points == HAND.points  # another label only


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"was": 2, "label": "face"}, "no shape 2"),
        ({"label": "face"}, "has to have corners"),
        ({"label": "cat", "box_xyxy": (1, 1, 9, 9)}, "not on the list"),
        ({"was": 1, "label": "hand", "box_xyxy": (1, 1, 9, 9)}, "a polygon cannot be moved"),
        ({"label": "face", "box_xyxy": (9, 1, 9.4, 9)}, "a pixel wide"),
        ({"label": "face", "box_xyxy": (90, 1, 20, 9)}, "a pixel wide"),
        ({"label": "face", "box_xyxy": (-170, 1, 20, 9)}, "too far outside"),
        ({"label": "face", "box_xyxy": (1, 1, 20, 361)}, "too far outside"),
    ],
)
def test_what_cannot_be_is_refused(shape: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        shapes_of(label_file(FACE, HAND), shape)


def test_a_shape_that_comes_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="came twice"):
        shapes_of(label_file(FACE), {"was": 0, "label": "face"}, {"was": 0, "label": "face"})


def test_a_box_may_reach_over_the_border_as_a_face_does() -> None:
    assert shapes_of(label_file(), {"label": "face", "box_xyxy": (-20, -5, 50, 60)})[0].box_xyxy == (-20, -5, 50, 60)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"photo": 0, "version": "x", "shapes": [], "path": "/etc/passwd"}',
        '{"photo": "0", "version": "x", "shapes": []}',
        '{"photo": -1, "version": "x", "shapes": []}',
        '{"photo": 0, "version": "x", "shapes": [{"label": "", "box_xyxy": [1, 1, 2, 2]}]}',
        '{"photo": 0, "version": "x", "shapes": [{"label": "face", "box_xyxy": [1, 1, 2]}]}',
        '{"photo": 0, "version": "x", "shapes": [{"label": "face", "box_xyxy": [1, 1, 2, NaN]}]}',
        '{"photo": 0, "version": "x", "shapes": [{"label": "face", "box_xyxy": [1, 1, 2, 1e400]}]}',
        '{"photo": 0, "version": "x", "shapes": [{"label": "face", "box_xyxy": [1, 1, 2, "3"]}]}',
        '{"photo": 0, "version": "x", "shapes": [{"label": "face", "points": [[1, 1]]}]}',
        json.dumps({"photo": 0, "version": "x" * 81, "shapes": []}),
        json.dumps({"photo": 0, "version": "x", "shapes": [{"label": "x" * 501, "box_xyxy": [1, 1, 2, 2]}]}),
        json.dumps({"photo": 0, "version": "x", "shapes": [{"was": 0, "label": "face"}] * 2001}),
        "[" * 100_000,
    ],
)
def test_a_body_that_is_no_correction_is_refused_with_a_sentence(body: str) -> None:
    with pytest.raises(UsageError, match=r"^the correction"):
        read_correction(body.encode())


def test_saving_makes_a_models_labels_truth_changed_or_not() -> None:
    seen = Annotation.from_box("face", (10, 10, 50, 50), score=0.7)
    before = machine_made.marked(label_file(seen), predicted_by="detect/1")
    for shapes in ((seen,), (Annotation.from_box("face", (12, 10, 50, 50), score=0.7),), ()):
        after = settled_by_page(before, shapes, had_file=True)
        assert not machine_made.is_machine_made(after)
        assert [shape.points for shape in after.annotations] == [shape.points for shape in shapes]
        assert all(shape.score is None for shape in after.annotations)
        assert after.flags == {"sunny": True}


def test_a_persons_labels_that_were_saved_are_not_asked_about_again() -> None:
    after = settled_by_page(label_file(FACE), (FACE,), had_file=True)
    assert after.annotations == (FACE,)
    assert after.flags == {"sunny": True}
    assert is_unbroken(after, CONFIRMED)


def test_an_empty_photo_that_was_saved_is_verified_empty() -> None:
    nothing = LabelFile(image_path="a.jpg", width=None, height=None)
    assert settled_by_page(nothing, (), had_file=False) == nothing
    after = settled_by_page(as_unlabelled(label_file()), (), had_file=True)
    assert not is_unlabelled(after)
    assert after.flags == {"sunny": True}

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from thirtyfold.model.chain_outcomes import NO_ANSWER, NOT_FOUND, PhotoFates, errors_of, fates_of, figures_of
from thirtyfold.predict.chain import THEN
from thirtyfold.sample import Annotation, Sample

CLASSES = ("with", "without")
KNOWN = {"con": "with", "sin": "without", "mal": None}


def truth(label: str, left: float, *, side: float = 20) -> Annotation:
    return Annotation.from_box(label, (left, 0, left + side, side))


def said(left: float, verdict: str | None, *, side: float = 20) -> Annotation:
    box = Annotation.from_box("face", (left, 0, left + side, side), score=0.9)
    return replace(box, extra={THEN: None if verdict is None else {"label": verdict, "score": 0.8}})


def photo(truths: list[Annotation], found: list[Annotation], *, session: str | None = None) -> PhotoFates:
    sample = Sample(image_path=Path("a.jpg"), width=1000, height=100, annotations=tuple(truths), session=session)
    return fates_of(sample, found, KNOWN)


def test_what_was_not_found_and_what_was_judged_wrong_are_counted_apart() -> None:
    fates = photo(
        [truth("con", 0), truth("con", 100), truth("sin", 200), truth("sin", 300), truth("con", 400)],
        [said(0, "with"), said(105, "without"), said(200, "without"), said(400, None), said(900, "with")],
    )
    figures = figures_of([fates], CLASSES)
    assert (figures["objects"], figures["objects_found"], figures["objects_right"]) == (5, 4, 2)
    assert (figures["found"], figures["judged_right"], figures["right"]) == (0.8, 0.5, 0.4)
    assert (figures["objects_without_answer"], figures["false_boxes"], figures["false_boxes_per_photo"]) == (1, 1, 1.0)
    assert figures["confusion"] == {
        "labels": ["with", "without"],
        "columns": ["with", "without", NO_ANSWER, NOT_FOUND],
        "counts": [[1, 1, 1, 0], [0, 1, 0, 1]],
    }
    assert figures["classes"]["without"]["found"] == 0.5
    assert figures["classes"]["without"]["judged_right"] == 1.0
    assert figures["balanced_right"] == pytest.approx((1 / 3 + 1) / 2, abs=1e-6)
    assert errors_of(fates) == 4


def test_a_label_that_is_left_out_counts_neither_as_missed_nor_as_a_false_box() -> None:
    fates = photo([truth("con", 0), truth("mal", 100), truth("mal", 200)], [said(0, "with"), said(100, "without")])
    figures = figures_of([fates], CLASSES)
    assert (figures["objects"], figures["found"], figures["right"], figures["false_boxes"]) == (1, 1.0, 1.0, 0)
    assert figures["left_out"] == {"mal": {"objects": 2, "without": 1, NOT_FOUND: 1}}
    assert errors_of(fates) == 0


def test_a_box_that_is_elsewhere_finds_nothing_and_one_box_finds_one_object() -> None:
    # Overlap over union of boxes 20 wide that are shifted: 9 px give 0.38, 12 px 0.25.
    assert figures_of([photo([truth("con", 0)], [said(9, "with")])], CLASSES)["found"] == 1.0
    beside = figures_of([photo([truth("con", 0)], [said(12, "with")])], CLASSES)
    assert (beside["found"], beside["false_boxes"]) == (0.0, 1)
    twins = figures_of([photo([truth("con", 0), truth("con", 2)], [said(0, "with")])], CLASSES)
    assert (twins["objects_found"], twins["false_boxes"]) == (1, 0)


def test_small_objects_are_shown_apart() -> None:
    sizes = (10, 16, 31, 32, 63, 64, 200)
    truths = [truth("con", 300 * number, side=side) for number, side in enumerate(sizes)]
    figures = figures_of([photo(truths, [said(300 * 6, "with", side=200)])], CLASSES)
    assert [(of["size"], of["objects"], of["objects_right"]) for of in figures["sizes"]] == [
        ("below 16 px", 1, 0),
        ("16 to 31 px", 2, 0),
        ("32 to 63 px", 2, 0),
        ("64 px and more", 2, 1),
    ]


def test_shares_of_nothing_are_no_numbers_and_intervals_hold_the_figure() -> None:
    empty = figures_of([photo([], [])], CLASSES)
    assert (empty["found"], empty["judged_right"], empty["right"], empty["balanced_right"]) == (None,) * 4
    photos = [
        photo([truth("con", 0), truth("sin", 100)], [said(0, "with"), said(100, "without" if number % 3 else "with")])
        for number in range(12)
    ]
    figures = figures_of(photos, CLASSES)
    low, high = figures["intervals"]["judged_right"]
    assert figures["judged_right"] == pytest.approx(20 / 24, abs=1e-6)
    assert low < 20 / 24 < high
    assert figures["intervals"]["found"] == [0.75, 1.0], "nothing missed on 12 photos: the rule of three"

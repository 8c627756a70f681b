"""COCO's figures, labels, confusion and intervals, on photos whose figures can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.model.judged import FACE, FAR, photo
from thirtyfold.model.metrics.coco import ap50, coco_figures, weighted_precision
from thirtyfold.model.metrics.confusion import confusion
from thirtyfold.model.metrics.detection import Judged, tally
from thirtyfold.model.metrics.intervals import bootstrap, bootstrap_figures
from thirtyfold.model.metrics.labels import ANY, as_any, comparable, only
from thirtyfold.model.metrics.part import iou_histogram, part_figures
from thirtyfold.sample import Annotation, Sample


def scattered(seed: int, photos: int = 12) -> list[Judged]:
    """Photos with several objects, most of them met more or less, and boxes that meet nothing."""
    random = np.random.default_rng(seed)
    result = []
    for number in range(photos):
        corners = random.uniform(0, 60, (int(random.integers(0, 5)), 2))
        sides = random.uniform(4, 40, corners.shape)
        ends = corners + sides
        truths = [(float(a[0]), float(a[1]), float(b[0]), float(b[1])) for a, b in zip(corners, ends, strict=True)]
        met = [tuple(v + float(random.normal(0, 2)) for v in box) for box in truths if random.random() < 0.8]
        false = [tuple(float(v) for v in (*c, *(c + 12))) for c in random.uniform(0, 80, (2, 2))]
        found = [(box, float(random.random())) for box in (*met, *false)]
        result.append(photo(*truths, found=found, session=f"s{number % 5}", name=f"{number}.jpg"))  # type: ignore[arg-type]
    return result


def test_average_precision_of_a_hit_a_miss_and_a_hit() -> None:
    """Recall 0.5 is reached with precision 1, recall 1 with 2/3: 51 and 50 of the 101 points."""
    figures = coco_figures([photo(FACE, FAR, found=[(FACE, 0.9), ((40.0, 10.0, 50.0, 20.0), 0.8), (FAR, 0.7)])])
    assert figures.summary["ap50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert figures.summary["ap"] == pytest.approx(figures.summary["ap50"])
    assert figures.precision_at_recall[:51] == pytest.approx([1.0] * 51)
    assert (figures.summary["ar1"], figures.summary["ar100"]) == (0.5, 1.0)


def test_a_box_that_is_a_bit_off_counts_at_low_ious_only() -> None:
    figures = coco_figures([photo(FACE, found=[((10.0, 10.0, 30.0, 26.0), 0.9)])])  # IoU 0.8
    assert figures.summary["ap50"] == figures.summary["ap75"] == pytest.approx(1.0)
    assert figures.summary["ap"] == pytest.approx(0.7)  # 0.50 to 0.80: 7 of 10


def test_sizes_are_those_of_coco_and_a_size_that_is_not_there_has_no_figure() -> None:
    summary = coco_figures([photo(FACE, found=[(FACE, 0.9)])]).summary  # 20 x 20 pixels
    assert summary["ap_small"] == pytest.approx(1.0)
    assert (summary["ap_medium"], summary["ap_large"], summary["ar_small"]) == (None, None, 1.0)
    large = (0.0, 0.0, 99.0, 99.0)
    assert coco_figures([photo(large, found=[])]).summary["ap_large"] == 0.0


def test_without_objects_there_is_no_average_precision() -> None:
    assert set(coco_figures([photo(found=[])]).summary.values()) == {None}
    assert coco_figures([photo(found=[(FACE, 0.9)])]).summary["ap"] is None
    assert coco_figures([]).precision_at_recall == ()
    assert ap50([]) is ap50([photo(found=[(FACE, 0.9)])]) is None


@pytest.mark.parametrize("seed", range(6))
def test_weights_of_one_give_what_coco_gives_and_weights_of_two_what_photos_twice_give(seed: int) -> None:
    judged = scattered(seed)
    figures = coco_figures(judged)
    (ours,) = weighted_precision(figures.hits, np.ones((1, len(judged))))
    assert ours.mean() == pytest.approx(figures.summary["ap"])
    assert ours[0] == pytest.approx(figures.summary["ap50"]) == pytest.approx(ap50(judged))
    assert ours[5] == pytest.approx(figures.summary["ap75"])
    weights = np.random.default_rng(seed).integers(0, 4, len(judged))
    repeated = [item for item, times in zip(judged, weights, strict=True) for _ in range(times)]
    (drawn,) = weighted_precision(figures.hits, weights[None].astype(float))
    assert drawn.mean() == pytest.approx(coco_figures(repeated).summary["ap"])


def test_coco_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    coco_figures(scattered(1))
    assert capsys.readouterr().out == ""


def test_of_any_label_a_box_is_right_whatever_it_is_called_and_two_names_for_one_object_are_one_box() -> None:
    judged = [photo((FACE, "mask"), found=[(FACE, 0.9, "bare"), (FACE, 0.4, "mask"), (FAR, 0.3, "mask")])]
    (item,) = as_any(judged)
    assert [(shape.label, shape.score) for shape in item.predictions] == [(ANY, 0.9), (ANY, 0.3)]
    figures = part_figures(judged, ("bare", "mask"), 0.35).figures
    assert figures[ANY]["ap50"] == 1.0
    assert figures[ANY]["recall"] == 1.0
    assert figures["classes"]["mask"]["recall"] == 1.0
    assert figures["classes"]["bare"]["ap50"] is None
    assert figures["ap50"] == 1.0  # of the one label that is there, found by its second box


def test_a_model_is_judged_on_the_labels_it_knows_and_on_any_where_it_knows_none() -> None:
    judged = [photo((FACE, "face"), (FAR, "hand"), found=[(FACE, 0.9)])]
    assert comparable(judged, ("face", "hand")).note == ""
    faces = comparable(judged, ("face",))
    assert [shape.label for shape in faces.judged[0].truths] == ["face"]
    assert "never taught hand" in faces.note
    strange = comparable(judged, ("head",))
    assert {shape.label for shape in strange.judged[0].truths} == {ANY}
    assert "names are not" in strange.note


def test_the_confusion_has_a_row_and_a_column_for_the_background() -> None:
    judged = [
        photo((FACE, "mask"), found=[(FACE, 0.9, "bare"), (FAR, 0.8, "mask"), (FAR, 0.2, "bare")]),
        photo((FACE, "bare"), (FAR, "mask"), found=[(FACE, 0.9, "bare")]),
    ]
    assert confusion(judged, ("bare", "mask"), 0.5) == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_a_point_is_no_object_that_could_be_missed() -> None:
    nose = Annotation(label="face", points=((5.0, 5.0),), kind="point")
    sample = Sample(image_path=photo(found=[]).sample.image_path, width=100, height=100, annotations=(nose,))
    item = Judged(sample=sample, predictions=())
    assert item.truths == ()
    assert part_figures([item], ("face",), 0.5).figures["objects"] == 0


def test_false_boxes_on_verified_empty_photos_stand_apart() -> None:
    judged = [photo(found=[(FACE, 0.9), (FAR, 0.8)]), photo(found=[]), photo(FACE, found=[(FACE, 0.9), (FAR, 0.9)])]
    figures = part_figures(judged, ("face",), 0.5).figures
    assert (figures["empty_photos"], figures["false_positives_per_empty_photo"]) == (2, 1.0)
    none = part_figures([photo(FACE, found=[])], ("face",), 0.5).figures
    assert (none["empty_photos"], none["false_positives_per_empty_photo"]) == (0, None)


def test_missed_objects_stand_in_the_first_bin_of_the_iou_histogram() -> None:
    counts = iou_histogram([photo(FACE, FAR, found=[(FACE, 0.9)])], 0.5)
    assert (counts[0], counts[-1], sum(counts)) == (1, 1, 2)


def intervals_of(judged: list[Judged]) -> dict[str, object]:
    hits = [coco_figures(judged).hits]
    return bootstrap(judged, [tally(item, 0.5) for item in judged], hits).to_dict()


def test_intervals_draw_sessions_and_hold_the_figure_and_are_the_same_every_time() -> None:
    judged = scattered(3, photos=30)
    found = intervals_of(judged)
    figures = part_figures(judged, ("face",), 0.5).figures
    assert (found["by"], found["groups"]) == ("sessions", 5)
    assert "rough" in str(found["note"])
    for name in ("mean_iou", "found", "precision", "f1", "ap", "ap50", "false_positives_per_photo"):
        low, high = found[name]  # type: ignore[misc]
        assert low <= figures[name] <= high, name
    assert found == intervals_of(judged)


def test_where_sessions_differ_the_interval_is_wider_than_photos_would_make_it() -> None:
    good, bad = [(FACE, 0.9)], [(FAR, 0.9)]
    sessions = [number for number in range(6) for _ in range(20)]
    judged = [photo(FACE, found=good if number % 2 else bad, session=f"s{number}") for number in sessions]
    low, high = intervals_of(judged)["found"]  # type: ignore[misc]
    # Six looks, not 120: the share of good sessions among six drawn.
    assert high - low > 0.6


def test_with_fewer_than_four_sessions_the_interval_is_of_photos_and_says_so() -> None:
    judged = [photo(FACE, found=[(FACE, 0.9)] if number % 3 else [], session=f"s{number % 3}") for number in range(9)]
    found = intervals_of(judged)
    assert (found["by"], found["groups"]) == ("photos", 9)
    assert "3 sessions are too few" in str(found["note"])
    assert "wider" in str(found["note"])


def test_with_a_handful_of_photos_there_is_no_interval_and_a_reason() -> None:
    found = intervals_of([photo(FACE, found=[(FACE, 0.9)])] * 3)
    assert (found["by"], "mean_iou" in found) == ("nothing", False)
    assert "1 session is too few for an interval by sessions, and 3 photos are too few for any" in str(found["note"])


def test_photos_of_unknown_sessions_are_not_called_sessions() -> None:
    found = intervals_of([photo(FACE, found=[(FACE, 0.9)], session=None)] * 8)
    assert found["by"] == "photos"
    assert "nobody says which photos belong to one session" in str(found["note"])


def test_the_rule_of_three_is_for_shares_and_not_for_distances_or_rates() -> None:
    sessions = [f"s{number}" for number in range(12)]
    found = bootstrap_figures(
        sessions,
        lambda weights: dict.fromkeys(("share", "distance"), np.ones(len(weights))),
        no_shares=("distance",),
    )
    assert found.bounds == {"share": (0.75, 1.0), "distance": (1.0, 1.0)}
    one_false_box_each = [photo(FACE, found=[(FACE, 0.9), (FAR, 0.9)], session=name) for name in sessions]
    assert intervals_of(one_false_box_each)["false_positives_per_photo"] == [1.0, 1.0]


def test_a_draw_without_objects_of_one_label_counts_by_the_others_as_the_figure_itself_does() -> None:
    judged = [photo((FACE, "a"), found=[(FACE, 0.9, "a")], session=f"s{number}") for number in range(5)]
    judged.append(photo((FAR, "b"), found=[], session="s0"))
    hits = [coco_figures(only(judged, label)).hits for label in ("a", "b")]
    low, high = bootstrap(judged, [tally(item, 0.5) for item in judged], hits).bounds["ap50"]
    assert part_figures(judged, ("a", "b"), 0.5).figures["ap50"] == 0.5
    # A third of the draws lack the only session with a b.
    assert (low, high) == (0.5, 1.0)


def test_where_nothing_went_wrong_the_rule_of_three_says_what_might() -> None:
    found = intervals_of([photo(FACE, found=[(FACE, 0.9)], session=f"s{number}") for number in range(12)])
    assert found["found"] == [0.75, 1.0]
    assert found["false_positives_per_photo"] == [0.0, 0.25]

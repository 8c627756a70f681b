"""The figures of a classifier, against scikit-learn's, and the report that they stand in."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from thirtyfold.model.exams.classify import Answers, ClassifyExam, part_of
from thirtyfold.model.metrics.classification import class_figures, confusions, drawn_figures, report_text
from thirtyfold.model.report.photo_pages import figures_table
from thirtyfold.model.report.plots import confusion_png
from thirtyfold.model.validation import Score
from thirtyfold.predict.artifact import Artifact
from thirtyfold.sample import Sample

CLASSES = tuple("abcdefg")
RANDOM = np.random.default_rng(6)
TRUTHS = RANDOM.integers(0, 6, 80)  # the last class is no photo's
PROBABILITIES = RANDOM.dirichlet(np.full(7, 0.4), 80).astype(np.float32)
ANSWERS = PROBABILITIES.argmax(axis=1)
EXAM = ClassifyExam()


def samples(count: int, *, sessions: int = 10) -> tuple[Sample, ...]:
    return tuple(
        Sample(image_path=Path(f"{number}.jpg"), width=8, height=8, session=f"s{number % sessions}")
        for number in range(count)
    )


def artifact(classes: tuple[str, ...] = CLASSES) -> Artifact:
    return Artifact(task="classify", classes=classes, size=64, decoder="classes", forms={})


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_every_figure_is_scikit_learns() -> None:
    figures = class_figures(TRUTHS, PROBABILITIES, CLASSES)
    known = {
        "accuracy": metrics.accuracy_score(TRUTHS, ANSWERS),
        "balanced_accuracy": metrics.balanced_accuracy_score(TRUTHS, ANSWERS),
        "macro_f1": metrics.f1_score(TRUTHS, ANSWERS, average="macro", zero_division=0),
        "top5_accuracy": metrics.top_k_accuracy_score(TRUTHS, PROBABILITIES, k=5, labels=range(7)),
        "log_loss": -np.log(PROBABILITIES[np.arange(80), TRUTHS]).mean(),
    }
    for name, value in known.items():
        assert figures[name] == pytest.approx(value, abs=1e-5), name
    assert figures["confusion"]["counts"] == metrics.confusion_matrix(TRUTHS, ANSWERS, labels=range(7)).tolist()
    report = metrics.classification_report(
        TRUTHS, ANSWERS, labels=range(7), target_names=CLASSES, output_dict=True, zero_division=0
    )
    for name in (*CLASSES, "macro avg", "weighted avg"):
        assert figures["report"][name] == pytest.approx(report[name], abs=1e-6)
    assert "weighted avg" in report_text(TRUTHS, PROBABILITIES, CLASSES)


def test_photos_of_a_single_class_have_figures_and_nobody_is_warned() -> None:
    figures = class_figures(np.zeros(3, np.int64), np.array([[0.9, 0.1]] * 3, np.float32), ("a", "b"))
    assert (figures["accuracy"], figures["balanced_accuracy"], figures["macro_f1"]) == (1.0, 1.0, 1.0)


def test_the_calibration_error_is_the_mean_distance_of_probability_and_share() -> None:
    probabilities = np.array([[0.95, 0.05]] * 10 + [[0.65, 0.35]] * 10, np.float32)
    truths = np.array([0] * 10 + [0] * 5 + [1] * 5)
    figures = class_figures(truths, probabilities, ("a", "b"))
    assert figures["calibration_error"] == pytest.approx((0.05 + 0.15) / 2, abs=1e-6)
    assert "top5_accuracy" not in figures


def test_a_draw_in_which_every_photo_counts_once_has_the_figures_themselves() -> None:
    figures = class_figures(TRUTHS, PROBABILITIES, CLASSES)
    drawn = drawn_figures(np.ones((1, 80)), TRUTHS, PROBABILITIES)
    for name, values in drawn.items():
        assert values[0] == pytest.approx(figures[name], abs=1e-5), name


def test_a_draw_is_the_figure_of_its_photos() -> None:
    weights = np.random.default_rng(7).integers(0, 3, (3, 80)).astype(np.float64)
    drawn = drawn_figures(weights, TRUTHS, PROBABILITIES)
    for draw, row in enumerate(weights):
        chosen = np.repeat(np.arange(80), row.astype(int))
        figures = class_figures(TRUTHS[chosen], PROBABILITIES[chosen], CLASSES)
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "top5_accuracy"):
            assert drawn[name][draw] == pytest.approx(figures[name], abs=1e-5), name


def test_figures_have_intervals_by_session_that_hold_them() -> None:
    part = part_of(Answers(samples=samples(80), truths=TRUTHS, probabilities=PROBABILITIES), CLASSES)
    intervals = part.figures["intervals"]
    assert (intervals["by"], intervals["groups"]) == ("sessions", 10)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "top5_accuracy", "log_loss"):
        low, high = intervals[name]
        assert low <= part.figures[name] <= high


def test_what_is_most_often_mistaken_comes_first() -> None:
    found = confusions({"confusion": {"labels": ["a", "b"], "counts": [[9, 1], [4, 6]]}}, 5)
    assert found == [("b", "a", 4), ("a", "b", 1)]


def test_a_report_has_the_headline_the_classes_the_plots_and_the_worst_photos(tmp_path: Path) -> None:
    import cv2

    shown = tuple(
        Sample(image_path=tmp_path / f"{number}.png", width=8, height=8, session=f"s{number}") for number in range(4)
    )
    for sample in shown:
        cv2.imwrite(str(sample.image_path), np.full((8, 8, 3), 50, np.uint8))
    truths = np.array([0, 1, 2, 2])
    probabilities = np.array([[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.9, 0.08, 0.02]], np.float32)
    part = part_of(Answers(samples=shown, truths=truths, probabilities=probabilities), ("a", "b", "c"))
    sections = EXAM.sections(part, "test photos", artifact(("a", "b", "c")))
    assert [big.title for big in sections.bigs][:2] == ["accuracy", "balanced accuracy"]
    assert "top-5 accuracy" not in [big.title for big in sections.bigs]
    by_class, mistaken = sections.tables
    assert [row[0] for row in by_class.rows] == ["a", "b", "c", "accuracy", "macro avg", "weighted avg"]
    assert by_class.rows[2][1:] == ("1.000", "0.500", "0.667", "2")
    assert set(mistaken.rows) == {("b", "a", "1"), ("c", "a", "1")}
    assert [plot.name for plot in sections.plots] == ["confusion", "reliability"]
    worst, random = sections.galleries
    assert worst.tiles[0].name == "3.png"
    assert worst.tiles[0].caption == "c: a 90% (the truth 2%)"
    assert "2 of 4 are wrong" in worst.title
    assert len(random.tiles) == 4
    table = figures_table(EXAM, {"test photos": part})
    assert "top-5 accuracy" not in table.columns


def test_a_photo_that_is_gone_has_no_tile(tmp_path: Path) -> None:
    part = part_of(Answers(samples=samples(80), truths=TRUTHS, probabilities=PROBABILITIES), CLASSES)
    sections = EXAM.sections(part, "test photos", artifact())
    assert all(not gallery.tiles for gallery in sections.galleries)


def test_the_last_class_is_counted_like_the_others_and_many_classes_still_fit() -> None:
    names = [f"class {number}" for number in range(60)]
    assert confusion_png(names, np.eye(60, dtype=int).tolist(), nothing=False).startswith(b"\x89PNG")
    counts = [[5, 0], [0, 7]]
    assert confusion_png(["a", "b"], counts, nothing=False) != confusion_png(["a", "b"], counts)


class Fixed:
    """A model that gives what it was made with."""

    def __init__(self, probabilities: np.ndarray) -> None:
        self._probabilities = probabilities

    def predict_on_batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {"probabilities": self._probabilities[rows[:, 0].astype(int)]}


def validated(probabilities: np.ndarray) -> Score:
    labelled = [
        Sample(image_path=Path(f"{number}.jpg"), width=8, height=8, tags=("ab"[number % 2],)) for number in range(4)
    ]
    rows = np.arange(4)[:, None]
    return EXAM.validate(Fixed(probabilities), [rows], labelled, artifact(("a", "b")), batch=3)


def test_an_epoch_is_judged_by_its_log_loss_and_shows_its_accuracy() -> None:
    sure = validated(np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.6, 0.4]], np.float32))
    unsure = validated(np.array([[0.51, 0.49], [0.49, 0.51], [0.51, 0.49], [0.49, 0.51]], np.float32))
    assert (sure.row["val_accuracy"], unsure.row["val_accuracy"]) == (0.75, 1.0)
    assert sure.value == pytest.approx(-(3 * -np.log(0.9) - np.log(0.4)) / 4, abs=1e-6)
    assert sure.value > unsure.value
    assert "validation accuracy 0.750, log loss" in sure.text

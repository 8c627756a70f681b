"""How a classifier is judged: which class was taken for which, how often, and how sure of it the model was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.datasets.whole_photo import class_of
from thirtyfold.drawing import PALETTE, TRUTH_COLOR, draw_text
from thirtyfold.errors import FileDataError
from thirtyfold.model.exams.base import Part
from thirtyfold.model.exams.photo import Judging, PhotoExam, Sections, judged_outputs
from thirtyfold.model.judge import raw_outputs
from thirtyfold.model.metrics.classification import class_figures, confusions, drawn_figures, losses
from thirtyfold.model.metrics.intervals import bootstrap_figures
from thirtyfold.model.metrics.reliability import reliability
from thirtyfold.model.report.card import CardWords
from thirtyfold.model.report.page import Gallery, Plot, Table, bigs_of
from thirtyfold.model.report.plots import confusion_png, reliability_png
from thirtyfold.model.report.tiles import MOST_TILES, Tile, fitted
from thirtyfold.model.validation import Score
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import Outputs
from thirtyfold.predict.runtime import Predictor
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_CONFUSIONS = 20
_RANDOM_TILES = 12
_SEED = 30
_RIGHT, _WRONG = PALETTE[0], PALETTE[3]
_DIGITS = (("precision", ".3f"), ("recall", ".3f"), ("f1-score", ".3f"), ("support", "d"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """``truths`` (photos,) are class indexes, ``probabilities`` (photos, classes).

    ``left_out`` counts the photos of other classes.
    """

    samples: tuple[Sample, ...]
    truths: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    left_out: int = 0


class ClassifyExam(PhotoExam):
    headline = (
        ("accuracy", "accuracy", ".3f"),
        ("balanced_accuracy", "balanced accuracy", ".3f"),
        ("macro_f1", "macro F1", ".3f"),
        ("top5_accuracy", "top-5 accuracy", ".3f"),
        ("log_loss", "log loss", ".3f"),
        ("calibration_error", "calibration error", ".3f"),
    )
    quality_name = "accuracy"
    beside = ("macro_f1", "macro F1", ".3f")
    compared = ("train", "val", "test")
    too_few = "none of the photos to judge on is of one of the model's classes and can be read"

    def quality(self, outputs: Outputs, sample: Sample, artifact: Artifact, *, threshold: float = 0.0) -> float | None:
        name = class_of(sample, artifact.classes)
        if name is None:
            return None
        return float(artifact.classes[int(np.argmax(outputs["probabilities"][0]))] == name)

    def validate(
        self, model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], artifact: Artifact, *, batch: int
    ) -> Score:
        """The log loss, the lower the better: of a few dozen photos one more or less that is right is chance, and every
        photo has a say in the loss.
        """
        answers = _answers(raw_outputs(model, arrays, samples, batch=batch), artifact.classes)
        if answers is None:
            return Score(value=-math.inf, row={}, text="no validation photo has a class")
        accuracy = float((answers.probabilities.argmax(axis=1) == answers.truths).mean())
        loss = float(losses(answers.truths, answers.probabilities).mean())
        return Score(
            value=-loss,
            row={"val_accuracy": accuracy, "val_log_loss": loss},
            text=f"validation accuracy {accuracy:.3f}, log loss {loss:.3f}",
        )

    def part(self, predictor: Predictor, samples: Sequence[Sample], judging: Judging) -> Part | None:
        classes = predictor.artifact.classes
        answers = _answers(judged_outputs(predictor, samples, judging), classes)
        return None if answers is None else part_of(answers, classes)

    def remarks(self, figures: Mapping[str, Any]) -> list[str]:
        """How many photos could not be judged, since the model was never taught their class."""
        count = figures.get("left_out", 0)
        if count == 1:
            return ["1 photo is of a class it was never taught, and is in no figure."]
        return [f"{count} photos are of classes it was never taught, and are in no figure."] if count else []

    def sections(self, part: Part, name: str, artifact: Artifact) -> Sections:
        answers: Answers = part.detail
        return Sections(
            bigs=bigs_of(part.figures, self.headline),
            tables=[
                _by_class(part.figures, name, self.remarks(part.figures)),
                *_by_confusion(part.figures, name),
            ],
            plots=[*self.study_plots(name, part.figures), _reliability(answers, name)],
            galleries=_galleries(answers, name, artifact.classes),
            key="At the top of each photo its class, at its bottom what the model says, and how probable that is.",
        )

    def study_plots(self, name: str, figures: Mapping[str, Any]) -> list[Plot]:
        confusion = figures["confusion"]
        return [
            Plot(
                name="confusion",
                title="What was taken for what",
                caption=f"{name}: truth down, answer across.",
                png=confusion_png(confusion["labels"], confusion["counts"], nothing=False),
            )
        ]

    def card_words(self, artifact: Artifact) -> CardWords:
        return CardWords(
            pipeline_tag="image-classification",
            task_name="Image Classification",
            metrics=(("accuracy", "accuracy", "accuracy"), ("macro_f1", "f1", "macro F1")),
            rows=(
                ("accuracy", "accuracy"),
                ("balanced accuracy", "balanced_accuracy"),
                ("macro F1", "macro_f1"),
                ("log loss", "log_loss"),
                ("calibration error", "calibration_error"),
            ),
            does="Says which of these a picture shows: {classes}. A classifier on the backbone {backbone}, trained by "
            "thirtyfold.",
            use="Telling these classes apart in pictures like those it was trained on. It was made from few photos, "
            "and it always answers with one of its classes, whatever the picture shows.",
            not_for="Not for judging people who have not agreed to it, and for nothing where a wrong answer does harm.",
            limits=("It has no answer for *none of these*: a picture of something else gets a class, too.",),
        )


def part_of(answers: Answers, classes: Sequence[str]) -> Part:
    """The figures of answers, with intervals over sessions where they are known."""
    intervals = bootstrap_figures(
        [sample.session for sample in answers.samples],
        lambda weights: drawn_figures(weights, answers.truths, answers.probabilities),
        no_shares=("log_loss",),
    )
    figures = class_figures(answers.truths, answers.probabilities, classes)
    left_out = {"left_out": answers.left_out} if answers.left_out else {}
    return Part(figures={**figures, **left_out, "intervals": intervals.to_dict()}, detail=answers)


def _answers(found: Iterable[tuple[Outputs, Sample]], classes: Sequence[str]) -> Answers | None:
    """The probabilities for the photos that have one of ``classes``; ``None`` if none has."""
    kept, truths, rows, left_out = [], [], [], 0
    for outputs, sample in found:
        name = class_of(sample, classes)
        if name is None:
            left_out += 1
            continue
        kept.append(sample)
        truths.append(classes.index(name))
        rows.append(np.asarray(outputs["probabilities"][0], np.float32))
    if not kept:
        return None
    return Answers(samples=tuple(kept), truths=np.array(truths), probabilities=np.stack(rows), left_out=left_out)


def _by_class(figures: Mapping[str, Any], name: str, remarks: Sequence[str]) -> Table:
    """scikit-learn's classification report."""
    rows = []
    for title, row in figures["report"].items():
        if isinstance(row, Mapping):
            rows.append((title, *(format(row[key], form) for key, form in _DIGITS)))
        else:
            rows.append((title, "", "", f"{row:.3f}", str(figures["photos"])))
    note = (
        "Precision: the share of right ones among the answers of a class. Recall: the share of its photos that were "
        "answered with it. Support: its photos. Macro is the mean over the classes, weighted counts each by its photos."
    )
    columns = ("", *(key for key, _ in _DIGITS))
    return Table(title=f"By class: {name}", columns=columns, rows=rows, note=" ".join([note, *remarks]))


def _by_confusion(figures: Mapping[str, Any], name: str) -> list[Table]:
    rows = [(truth, answer, str(count)) for truth, answer, count in confusions(figures, _MOST_CONFUSIONS)]
    if not rows or len(figures["confusion"]["labels"]) < 3:
        return []
    return [Table(title=f"Most often mistaken: {name}", columns=("truth", "answer", "photos"), rows=rows)]


def _reliability(answers: Answers, name: str) -> Plot:
    right = answers.probabilities.argmax(axis=1) == answers.truths
    found = reliability(answers.probabilities.max(axis=1).astype(np.float64), right)
    return Plot(
        name="reliability",
        title="What a probability is worth",
        caption=f"{name}: of the answers with a probability of 0.8, how many are right? On the dotted line: 8 in 10.",
        png=reliability_png(found, None),
    )


def _galleries(answers: Answers, name: str, classes: Sequence[str]) -> list[Gallery]:
    of_truth = answers.probabilities[np.arange(len(answers.truths)), answers.truths]
    worst = np.argsort(of_truth, kind="stable")[:MOST_TILES]
    chosen = np.random.default_rng(_SEED).permutation(len(of_truth))[:_RANDOM_TILES]
    wrong = int((answers.probabilities.argmax(axis=1) != answers.truths).sum())
    return [
        Gallery(
            name="worst",
            title=f"The worst of {name}, worst first ({wrong} of {len(of_truth)} are wrong)",
            tiles=[tile for index in worst if (tile := _tile(answers, int(index), classes)) is not None],
        ),
        Gallery(
            name="random",
            title=f"Photos by chance, of {name}",
            tiles=[tile for index in chosen if (tile := _tile(answers, int(index), classes)) is not None],
        ),
    ]


def _tile(answers: Answers, index: int, classes: Sequence[str]) -> Tile | None:
    sample, row = answers.samples[index], answers.probabilities[index]
    try:
        pixels = fitted(read_pixels(sample))
    except FileDataError:
        return None  # it was there when it was judged
    truth, answer = int(answers.truths[index]), int(row.argmax())
    # On the picture, too: it is looked at without its page, and there long names don't fit side by side.
    ink = _RIGHT if answer == truth else _WRONG
    draw_text(pixels, f"{classes[answer]} {row[answer]:.0%}", (2, pixels.shape[0] - 2), background=ink)
    draw_text(pixels, classes[truth], (2, 18), background=TRUTH_COLOR)
    said = f"{classes[truth]}: {classes[answer]} {row[answer]:.0%}"
    if answer != truth:
        said += f" (the truth {row[truth]:.0%})"
    alone = sample.session is not None and sample.session.endswith(f"like {sample.image_path.name}")
    return Tile(name=sample.image_path.name, pixels=pixels, caption=said, session=None if alone else sample.session)


EXAM = ClassifyExam()

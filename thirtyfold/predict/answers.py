"""Answers about whole pictures, as tables and CSV; objects in pictures as CSV, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import files
from thirtyfold.errors import UsageError
from thirtyfold.predict.attribute_heads import ANSWERS, answer_text
from thirtyfold.predict.chain import full_label, verdict_of
from thirtyfold.predict.decoders import RANKED
from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.runtime import Predictor
from thirtyfold.sample import Annotation, Sample

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

_OBJECTS = ("image", "label", "score", "left", "top", "right", "bottom")
_WHOLE = ("image", "label", "probability")
# From RGB pixels and the answer to the same pixels with what speaks for it.
Explain = Callable[["Pixels", Annotation], "Pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """``top``: so many classes of a whole picture, ``None`` for the first alone. ``debug`` keeps what happened on the
    way, ``csv`` is a file to be written, ``explain`` draws what speaks for an answer.
    """

    top: int | None = None
    debug: bool = False
    csv: Path | None = None
    explain: Explain | None = None

    def __post_init__(self) -> None:
        if self.top is not None and self.top < 1:
            raise UsageError(f"--top {self.top}: at least one class was expected, like 5")
        if self.csv is not None and self.csv.suffix.lower() != ".csv":
            raise UsageError(f"--csv {self.csv}: a name that ends in .csv was expected")
        if self.csv is not None and self.csv.exists() and not _is_ours(self.csv):
            raise UsageError(f"--csv {self.csv}: is there already and is no table of ours; choose another name")


def with_top(detector: Detector, top: int | None) -> Detector:
    """The classifier, giving ``top`` classes a picture. Raises :class:`UsageError` where it is none."""
    if top is None:
        return detector
    if not isinstance(detector, Predictor) or detector.artifact.decoder != "classes":
        raise UsageError(
            f"--top {top}: needs a model that tells classes apart, from `thirtyfold train --task classify`"
        )
    options = {**detector.artifact.decoder_options, "top": top}
    detector.artifact = replace(detector.artifact, decoder_options=options)
    return detector


def is_whole(samples: Sequence[Sample]) -> bool:
    """Whether everything that was found is said of a whole picture: a class, or attributes."""
    found = [annotation for sample in samples for annotation in sample.annotations or ()]
    return bool(found) and all(RANKED in annotation.extra or ANSWERS in annotation.extra for annotation in found)


def heads_in(samples: Sequence[Sample]) -> tuple[str, ...]:
    """The heads of the attributes that were found, of whole pictures or by a second model; none for other models."""
    found = (answers_of(annotation) for sample in samples for annotation in sample.annotations or ())
    return next((tuple(answers) for answers in found if answers), ())


def answers_of(annotation: Annotation) -> Mapping[str, Mapping[str, Any]]:
    """What an attributes model said of an object or a whole picture, by head; nothing where it was none."""
    verdict = verdict_of(annotation)
    answers: Mapping[str, Mapping[str, Any]] = annotation.extra.get(ANSWERS, {}) if verdict is None else verdict.answers
    return answers


def ranked_of(annotation: Annotation) -> list[tuple[str, float]]:
    """(class, probability), the most probable first."""
    return [(str(label), float(score)) for label, score in annotation.extra.get(RANKED, ())]


def whole_columns(samples: Sequence[Sample], top: int | None) -> tuple[str, ...]:
    if heads := heads_in(samples):
        return ("photo", *heads)
    return ("photo", "label", "probability", *(["then"] if (top or 1) > 1 else []))


def whole_rows(samples: Sequence[Sample], top: int | None) -> list[tuple[str, ...]]:
    """A line a picture; of attributes a column a head."""
    if heads := heads_in(samples):
        said = [(sample, answers_of(sample.annotations[0]) if sample.annotations else {}) for sample in samples]
        return [
            (str(sample.image_path), *(answer_text(its[head]) if head in its else "nothing" for head in heads))
            for sample, its in said
        ]
    rows = []
    for sample in samples:
        ranked = _ranked_in(sample)[: top or 1]
        label, shown = (ranked[0][0], f"{ranked[0][1]:.1%}") if ranked else ("nothing", "")
        others = ", ".join(f"{name} {score:.1%}" for name, score in ranked[1:])
        rows.append((str(sample.image_path), label, shown, *([others] if (top or 1) > 1 else [])))
    return rows


def csv_text(samples: Sequence[Sample], top: int | None) -> str:
    """A line a picture, ``image,label,probability`` (with ``top`` ``label2,probability2``, …); or a line an object.

    Attributes come last, a column a head, and one more for the probability of its class.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    heads = _head_columns(samples)
    if is_whole(samples):
        more = [name for number in range(2, (top or 1) + 1) for name in (f"label{number}", f"probability{number}")]
        titles = [*_WHOLE, *more, *heads]
        writer.writerow(titles)
        for sample in samples:
            cells = [cell for label, score in _ranked_in(sample)[: top or 1] for cell in (label, f"{score:.6f}")]
            if heads and sample.annotations:
                found = sample.annotations[0]
                cells = [found.label, f"{found.score or 0:.6f}", *_head_cells(found, heads)]
            # Nothing was found, or there are fewer classes: every line has as many cells as there are titles.
            writer.writerow([sample.image_path, *cells, *[""] * (len(titles) - 1 - len(cells))])
        return buffer.getvalue()
    writer.writerow([*_OBJECTS, *heads])
    for sample in samples:
        for annotation in sample.annotations or ():
            verdict = verdict_of(annotation)
            score = annotation.score if verdict is None else verdict.score
            box = (f"{value:.2f}" for value in annotation.box_xyxy)
            cells = _head_cells(annotation, heads)
            writer.writerow([sample.image_path, full_label(annotation), f"{score or 0:.6f}", *box, *cells])
        if not sample.annotations:
            writer.writerow([sample.image_path, "", "", "", "", "", "", *("" for _ in heads)])
    return buffer.getvalue()


def write_csv(path: Path, samples: Sequence[Sample], top: int | None) -> None:
    """Write :func:`csv_text` whole or not at all."""
    files.write_text(path, csv_text(samples, top))


def _head_columns(samples: Sequence[Sample]) -> dict[str, tuple[str, str]]:
    """Title of a column → the head, and what of its answer stands there. No title stands there twice."""
    found = (answers_of(annotation) for sample in samples for annotation in sample.annotations or ())
    answers = next((its for its in found if its), {})
    columns: dict[str, tuple[str, str]] = {}
    for head, answer in answers.items():
        kinds = (("", "label"), (" probability", "score")) if "label" in answer else (("", "value"),)
        for ending, key in kinds:
            title = f"{head}{ending}"
            while title in (*_OBJECTS, *_WHOLE, *columns):
                title += " answer"
            columns[title] = (head, key)
    return columns


def _head_cells(annotation: Annotation, columns: Mapping[str, tuple[str, str]]) -> list[str]:
    answers = answers_of(annotation)
    return [_cell(answers[head][key]) if head in answers else "" for head, key in columns.values()]


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _ranked_in(sample: Sample) -> list[tuple[str, float]]:
    return ranked_of(sample.annotations[0]) if sample.annotations else []


def _is_ours(path: Path) -> bool:
    """Whether a file begins as our tables do: it may be written over."""
    try:
        with path.open(encoding="utf-8") as stream:
            first = stream.readline(200).strip()
    except (OSError, UnicodeDecodeError):
        return False
    columns = first.split(",")
    return columns[: len(_OBJECTS)] == list(_OBJECTS) or columns[:3] == list(_WHOLE)

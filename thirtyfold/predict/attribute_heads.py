"""The heads of an attributes model, as its classes name them, and what they say of a picture.

Classes are ``HEAD=CLASS`` for a head that chooses (``gender=female``) and ``HEAD`` for one that gives a number
(``age``). Names of heads are other people's, and not every format takes them: outputs are called by their number and
what is plain of the name, ``head0_gender``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.whole_photo import head_and_value
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.predict.decoders import Outputs, Placement

ANSWERS = "answers"
YEARS = "years"
# What stands behind a number; heads of other names are numbers alone.
_UNITS = {"age": YEARS}
_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_PLAIN = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """``classes`` of a head that chooses; none for one that gives a number. ``output`` is its output's name."""

    name: str
    output: str
    classes: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The unit of its number, "" where none is known."""
        return "" if self.classes else _UNITS.get(self.name.casefold(), "")


def heads_of(classes: Sequence[str]) -> tuple[Head, ...]:
    """The heads that ``classes`` of an artifact name, in order."""
    found: dict[str, list[str]] = {}
    for name in classes:
        pair = head_and_value(name)
        head, value = pair or (name, "")
        found.setdefault(head, [])
        if value:
            found[head].append(value)
    return tuple(
        Head(name=name, output=_output_name(number, name), classes=tuple(values))
        for number, (name, values) in enumerate(found.items())
    )


def number_of(head: Head, output: NDArray[np.floating[Any]]) -> float:
    """What a head says whose output (1,) is a number. Nobody is younger than 0 years."""
    value = float(np.nan_to_num(output[0], nan=0.0))
    return max(0.0, value) if head.unit == YEARS else value


def short_number(value: float, unit: str) -> str:
    """``31``; a small number without a unit with one decimal."""
    return f"{value:.0f}" if unit or abs(value) >= 10 else f"{value:.1f}"


def decode_attributes(
    outputs: Outputs, classes: Sequence[str], threshold: float, options: Mapping[str, Any], placement: Placement
) -> tuple[Annotation, ...]:
    """One annotation over the whole picture, labelled like ``female, 31``, with the score of the first class head.

    ``extra["answers"]`` has an answer a head: ``{"label": "female", "score": 0.93, "ranked": [[label, score], …]}`` or
    ``{"value": 31.2, "unit": "years"}``.
    """
    answers: dict[str, dict[str, Any]] = {}
    said, scores = [], []
    for head in heads_of(classes):
        output = outputs[head.output][0]
        if head.classes:
            values = np.nan_to_num(output, nan=0.0)
            ranked = [[head.classes[index], float(values[index])] for index in np.argsort(-values, kind="stable")]
            label, score = str(ranked[0][0]), float(ranked[0][1])
            answers[head.name] = {"label": label, "score": score, "ranked": ranked}
            said.append(label)
            scores.append(score)
        else:
            value = number_of(head, output)
            answers[head.name] = {"value": value, "unit": head.unit}
            said.append(short_number(value, head.unit))
    score = scores[0] if scores else 1.0
    if score < threshold:
        return ()
    width, height = placement.image_wh
    box = (0.0, 0.0), (float(width), float(height))
    return (Annotation(label=", ".join(said), points=box, score=score, extra={ANSWERS: answers}),)


def attribute_shapes(classes: Sequence[str], options: Mapping[str, Any]) -> Mapping[str, tuple[int | None, ...]]:
    """Probabilities of a head's classes, (classes,), or one number, (1,)."""
    return {head.output: (len(head.classes) or 1,) for head in heads_of(classes)}


def caption_of(answers: Mapping[str, Mapping[str, Any]]) -> str:
    """What stands at a box: ``female 93%, 31 years``."""
    return ", ".join(answer_text(answer) for answer in answers.values())


def answer_text(answer: Mapping[str, Any]) -> str:
    """One head's answer: ``female 93%`` or ``31 years``."""
    if "label" in answer:
        return f"{answer['label']} {answer['score']:.0%}"
    unit = str(answer["unit"])
    return f"{short_number(float(answer['value']), unit)} {unit}".rstrip()


def kind_of_answers(answers: Mapping[str, Mapping[str, Any]]) -> str:
    """What stays the same from picture to picture while numbers move: the first class, else the first head's name."""
    return next((str(answer["label"]) for answer in answers.values() if "label" in answer), next(iter(answers), ""))


def kinds_of_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Everything that :func:`kind_of_answers` can be."""
    heads = heads_of(classes)
    return next((head.classes for head in heads if head.classes), tuple(head.name for head in heads[:1]))


def rounded_answers(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The answers for JSON, without more digits than they are worth."""
    return {name: {key: _rounded(value) for key, value in answer.items()} for name, answer in answers.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def _output_name(number: int, name: str) -> str:
    plain = _PLAIN.sub("_", name).strip("_").lower()[:_LONGEST_PLAIN].strip("_")
    return f"head{number}_{plain}" if plain else f"head{number}"

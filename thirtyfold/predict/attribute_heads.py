"""The heads of an attributes model, as its classes name them, and what they say of a picture.

Classes are ``HEAD=CLASS`` for a head that chooses (``gender=female``) and ``HEAD`` for one that gives a number
(``age``). Outputs are called ``head0``, ``head1``, … in the heads' order: names of heads are other people's, and not
every format takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.whole_photo import head_and_value
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from thirtyfold.predict.decoders import Outputs, Placement

ANSWERS = "answers"
# What stands behind a number; heads of other names are numbers alone.
_UNITS = {"age": "years"}


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
        Head(name=name, output=f"head{number}", classes=tuple(values))
        for number, (name, values) in enumerate(found.items())
    )


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
        values = np.nan_to_num(outputs[head.output][0], nan=0.0)
        if head.classes:
            ranked = [[head.classes[index], float(values[index])] for index in np.argsort(-values, kind="stable")]
            label, score = str(ranked[0][0]), float(ranked[0][1])
            answers[head.name] = {"label": label, "score": score, "ranked": ranked}
            said.append(label)
            scores.append(score)
        else:
            value = float(values[0])
            answers[head.name] = {"value": value, "unit": head.unit}
            said.append(f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}")
    score = scores[0] if scores else 1.0
    if score < threshold:
        return ()
    width, height = placement.image_wh
    box = (0.0, 0.0), (float(width), float(height))
    return (Annotation(label=", ".join(said), points=box, score=score, extra={ANSWERS: answers}),)


def attribute_shapes(classes: Sequence[str], options: Mapping[str, Any]) -> Mapping[str, tuple[int | None, ...]]:
    """Probabilities of a head's classes, (classes,), or one number, (1,)."""
    return {head.output: (len(head.classes) or 1,) for head in heads_of(classes)}

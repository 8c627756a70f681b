"""Which colour a label is drawn in: as a person says, green and red for opposites, else by its name.

Opposites are two classes of one model whose names differ in a word like *with* and *without* only: ``with_mask`` and
``without_mask``, ``helmet on`` and ``helmet off``, ``mask`` and ``no_mask``. The green is light and the red is dark,
so that they differ for those as well who cannot tell the two hues apart; and the label always stands at the box.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from thirtyfold.drawing import PALETTE, Color, color_of
from thirtyfold.errors import UsageError

GOOD: Color = (0, 190, 120)
BAD: Color = (206, 34, 43)
# The names that people say; the colours are those of the palette where it has them.
NAMED: Mapping[str, Color] = {
    "green": GOOD,
    "red": BAD,
    "blue": (0, 114, 178),
    "sky": (86, 180, 233),
    "orange": (230, 159, 0),
    "yellow": (240, 228, 66),
    "purple": (204, 121, 167),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
}
# (said of the one, said of the other): the first is green. "" is a word that is not there.
_OPPOSITES = (
    ("with", "without"),
    ("con", "sin"),
    ("mit", "ohne"),
    ("avec", "sans"),
    ("on", "off"),
    ("yes", "no"),
    ("good", "bad"),
    ("right", "wrong"),
    ("correct", "incorrect"),
    ("ok", "nok"),
    ("with", "no"),
    ("", "without"),
    ("", "no"),
    ("", "not"),
)
# What the palette has that looks like one of the two, and what stands there instead.
_ALIKE = (PALETTE[0], PALETTE[3])
_THIRD = PALETTE[1]
_WORDS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|\d+")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelColors:
    """``known`` are labels with a colour of their own; :meth:`of` knows one for every other, the same everywhere."""

    known: Mapping[str, Color] = field(default_factory=dict, hash=False)

    def of(self, label: str) -> Color:
        """The RGB colour of a label."""
        found = self.known.get(label)
        return color_of(label) if found is None else found


def colors_for(labels: Iterable[str], given: Mapping[str, Color] | None = None) -> LabelColors:
    """The colours of the classes of a model (or of both of a chain); ``given`` wins. Classes are as they are called."""
    labels = tuple(labels)
    return LabelColors(known={**_of_opposites(labels), **(given or {})})


def parse_colors(text: str) -> Mapping[str, Color]:
    """``with_mask=green,without_mask=#ce222b``: label to RGB. Raises :class:`UsageError`."""
    colors: dict[str, Color] = {}
    for piece in (piece.strip() for piece in text.split(",")):
        if not piece:
            continue
        # A label may have a `=` in it (gender=female), a colour has none.
        label, equals, name = (part.strip() for part in piece.rpartition("="))
        color = NAMED.get(name.lower()) or (_of_hex(name) if _HEX.fullmatch(name) else None)
        if not equals or not label or color is None:
            raise UsageError(
                f"--colors {piece}: a label and its colour were expected, like with_mask=green or with_mask=#00be78; "
                f"colours with a name are {', '.join(NAMED)}"
            )
        colors[label] = color
    return colors


def _of_hex(text: str) -> Color:
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def _of_opposites(labels: Sequence[str]) -> dict[str, Color]:
    by_words: dict[tuple[str, ...], str] = {}
    for label in labels:
        by_words.setdefault(_words(label), label)
    colors: dict[str, Color] = {}
    for good, bad in _OPPOSITES:
        for words, label in by_words.items():
            if bad not in words:
                continue
            at = words.index(bad)
            other = by_words.get((*words[:at], *([good] if good else []), *words[at + 1 :]))
            if other is not None and other not in colors and label not in colors:
                colors[other], colors[label] = GOOD, BAD
    if colors:
        # A third class, as *badly worn*, is to be taken for neither.
        colors |= {label: _THIRD for label in labels if label not in colors and color_of(label) in _ALIKE}
    return colors


def _words(label: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(label))

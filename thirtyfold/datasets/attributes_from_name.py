"""Attributes that stand in the file names, as UTKFace has them: ``31_1_0_20170116.jpg`` is age 31, gender 1.

A pattern has a field in braces for every attribute: ``{age}_{gender:0=male,1=female}_{race}_{_time}``. Behind a
colon stands what the codes in the names mean (``3=`` with nothing after it: not known); fields that begin with ``_``
are passed over. It has to fit the whole name without its ending.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from thirtyfold.errors import LabelError, UsageError

_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """``heads`` in the order of the expression's groups; ``meanings`` maps a head's codes to its values."""

    expression: re.Pattern[str]
    heads: tuple[str, ...]
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)


def parse_pattern(text: str) -> Pattern:
    """Raises :class:`UsageError` for a pattern without fields, or with two that cannot be told apart."""
    option = f"--attributes-from-name {text}"
    pieces = _FIELD.split(text)
    literals, fields = pieces[0::2], pieces[1::2]
    if any("{" in literal or "}" in literal for literal in literals):
        raise UsageError(f"{option}: a brace is open; write it like {{age}}_{{gender}}")
    heads = []
    meanings: dict[str, dict[str, str]] = {}
    for content in fields:
        head, colon, codes = content.partition(":")
        head = head.strip()
        if not head or "=" in head:
            raise UsageError(
                f"{option}: {{{content}}} has no name; write it like {{age}} or {{gender:0=male,1=female}}"
            )
        heads.append(head)
        if colon:
            meanings[head] = _codes(codes, option)
    if not any(not head.startswith("_") for head in heads):
        raise UsageError(f"{option}: names no attribute; write it like {{age}}_{{gender}}")
    if twice := [head for index, head in enumerate(heads) if head in heads[:index] and not head.startswith("_")]:
        raise UsageError(f"{option}: {{{twice[0]}}} stands there twice")
    if "" in literals[1:-1]:
        raise UsageError(f"{option}: two fields with nothing between them cannot be told apart")
    expression = re.escape(literals[0]) + "".join(f"(.*?){re.escape(literal)}" for literal in literals[1:])
    return Pattern(expression=re.compile(expression, re.DOTALL), heads=tuple(heads), meanings=meanings)


def values_in(path: Path, pattern: Pattern) -> dict[str, str] | None:
    """What a file's name says, by head; fields with nothing in them are not in it. ``None`` if it does not fit.

    Raises :class:`LabelError` for a code that the pattern gives no meaning to.
    """
    match = pattern.expression.fullmatch(path.stem)
    if match is None:
        return None
    values: dict[str, str] = {}
    for head, text in zip(pattern.heads, match.groups(), strict=True):
        code = text.strip()
        if head.startswith("_") or not code:
            continue
        meanings = pattern.meanings.get(head)
        if meanings is not None and code not in meanings:
            known = ", ".join(f"{code}={meaning}" for code, meaning in meanings.items())
            raise LabelError(
                path, f"{head} is {code!r} in its name, which stands for nothing ({known}); add it to the pattern"
            )
        if value := code if meanings is None else meanings[code]:
            values[head] = value
    return values


def _codes(text: str, option: str) -> dict[str, str]:
    codes: dict[str, str] = {}
    for pair in text.split(","):
        code, equals, meaning = (piece.strip() for piece in pair.partition("="))
        if not equals or not code or code in codes:
            raise UsageError(f"{option}: codes are written like gender:0=male,1=female, not {text!r}")
        codes[code] = meaning
    return codes

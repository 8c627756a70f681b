"""The list of shots that guides a person through a capture session. Pure, but for reading a list's file."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from thirtyfold.errors import UsageError

_EMPTY_PREFIX = "empty:"
# A person reads a line; longer ones were meant as something else.
_MAX_LENGTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One instruction. ``empty``: nothing to be found is in the picture, which is written as its label at once."""

    instruction: str
    empty: bool = False


# One in ten is a true negative. It comes last: who has left the picture need not come back.
FACES: tuple[Shot, ...] = (
    Shot(instruction="Look straight at the camera"),
    Shot(instruction="Turn your head to the left"),
    Shot(instruction="Turn your head to the right"),
    Shot(instruction="Look up"),
    Shot(instruction="Look down"),
    Shot(instruction="Come near: fill the picture"),
    Shot(instruction="Go far away"),
    Shot(instruction="Cover part of your face with a hand"),
    Shot(instruction="Bad light: lamp off, or a window behind you"),
    Shot(instruction="Leave the picture: nobody in it", empty=True),
)
NOTHING_THERE = Shot(instruction="Keep the picture empty", empty=True)


def plan_shots(shots: str, count: int, *, live: bool) -> tuple[Shot | None, ...]:
    """The shot of each of ``count`` photos, in order; ``None`` where nobody is guided.

    ``shots`` is ``auto`` (guided where the camera is ``live``), ``faces``, ``none``, ``empty``
    (every photo is a true negative), or a text file. Raises :class:`UsageError` for a list that
    can't be read, and for guiding a recording: nobody in it would follow, and its "empty"
    photos would hold faces.
    """
    if shots == "none" or (shots == "auto" and not live):
        return (None,) * count
    chosen = {"auto": FACES, "faces": FACES, "empty": (NOTHING_THERE,)}.get(shots) or read_shots(Path(shots))
    if len(chosen) > 1 and not live:
        raise UsageError(
            f"--shots {shots}: only a person before a camera can follow a list of shots; for files use --shots none, "
            "or --shots empty if nothing to be found is in them"
        )
    return distribute(chosen, count)


def distribute(shots: tuple[Shot, ...], count: int) -> tuple[Shot, ...]:
    """``count`` photos over the shots in their order, as evenly as can be; the first shot is never left out."""
    kinds = len(shots)
    plan: list[Shot] = []
    for position, shot in enumerate(shots):
        share = ceil((position + 1) * count / kinds) - ceil(position * count / kinds)
        plan += [shot] * share
    return tuple(plan)


def read_shots(path: Path) -> tuple[Shot, ...]:
    """A text file with one instruction a line; ``empty:`` before it marks a true negative, ``#`` a remark."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise UsageError(
            f"--shots {path}: no such file; give auto, faces, none, empty, or a text file with an instruction a line"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--shots {path}: cannot be read as UTF-8 text ({error})") from error
    shots = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        empty = text.lower().startswith(_EMPTY_PREFIX)
        instruction = text[len(_EMPTY_PREFIX) :].strip() if empty else text
        if not instruction or len(instruction) > _MAX_LENGTH:
            raise UsageError(f"--shots {path}: line {number} should be an instruction of 1 to {_MAX_LENGTH} letters")
        shots.append(Shot(instruction=instruction, empty=empty))
    if not shots:
        raise UsageError(f"--shots {path}: holds no instruction; write one a line")
    return tuple(shots)

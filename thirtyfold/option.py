"""Options that carry their own help: a field of an options dataclass says how it is written on the command line.

``commands/parameters.py`` makes a command's parameters of such fields, so that the name, type, default and help of an
option stand in one place. A field that is declared without :func:`option` can be set from Python only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

_KEY = "thirtyfold.option"
_Value = TypeVar("_Value")
_NONE: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What :func:`option` was told about a field."""

    help: str
    flag: str
    metavar: str | None
    typed: Any
    parse: Callable[[Any], Any] | None
    many: bool
    argument: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """What :func:`nested` was told about a field."""

    only: tuple[str, ...]
    changed: Mapping[str, object]


def option(
    default: _Value,
    *,
    help: str,  # noqa: A002 - as argparse, click and typer call it
    flag: str = "",
    metavar: str | None = None,
    typed: Any = None,
    parse: Callable[[Any], Any] | None = None,
    many: bool = False,
    argument: bool = False,
) -> _Value:
    """A field with this default that is an option of the command line as well.

    ``help`` ends with ``[default: ...]`` where only words can say the default. ``flag`` is how the option is spelled
    if not like the field; ``"--model -m"`` are two spellings. The single flag of a ``bool`` sets the opposite of the
    default (``--no-cache``), while ``--polygons/--boxes`` has a flag for either. Several texts are separated by commas
    or, with ``many``, the option is repeated. ``typed`` is the type on the command line where it is not the field's;
    ``parse`` makes the field's value of a text. ``argument``: recognized by its place, without a flag.
    """
    told = Described(help=help, flag=flag, metavar=metavar, typed=typed, parse=parse, many=many, argument=argument)
    if isinstance(default, dict):
        return field(default_factory=default.copy, hash=False, metadata={_KEY: told})  # type: ignore[return-value]
    return field(default=default, metadata={_KEY: told})


def nested(kind: Callable[[], _Value], *, only: Sequence[str] = (), changed: Mapping[str, object] = _NONE) -> _Value:
    """A field that holds options itself, which are options of the same command.

    ``only`` are the names of those that the command has, in the order of its help (all of them if it is empty);
    ``changed`` are those with another default or help than usual, as :func:`option` gives them.
    """
    return field(default_factory=kind, metadata={_KEY: Nested(only=tuple(only), changed=changed)})


def option_fields(options: type[Any]) -> dict[str, Field[Any]]:
    """The fields that are options, by name, in the order of the help: a class's own before those it inherits."""
    own = inspect.get_annotations(options)
    found = [item for item in fields(options) if _KEY in item.metadata]
    return {item.name: item for item in sorted(found, key=lambda item: item.name not in own)}


def described(item: Field[Any]) -> Described | Nested:
    """What was said about a field of :func:`option_fields`."""
    told: Described | Nested = item.metadata[_KEY]
    return told


def listed(text: str) -> tuple[str, ...]:
    """The names in a text that are separated by commas; ``()`` for none."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def help_of(options: type[Any], name: str) -> str:
    """The help of an option, for a command that has the same one without the whole dataclass."""
    told = described(option_fields(options)[name])
    assert isinstance(told, Described)  # noqa: S101 - for the type checker
    return told.help

"""Typer's parameters, made of options dataclasses.

A command takes its options as one object, ``train(dataset, *, options: TrainOptions)``. What Typer has to know of each
stands at the dataclass's fields (:func:`thirtyfold.option.option`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, is_dataclass
from typing import Annotated, Any, get_origin, get_type_hints

import typer

from thirtyfold.option import Described, Nested, described, listed, option_fields


def with_parameters(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` as Typer takes it: in the place of each options dataclass stands a parameter for each of its options.

    The order is that of the help. Raises what the dataclass raises when it is made, :class:`UsageError`.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, _Group] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        hint = hints[name]
        if isinstance(hint, type) and is_dataclass(hint):
            groups[name] = _group(name, hint)
            parameters += groups[name].parameters()
        else:
            parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
    own = hints.keys() - groups.keys()

    @functools.wraps(command)
    def called(**given: Any) -> None:
        options = {name: group.value(given) for name, group in groups.items()}
        command(**{name: value for name, value in given.items() if name in own}, **options)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


@dataclass(frozen=True, slots=True)
class _Single:
    """One option: its parameter, and what becomes of that parameter's value."""

    parameter: inspect.Parameter
    convert: Callable[[Any], Any]

    def parameters(self) -> Iterator[inspect.Parameter]:
        yield self.parameter

    def value(self, given: Mapping[str, Any]) -> Any:
        return self.convert(given[self.parameter.name])


@dataclass(frozen=True, slots=True)
class _Group:
    """The options of a dataclass, by field."""

    kind: Callable[..., Any]
    members: Mapping[str, _Single | _Group]

    def parameters(self) -> Iterator[inspect.Parameter]:
        for member in self.members.values():
            yield from member.parameters()

    def value(self, given: Mapping[str, Any]) -> Any:
        return self.kind(**{name: member.value(given) for name, member in self.members.items()})


_EVERYTHING = Nested(only=(), changed={})


def _group(name: str, kind: type[Any], wanted: Nested = _EVERYTHING) -> _Group:
    items, hints = option_fields(kind), get_type_hints(kind)
    members: dict[str, _Single | _Group] = {}
    for key in wanted.only or items:
        item = wanted.changed.get(key, items[key])
        assert isinstance(item, Field)  # noqa: S101 - for the type checker
        told = described(item)
        # Two dataclasses of one command may have fields of the same name.
        inner = f"{name}_{key}"
        if isinstance(told, Nested):
            members[key] = _group(inner, hints[key], told)
        else:
            members[key] = _single(inner, told, key, hints[key], item)
    return _Group(kind, members)


def _single(name: str, told: Described, key: str, hint: Any, item: Field[Any]) -> _Single:
    typed, default, convert = _as_typed(told, hint, None if item.default is MISSING else item.default)
    # A default that stands in the help in words is not said a second time.
    show_default = "[default: " not in told.help
    shown: Any
    if told.argument:
        shown = typer.Argument(metavar=told.metavar, help=told.help, show_default=show_default)
    else:
        flags = told.flag.split() or [f"--{key.replace('_', '-')}"]
        shown = typer.Option(*flags, metavar=told.metavar, help=told.help, show_default=show_default)
    kind = inspect.Parameter.KEYWORD_ONLY
    return _Single(inspect.Parameter(name, kind, default=default, annotation=Annotated[typed, shown]), convert)


def _as_typed(told: Described, hint: Any, default: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
    """The type on the command line, the default there, and how the field's value is made of what is typed."""
    if told.parse is not None:
        return str, default or "", told.parse
    if get_origin(hint) is tuple and told.many:
        return list[str] | None, None, lambda given: tuple(given or ())
    if get_origin(hint) is tuple:
        return str, ",".join(default), listed
    if hint is bool and "/" not in told.flag:
        return bool, False, lambda given: given != default
    return told.typed or hint, default, lambda given: given

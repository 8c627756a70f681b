"""Options dataclasses as parameters of a command: what is typed becomes the object that the command takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from thirtyfold.cli import COMMANDS
from thirtyfold.commands.parameters import with_parameters
from thirtyfold.model.compare_options import CompareOptions
from thirtyfold.model.options import TrainOptions
from thirtyfold.option import help_of, nested, option, option_fields


def _pairs(text: str) -> dict[str, str]:
    return dict(piece.split("=") for piece in text.split(",") if piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    folder: Path = option(Path("here"), help="A folder.")
    names: tuple[str, ...] = option((), flag="--name", many=True, help="Several, one after the other.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    epochs: int = option(8, help="Passes. [default: as many as it takes]")
    seed: int = option(0, help="A seed.")
    filled_in: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Where):
    labels: tuple[str, ...] = option(("face",), help="Labels, separated by commas.")
    cache: bool = option(True, flag="--no-cache", help="Keep nothing.")
    fast: bool = option(False, help="Do not wait.")
    polygons: bool | None = option(None, flag="--polygons/--boxes", help="Outlines, or boxes.")
    meanings: Mapping[str, str] = option({}, flag="--map -p", parse=_pairs, help="What is what.")
    inner: Inner = nested(Inner, only=("seed", "epochs"), changed={"epochs": option(12, help="Passes, in all.")})
    run: str | None = option(None, argument=True, metavar="[RUN]", help="A run.")


def command(*, options: Options, loud: Annotated[bool, typer.Option("--loud", help="Say more.")] = False) -> None:
    typer.echo(repr(options))


def output_of(*arguments: str) -> str:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(with_parameters(command))
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_nothing_typed_gives_the_defaults() -> None:
    assert output_of() == repr(Options(inner=Inner(epochs=12)))


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        (["--labels", " face, hand,,"], "labels", ("face", "hand")),
        (["--labels", ""], "labels", ()),
        (["--name", "a,b", "--name", "c"], "names", ("a,b", "c")),
        (["--no-cache"], "cache", False),
        (["--fast"], "fast", True),
        (["--boxes"], "polygons", False),
        (["--polygons"], "polygons", True),
        (["--map", "a=b"], "meanings", {"a": "b"}),
        (["-p", "a=b"], "meanings", {"a": "b"}),
        (["--folder", "there"], "folder", Path("there")),
        (["--epochs", "3", "--seed", "4"], "inner", Inner(epochs=3, seed=4)),
        (["detect/1"], "run", "detect/1"),
    ],
)
def test_what_is_typed_is_the_value_of_its_field(typed: list[str], name: str, value: object) -> None:
    assert output_of(*typed) == repr(replace(Options(inner=Inner(epochs=12)), **{name: value}))  # type: ignore[arg-type]


def test_the_help_says_own_options_first_and_a_default_in_words_once() -> None:
    shown = output_of("--help")
    places = [shown.index(flag) for flag in ("--labels", "--no-cache", "--seed", "--epochs", "--folder", "--loud")]
    assert places == sorted(places)
    assert "Passes, in all.  [default: 12]" in shown
    assert "filled" not in shown
    assert help_of(Options, "fast") == "Do not wait."


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_command_without_options_has_the_defaults_of_python(command: Callable[..., None]) -> None:
    given: dict[str, Any] = {}
    hints = get_type_hints(command)

    def instead(**options: Any) -> None:
        given.update(options)

    instead.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    instead.__annotations__ = get_type_hints(command, include_extras=True)
    called = with_parameters(instead)
    called(**{one.name: one.default for one in inspect.signature(called).parameters.values()})
    for name, kind in hints.items():
        if is_dataclass(kind) and kind is not CompareOptions:
            assert given[name] == kind()


def test_a_comparison_offers_options_of_a_training_by_its_names() -> None:
    told = option_fields(CompareOptions)["train"].metadata
    (shared,) = told.values()
    assert set(shared.only) < set(option_fields(TrainOptions))
    assert set(shared.changed) < set(shared.only)

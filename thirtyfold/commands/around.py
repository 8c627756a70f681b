"""The commands beside the road: doctor and demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thirtyfold.commands.shared import JsonOption


def doctor(json_: JsonOption = False) -> None:
    """Say what is missing and how to fix it. Looks at camera, screen, OpenCV, labelme, TensorFlow, weights, disk."""
    from thirtyfold import console
    from thirtyfold.doctor import examine, raise_if_broken

    checks = examine()
    if json_:
        console.print_json([check.to_dict() for check in checks])
    else:
        console.print_table("Doctor", ("what", "", "found"), [check.row() for check in checks])
        for check in checks:
            if check.mend:
                # Outside of the table, whose borders and line breaks nobody could copy a command from.
                typer.echo(f"{check.name}: {check.mend}")
    raise_if_broken(checks)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where the demo works.")] = Path("demo"),
    json_: JsonOption = False,
) -> None:
    """Take all steps by itself: no camera, screen or download. Works in a new folder."""
    from thirtyfold import console
    from thirtyfold.demo import run_demo

    result = run_demo(folder, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts("Demo", result.facts())

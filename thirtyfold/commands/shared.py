"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetArgument = Annotated[Path, typer.Argument(metavar="[DATASET]", help="The dataset's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
RunsOption = Annotated[Path, typer.Option("--runs", help="The folder that trained models lie in.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A run, `latest`, or for faces `haar` or `yunet`.")]

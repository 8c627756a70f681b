"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetArgument = Annotated[Path, typer.Argument(metavar="[DATASET]", help="The dataset's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
RunsOption = Annotated[Path, typer.Option("--runs", help="The folder that trained models lie in.")]
FormOption = Annotated[
    str, typer.Option("--form", help="Which of a run's forms: `float`, `int8`, or `auto`, what the training chose.")
]
HostOption = Annotated[str, typer.Option(help="web: listen here; `0.0.0.0` is the whole network.")]
PortOption = Annotated[int | None, typer.Option(help="web: at this port. [default: 8765, or a free one]")]
NamesOption = Annotated[list[str] | None, typer.Option("--name", help="web: another name of this machine.")]
CertificateOption = Annotated[Path | None, typer.Option(help="web: https with this PEM file.")]
CertificateKeyOption = Annotated[Path | None, typer.Option(help="web: and its key.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A run, `latest`, or for faces `haar` or `yunet`.")]

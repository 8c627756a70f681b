"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetArgument = Annotated[Path, typer.Argument(metavar="[DATASET]", help="The dataset's folder.")]
# For the commands that import a folder of photos for each class.
PhotosArgument = Annotated[
    Path,
    typer.Argument(metavar="[DATASET]", help="The dataset's folder, or a folder with one of photos for each class."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
RunsOption = Annotated[Path, typer.Option("--runs", help="The folder that trained models lie in.")]
AttributesOption = Annotated[
    Path | None,
    typer.Option("--attributes", help="CSV file: image,gender,age. [default: DATASET/attributes.csv, if it is there]"),
]
FromNameOption = Annotated[
    str,
    typer.Option("--attributes-from-name", help="What file names say, like {age}_{gender:0=male,1=female}_{_time}."),
]
NumbersOption = Annotated[
    str, typer.Option("--numbers", help="Attributes that are numbers, whatever they look like, separated by commas.")
]
ClassesOption = Annotated[
    str, typer.Option("--classes", help="Attributes that are classes, whatever they look like, separated by commas.")
]
FormOption = Annotated[
    str, typer.Option("--form", help="Which of a run's forms: `float`, `int8`, or `auto`, what the training chose.")
]
HostOption = Annotated[str, typer.Option(help="web: listen here; `0.0.0.0` is the whole network.")]
PortOption = Annotated[int | None, typer.Option(help="web: at this port. [default: 8765, or a free one]")]
NamesOption = Annotated[list[str] | None, typer.Option("--name", help="web: another name of this machine.")]
CertificateOption = Annotated[Path | None, typer.Option(help="web: https with this PEM file.")]
CertificateKeyOption = Annotated[Path | None, typer.Option(help="web: and its key.")]
ThenOption = Annotated[
    str | None,
    typer.Option(help="A second model that looks at each found object: a run, a dataset's name, or `people`."),
]
ColorsOption = Annotated[
    str, typer.Option(help="Colours of labels, like with_mask=green,no_mask=#ce222b. [default: by their names]")
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A run, `latest`, or for faces `haar` or `yunet`.")]
OpacityOption = Annotated[float, typer.Option("--opacity", help="How much filled outlines cover, 0 to 1.")]

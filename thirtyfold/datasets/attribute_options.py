"""What a person can say about where the attributes of photos stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.errors import UsageError
from thirtyfold.option import option

# Read without being asked for, where it lies in a dataset's folder.
FILE_NAME = "attributes.csv"
# `train` and `evaluate` have these among their own options.
TABLE_HELP = "CSV file: image,gender,age. [default: DATASET/attributes.csv, if it is there]"
FROM_NAME_HELP = "What file names say, like {age}_{gender:0=male,1=female}_{_time}."
NUMBERS_HELP = "Attributes that are numbers, whatever they look like, separated by commas."
CLASSES_HELP = "Attributes that are classes, whatever they look like, separated by commas."


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeOptions:
    """``numbers`` and ``classes`` name heads that are to be read as such."""

    table: Path | None = option(None, flag="--attributes", help=TABLE_HELP)
    from_name: str = option("", flag="--attributes-from-name", help=FROM_NAME_HELP)
    numbers: tuple[str, ...] = option((), help=NUMBERS_HELP)
    classes: tuple[str, ...] = option((), help=CLASSES_HELP)

    def __post_init__(self) -> None:
        if both := sorted(set(self.numbers) & set(self.classes)):
            raise UsageError(f"--numbers {both[0]} --classes {both[0]}: it is one of them; leave the other out")

"""What a person can say about where the attributes of photos stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.errors import UsageError

# Read without being asked for, where it lies in a dataset's folder.
FILE_NAME = "attributes.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeOptions:
    """``table`` is a CSV file (``None``: ``DATASET/attributes.csv``, if it is there).

    ``from_name`` is a pattern of the file names, like ``{age}_{gender:0=male,1=female}_{_time}``. ``numbers`` and
    ``classes`` name heads that are to be read as such, whatever their values look like.
    """

    table: Path | None = None
    from_name: str = ""
    numbers: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if both := sorted(set(self.numbers) & set(self.classes)):
            raise UsageError(f"--numbers {both[0]} --classes {both[0]}: it is one of them; leave the other out")

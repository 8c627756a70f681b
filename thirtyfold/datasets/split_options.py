"""What a person can choose of the split."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.errors import UsageError
from thirtyfold.option import nested, option


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """Shares are 0 to 1 of the photos. ``attributes`` says where those of the photos stand: every part gets its share
    of each.
    """

    val: float = option(0.15, help="Share of the photos for validation.")
    test: float = option(0.15, help="Share of the photos for the test.")
    test_sessions: tuple[str, ...] = option((), help="Sessions that are the test part, separated by commas.")
    group_by: str | None = option(None, help="Regular expression: what it finds in a file name is the session.")
    seed: int = option(0, help="Seed of the choice.")
    new_test: bool = option(False, help="Choose the test part anew, though the dataset came with one.")
    attributes: AttributeOptions = nested(AttributeOptions)

    def __post_init__(self) -> None:
        for name, share in (("--val", self.val), ("--test", self.test)):
            if not 0 <= share < 1:
                raise UsageError(f"{name} {share}: a share between 0 and 1 was expected, like 0.15")
        if self.val + self.test >= 1:
            raise UsageError(f"--val {self.val} --test {self.test}: nothing would be left to train on")

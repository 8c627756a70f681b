"""What a person can choose of the split."""

from __future__ import annotations

from dataclasses import dataclass, field

from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """Shares of the photos for validation and test; sessions named go to the test part whole.

    ``new_test`` chooses a test part even where one came with the dataset. ``attributes`` says where those of the
    photos stand; every part gets its share of them.
    """

    val: float = 0.15
    test: float = 0.15
    test_sessions: tuple[str, ...] = ()
    group_by: str | None = None
    seed: int = 0
    new_test: bool = False
    attributes: AttributeOptions = field(default_factory=AttributeOptions)

    def __post_init__(self) -> None:
        for name, share in (("--val", self.val), ("--test", self.test)):
            if not 0 <= share < 1:
                raise UsageError(f"{name} {share}: a share between 0 and 1 was expected, like 0.15")
        if self.val + self.test >= 1:
            raise UsageError(f"--val {self.val} --test {self.test}: nothing would be left to train on")

"""What a person can choose of the split."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """Shares of the photos for validation and test; sessions named go to the test part whole."""

    val: float = 0.15
    test: float = 0.15
    test_sessions: tuple[str, ...] = ()
    group_by: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in (("--val", self.val), ("--test", self.test)):
            if not 0 <= share < 1:
                raise UsageError(f"{name} {share}: a share between 0 and 1 was expected, like 0.15")
        if self.val + self.test >= 1:
            raise UsageError(f"--val {self.val} --test {self.test}: nothing would be left to train on")

"""What a person can choose of a comparison."""

from __future__ import annotations

from dataclasses import dataclass, field

from thirtyfold.errors import UsageError
from thirtyfold.model.options import BACKBONES, SCRATCH, TrainOptions

COMPARABLE = (SCRATCH, *(name for name in BACKBONES if name != "tiny"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """``backbones`` by name, ``seeds`` trainings of each. ``train`` is what all of them have in common."""

    backbones: tuple[str, ...] = COMPARABLE
    seeds: int = 3
    train: TrainOptions = field(default_factory=TrainOptions)

    def __post_init__(self) -> None:
        if not self.backbones:
            raise UsageError("--backbones: at least one was expected, like scratch,vgg16")
        for name in self.backbones:
            if name not in (*COMPARABLE, *BACKBONES):
                raise UsageError(f"--backbones {name}: one of {', '.join(COMPARABLE)} was expected")
        if len(set(self.backbones)) < len(self.backbones):
            raise UsageError("--backbones: each was expected once")
        if self.seeds < 1:
            raise UsageError(f"--seeds {self.seeds}: at least one was expected")
        if self.train.resume is not None:
            raise UsageError("--resume: a comparison goes on by itself; run the same command again")

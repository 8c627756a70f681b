"""What a person can choose of a comparison."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from thirtyfold.errors import UsageError
from thirtyfold.model.options import BACKBONES, FROM_NOTHING, SCRATCH, WITH_PLACES, TrainOptions

COMPARABLE = (SCRATCH, *(name for name in BACKBONES if name != "tiny"))


def comparable(task: str) -> tuple[str, ...]:
    """What is compared where nobody says what: from nothing, and with ImageNet's weights."""
    return COMPARABLE if task in WITH_PLACES else (SCRATCH, *FROM_NOTHING, *COMPARABLE[1:])


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
            try:
                replace(self.train, backbone=name)
            except UsageError as error:
                raise UsageError(str(error).replace("--backbone ", "--backbones ", 1)) from error
        if len(set(self.backbones)) < len(self.backbones):
            raise UsageError("--backbones: each was expected once")
        if self.seeds < 1:
            raise UsageError(f"--seeds {self.seeds}: at least one was expected")
        if self.train.resume is not None:
            raise UsageError("--resume: a comparison goes on by itself; run the same command again")

"""What a person can choose of a comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace

from thirtyfold.errors import UsageError
from thirtyfold.model.options import ALL_EPOCHS, BACKBONES, FROM_NOTHING, SCRATCH, WITH_PLACES, TrainOptions
from thirtyfold.option import nested, option

# Options of a training that a comparison has; the others stay as they are by default.
_SHARED = (
    "task",
    "heads",
    "weights",
    "alpha",
    "epochs",
    "batch",
    "size",
    "patience",
    "boxes",
    "labels",
    "one_label",
    "unlabelled",
    "fine_tune",
    "class_weights",
    "label_smoothing",
    "prepare",
    "attributes",
    "attributes_from_name",
    "number_heads",
    "class_heads",
    "seed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """``train`` is what all trainings have in common. Without ``backbones`` all are compared that suit the task."""

    backbones: tuple[str, ...] = option(
        (), help="What to compare, separated by commas. [default: scratch and all with weights]"
    )
    seeds: int = option(3, help="Trainings of each.")
    train: TrainOptions = nested(
        TrainOptions,
        only=_SHARED,
        changed={
            "weights": option("imagenet", help="`imagenet`, or `none` for all of them."),
            # All of them the same, though some have frozen backbones and some have not.
            "epochs": option(ALL_EPOCHS, help="Passes over the copies, at most."),
            "seed": option(0, help="The first of the seeds."),
        },
    )

    def __post_init__(self) -> None:
        if not self.backbones:
            object.__setattr__(self, "backbones", _suiting(self.train.task))
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


def _suiting(task: str) -> tuple[str, ...]:
    """Networks that start from nothing, and those that come with ImageNet's weights."""
    from_nothing = (SCRATCH,) if task in WITH_PLACES else (SCRATCH, *FROM_NOTHING)
    return (*from_nothing, *(name for name in BACKBONES if name != "tiny"))

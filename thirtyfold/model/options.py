"""What a person can choose of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from thirtyfold.errors import UsageError

TASKS = ("detect",)
HEADS = ("dense", "global")
BACKBONES = ("vgg16", "mobilenetv2", "tiny")
UNLABELLED = ("refuse", "skip", "negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """``size`` is the side of the model's input in pixels, ``alpha`` MobileNetV2's width.

    ``weights`` is ``imagenet``, ``none`` or a file. ``heads`` is ``dense`` (class and box at
    every cell of a finer map) or ``global`` (one vector a photo, the design of the seed
    notebook). ``boxes`` is ``one``, ``many``, or ``auto``: as the training labels have it.
    ``rate`` is the highest learning rate, ``None`` for what suits the heads. ``patience`` is the
    number of epochs without a better validation score after which training stops.
    ``unlabelled`` says what photos without a label file are: an error, left out, or negatives.
    """

    task: str = "detect"
    backbone: str = "vgg16"
    heads: str = "dense"
    weights: str = "imagenet"
    alpha: float = 1.0
    epochs: int = 12
    batch: int = 32
    rate: float | None = None
    size: int = 224
    patience: int = 6
    seed: int = 0
    resume: str | None = None
    boxes: Literal["auto", "one", "many"] = "auto"
    unlabelled: str = "refuse"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _one_of("--task", self.task, TASKS)
        _one_of("--heads", self.heads, HEADS)
        _one_of("--backbone", self.backbone, BACKBONES)
        _one_of("--unlabelled", self.unlabelled, UNLABELLED)
        _one_of("--boxes", self.boxes, ("auto", "one", "many"))
        if self.epochs < 1:
            raise UsageError(f"--epochs {self.epochs}: at least one epoch was expected")
        if self.batch < 1:
            raise UsageError(f"--batch {self.batch}: at least one photo a batch was expected")
        if self.rate is not None and not 0 < self.rate <= 1:
            raise UsageError(f"--rate {self.rate}: a learning rate above 0 and up to 1 was expected, like 0.001")
        if self.patience < 1:
            raise UsageError(f"--patience {self.patience}: at least one epoch was expected")
        if not 32 <= self.size <= 1024 or self.size % 32:
            raise UsageError(f"--size {self.size}: a multiple of 32 between 32 and 1024 was expected, like 224")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: 0 or more was expected")

    @property
    def frozen_backbone(self) -> bool:
        """Whether the backbone stays as it was loaded: dense heads on given weights."""
        return self.heads == "dense" and self.weights != "none"


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{option} {value}: one of {', '.join(allowed)} was expected")

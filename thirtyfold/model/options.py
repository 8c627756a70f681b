"""What a person can choose of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from thirtyfold.errors import UsageError

TASKS = ("detect",)
HEADS = ("dense", "global")
BACKBONES = ("vgg16", "resnet50", "inceptionv3", "mobilenetv2", "tiny")
# The small network without weights, under the name that people look for.
SCRATCH = "scratch"
DEVICES = ("one", "all")
PRECISIONS = ("auto", "float32", "mixed")
UNLABELLED = ("refuse", "skip", "negative")
CLASS_LOSSES = ("auto", "focal", "bce")
BOX_LOSSES = ("localization", "giou", "ciou")
FINE_TUNE = ("auto", "never", "always", "all")
# Passes over the copies where nobody said how many: heads on a frozen backbone know enough after eight.
HEADS_EPOCHS, ALL_EPOCHS = 8, 12
AS_SUITS = -1
STRIDES = ("auto", "4", "8", "16")
AUGMENT = ("copies", "online")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """``size`` is the side of the model's input in pixels, ``alpha`` MobileNetV2's width.

    ``weights`` is ``imagenet``, ``none`` or a file. ``heads`` is ``dense`` (class and box at
    every cell of a finer map) or ``global`` (one vector a photo, the design of the seed
    notebook). ``boxes`` is ``one``, ``many``, or ``auto``: as the training labels have it.
    ``epochs`` are 8 for heads on a frozen backbone and 12 for more, where they are not given.
    ``rate`` is the highest learning rate, ``None`` for what suits the heads. ``patience`` is the
    number of epochs without a better validation score after which training stops.
    ``unlabelled`` says what photos without a label file are: an error, left out, or negatives.
    ``one_label`` is a label that all objects get, whatever theirs are. ``class_loss`` is ``focal``, ``bce``, or
    ``auto``, as suits the heads; ``box_loss`` ``localization``, ``giou`` or ``ciou`` (see ``losses.py``).
    ``stride`` is how many pixels of the input a cell of the dense heads' map is wide, ``auto``: as the small objects
    need it. ``fine_tune`` says whether the backbone's top block is trained after the heads (``all``: the
    whole backbone), ``auto``: where that is cheap. ``cache`` keeps squares and features for later trainings.
    ``share`` is the part of the train sessions that is learned from (see ``subset.py``). ``devices`` is ``one`` or
    ``all`` GPUs, ``precision`` ``float32``, ``mixed`` or ``auto`` (see ``devices.py``). ``augment`` is ``copies``:
    those that ``thirtyfold augment`` has written, or ``online``: ``factor`` a photo, made by ``recipe``, other ones in
    every epoch (see ``online.py``).
    """

    task: str = "detect"
    backbone: str = "vgg16"
    heads: str = "dense"
    weights: str = "imagenet"
    alpha: float = 1.0
    epochs: int = AS_SUITS
    batch: int = 32
    rate: float | None = None
    size: int = 224
    patience: int = 6
    seed: int = 0
    resume: str | None = None
    boxes: Literal["auto", "one", "many"] = "auto"
    unlabelled: str = "refuse"
    labels: tuple[str, ...] = ()
    one_label: str = ""
    class_loss: str = "auto"
    box_loss: str = "localization"
    stride: str = "auto"
    fine_tune: str = "auto"
    cache: bool = True
    share: float = 1.0
    devices: str = "one"
    precision: str = "auto"
    augment: str = "copies"
    recipe: str = "webcam"
    factor: int = 30

    def __post_init__(self) -> None:
        if self.backbone == SCRATCH:
            object.__setattr__(self, "backbone", "tiny")
            object.__setattr__(self, "weights", "none" if self.weights == "imagenet" else self.weights)
        _one_of("--task", self.task, TASKS)
        _one_of("--heads", self.heads, HEADS)
        _one_of("--backbone", self.backbone, BACKBONES)
        _one_of("--unlabelled", self.unlabelled, UNLABELLED)
        _one_of("--boxes", self.boxes, ("auto", "one", "many"))
        _one_of("--class-loss", self.class_loss, CLASS_LOSSES)
        _one_of("--box-loss", self.box_loss, BOX_LOSSES)
        _one_of("--stride", self.stride, STRIDES)
        _one_of("--fine-tune", self.fine_tune, FINE_TUNE)
        if self.one_label and self.labels:
            raise UsageError(f"--one-label {self.one_label}: calls every object so; leave out --labels")
        # A training that is gone on with has its number already.
        if self.epochs == AS_SUITS and not self.resume:
            object.__setattr__(self, "epochs", HEADS_EPOCHS if self.frozen_backbone else ALL_EPOCHS)
        if self.epochs < 1 and self.epochs != AS_SUITS:
            raise UsageError(f"--epochs {self.epochs}: at least one epoch was expected")
        if self.batch < 1:
            raise UsageError(f"--batch {self.batch}: at least one photo a batch was expected")
        if self.rate is not None and not 0 < self.rate <= 1:
            raise UsageError(f"--rate {self.rate}: a learning rate above 0 and up to 1 was expected, like 0.001")
        if self.patience < 1:
            raise UsageError(f"--patience {self.patience}: at least one epoch was expected")
        if not 32 <= self.size <= 1024 or self.size % 32:
            raise UsageError(f"--size {self.size}: a multiple of 32 between 32 and 1024 was expected, like 224")
        _one_of("--devices", self.devices, DEVICES)
        _one_of("--precision", self.precision, PRECISIONS)
        _one_of("--augment", self.augment, AUGMENT)
        if not 1 <= self.factor <= 10_000:
            raise UsageError(f"--factor {self.factor}: 1 to 10000 copies a photo were expected")
        if self.augment != "online" and (self.recipe, self.factor) != ("webcam", 30):
            raise UsageError(
                "--recipe and --factor: for --augment online only; copies are as `thirtyfold augment` made them"
            )
        if not 0 < self.share <= 1:
            raise UsageError(f"--share {self.share}: more than 0 and up to 1 was expected, like 0.5")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: 0 or more was expected")

    @property
    def frozen_backbone(self) -> bool:
        """Whether the backbone stays as it was loaded: dense heads on given weights."""
        return self.heads == "dense" and self.weights != "none"

    @property
    def on_stored_features(self) -> bool:
        """Whether a frozen backbone looks at every picture once, and not in every epoch at new ones."""
        return self.frozen_backbone and self.augment != "online"


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{option} {value}: one of {', '.join(allowed)} was expected")

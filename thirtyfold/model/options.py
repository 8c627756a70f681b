"""What a person can choose of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thirtyfold.datasets.attribute_options import (
    CLASSES_HELP,
    FROM_NAME_HELP,
    NUMBERS_HELP,
    TABLE_HELP,
    AttributeOptions,
)
from thirtyfold.errors import UsageError
from thirtyfold.model.applications import APPLICATIONS, near
from thirtyfold.option import option
from thirtyfold.predict.prepare import STEPS

# The heads of each task, its own choice first.
HEADS = {
    "detect": ("dense", "global"),
    "classify": ("pooled", "dense128"),
    "attributes": ("pooled", "dense128"),
    "segment": ("unet",),
    "recognize": ("arcface",),
}
TASKS = tuple(HEADS)
_HEADS_HELP = "; ".join(f"{task}: {', '.join(names)}" for task, names in HEADS.items())
# Tasks for which a photo with nothing in it teaches something.
WITH_NEGATIVES = ("detect", "segment")
# Tasks that look at places, and so need a backbone's maps; the others look at the whole photo.
WITH_PLACES = ("detect", "segment")
# Tasks that choose one of several classes for a photo.
WITH_CLASSES = ("classify",)
# Tasks for which photos may be prepared.
WITH_PREPARED = ("classify", "attributes")
BACKBONES = ("vgg16", "resnet50", "inceptionv3", "mobilenetv2", "tiny")
# Those that give one vector a photo, and no maps that could be looked at: our own, and what Keras has besides.
POOLED_BACKBONES = ("cnn", *APPLICATIONS)
# They have no weights but their own.
FROM_NOTHING = ("cnn",)
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
# Of stored vectors an epoch costs next to nothing: it has so many steps at least, the photos several times over.
VECTOR_STEPS = 50
BOXES = ("auto", "one", "many")
STRIDES = ("auto", "4", "8", "16")
AUGMENT = ("copies", "online")
CLASS_WEIGHTS = ("none", "auto")
# `--faces` of --task recognize where the photos are faces cut out already.
WHOLE_PHOTOS = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """``stride`` is in pixels of the model's input. ``share`` is the part of the train sessions that is learned from,
    above 0 and up to 1 (see ``subset.py``). :data:`HEADS` has the heads of each task; ``losses.py``, ``devices.py``,
    ``online.py`` and ``predict/prepare.py`` say more of the options that they are about.

    ``class_weights`` are what a segmenter's background and classes weigh in the cross-entropy, ``auto`` by how rare
    their pixels are; a classifier's by how rare their photos are. ``attributes`` to ``class_heads`` say where the
    attributes of the photos stand (see :class:`AttributeOptions`). ``number_scales`` are (head, mean, spread) of the
    train photos' numbers; the training fills them in.
    """

    task: str = option("detect", help=f"What to learn: {', '.join(TASKS)}.")
    backbone: str = option(
        "vgg16",
        help=f"{', '.join(BACKBONES)}; `scratch` is tiny without weights, in a minute. For whole photos also `cnn` "
        "and any other of keras.applications, like efficientnetb0.",
    )
    heads: str = option("auto", help=f"What stands on the backbone; {_HEADS_HELP}. [default: the first]")
    weights: str = option("imagenet", help="`imagenet`, `none`, or a weights file.")
    alpha: float = option(1.0, help="Width of MobileNetV2.")
    epochs: int = option(AS_SUITS, help="Passes over the copies, at most. [default: 8; 12 where more than heads learn]")
    batch: int = option(32, help="Photos a step.")
    rate: float | None = option(None, help="Highest learning rate. [default: suits the heads]")
    patience: int = option(6, help="Stop after so many epochs without a better validation score.")
    size: int = option(224, help="Side of the model's input, in pixels.")
    boxes: str = option("auto", help="`one` or `many` a photo; `auto` is as the labels have it.")
    labels: tuple[str, ...] = option((), help="The labels to learn, separated by commas. [default: all]")
    one_label: str = option(
        "", parse=str.strip, help="Call every object so, whatever its label. [default: labels as they are]"
    )
    class_loss: str = option("auto", help="`focal`, `bce` (plain), or `auto`, as suits the heads.")
    box_loss: str = option("localization", help="`localization`, `giou`, or `ciou`.")
    stride: str = option("auto", help="Pixels of the input a cell of the heads' map is wide: 4, 8, 16, or `auto`.")
    fine_tune: str = option(
        "auto", help="Train the backbone's top block after the heads: `auto`, `never`, `always`, or `all`."
    )
    class_weights: str = option("none", help="How much rare classes count: `none`, `auto`, or numbers like 1,5.")
    label_smoothing: float = option(0.0, help="Spread so much of a photo's truth over all classes, like 0.1.")
    prepare: tuple[str, ...] = option(
        (), help=f"Done to each whole photo before: {', '.join(STEPS)}, separated by commas."
    )
    cache: bool = option(True, flag="--no-cache", help="Keep no features for later trainings.")
    augment: str = option(
        "copies", help="`copies`, as `augment` wrote them, or `online`: other ones every epoch, kept nowhere."
    )
    recipe: str = option("webcam", help="What is done online: a name (`augment --list-recipes`) or a YAML file.")
    factor: int = option(30, help="Online copies a photo in every epoch.")
    unlabelled: str = option("refuse", help="Photos without labels: `refuse`, `skip`, or `negative`.")
    seed: int = option(0, help="Seed of the weights and the order.")
    share: float = option(1.0, help="Learn from this part of the sessions only.")
    devices: str = option("one", help="`one` GPU, or `all` of them; several machines by TF_CONFIG.")
    precision: str = option("auto", help="`float32`, `mixed`, or `auto`: mixed on a GPU that gains by it.")
    faces: str = option(
        "yunet",
        help="recognize: who finds the face, `yunet`, `haar` or a run; `whole`: they are faces already.",
    )
    attributes: str = option("", metavar="<path>", help=TABLE_HELP)
    attributes_from_name: str = option("", help=FROM_NAME_HELP)
    number_heads: tuple[str, ...] = option((), flag="--numbers", help=NUMBERS_HELP)
    class_heads: tuple[str, ...] = option((), flag="--classes", help=CLASSES_HELP)
    resume: str | None = option(None, help="Go on with this run folder.")
    number_scales: tuple[tuple[str, float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.backbone in (SCRATCH, *FROM_NOTHING):
            object.__setattr__(self, "backbone", "tiny" if self.backbone == SCRATCH else self.backbone)
            object.__setattr__(self, "weights", "none" if self.weights == "imagenet" else self.weights)
        _one_of("--task", self.task, TASKS)
        if self.heads == "auto":
            object.__setattr__(self, "heads", HEADS[self.task][0])
        _one_of(f"--task {self.task} --heads", self.heads, HEADS[self.task])
        self._check_backbone()
        _one_of("--unlabelled", self.unlabelled, UNLABELLED)
        _one_of("--boxes", self.boxes, BOXES)
        _one_of("--class-loss", self.class_loss, CLASS_LOSSES)
        _one_of("--box-loss", self.box_loss, BOX_LOSSES)
        _one_of("--stride", self.stride, STRIDES)
        _one_of("--fine-tune", self.fine_tune, FINE_TUNE)
        self._check_labels()
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
        self._check_classes()
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: 0 or more was expected")

    def _check_labels(self) -> None:
        if self.unlabelled == "negative" and self.task not in WITH_NEGATIVES:
            raise UsageError(f"--unlabelled negative: says nothing to --task {self.task}; take skip")
        if self.one_label and self.labels:
            raise UsageError(f"--one-label {self.one_label}: calls every object so; leave out --labels")

    def _check_classes(self) -> None:
        if self.class_weights not in CLASS_WEIGHTS:
            _check_numbers("--class-weights", self.class_weights)
        if self.class_weights != "none" and self.task not in ("segment", *WITH_CLASSES):
            raise UsageError(f"--class-weights: only for --task segment and {', '.join(WITH_CLASSES)}")
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"--label-smoothing {self.label_smoothing}: 0 up to, and not, 1 was expected, like 0.1")
        if self.label_smoothing and self.task not in WITH_CLASSES:
            raise UsageError(f"--label-smoothing: only for --task {', '.join(WITH_CLASSES)}")
        for step in self.prepare:
            _one_of("--prepare", step, STEPS)
        if len(set(self.prepare)) < len(self.prepare):
            raise UsageError(f"--prepare {','.join(self.prepare)}: each was expected once")
        its = (self.attributes, self.attributes_from_name, self.number_heads, self.class_heads)
        if any(its) and self.task != "attributes":
            raise UsageError(
                f"--attributes, --attributes-from-name, --numbers, --classes: not for --task {self.task}; take "
                "--task attributes"
            )
        if self.prepare and self.task not in WITH_PREPARED:
            raise UsageError(f"--prepare: not for --task {self.task}; photos are fed to it as they are")

    def _check_backbone(self) -> None:
        known = BACKBONES if self.task in WITH_PLACES else (*BACKBONES, *POOLED_BACKBONES)
        if self.backbone not in known:
            if self.backbone in POOLED_BACKBONES:
                raise UsageError(
                    f"--backbone {self.backbone}: gives one vector a photo, and --task {self.task} looks at places; "
                    f"one of {', '.join(BACKBONES)} was expected"
                )
            if self.backbone.startswith("convnext"):
                raise UsageError(
                    f"--backbone {self.backbone}: has layers of its own that our model files cannot hold; take "
                    "efficientnetv2b0, say"
                )
            raise UsageError(f"--backbone {self.backbone}: is not known; {near(self.backbone, known)} was expected")
        if self.backbone in FROM_NOTHING and self.weights != "none":
            raise UsageError(f"--backbone {self.backbone}: starts from nothing; leave out --weights {self.weights}")
        least = APPLICATIONS[self.backbone].least if self.backbone in APPLICATIONS else 32
        if not 0.1 <= self.alpha <= 2:
            raise UsageError(f"--alpha {self.alpha}: a width between 0.1 and 2 was expected, like 0.5")
        if self.size < least:
            raise UsageError(f"--size {self.size}: {self.backbone} takes pictures of {least} pixels a side, and more")

    @property
    def attribute_options(self) -> AttributeOptions:
        """Where the attributes of the photos stand."""
        return AttributeOptions(
            table=Path(self.attributes) if self.attributes else None,
            from_name=self.attributes_from_name,
            numbers=self.number_heads,
            classes=self.class_heads,
        )

    @property
    def frozen_backbone(self) -> bool:
        """Whether the backbone stays as it was loaded, given weights: heads that pool places away want all of it."""
        return self.heads != "global" and self.weights != "none"

    @property
    def on_stored_features(self) -> bool:
        """Whether a frozen backbone looks at every picture once, and not in every epoch at new ones."""
        return self.frozen_backbone and self.augment != "online"


def _check_numbers(option: str, text: str) -> None:
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 <= number <= 1000 for number in numbers):
        raise UsageError(f"{option} {text}: auto, none or numbers like 1,5 were expected")


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{option} {value}: one of {', '.join(allowed)} was expected")

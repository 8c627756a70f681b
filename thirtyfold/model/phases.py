"""The phases of a training: the heads on what a frozen backbone says, then its top block as well.

Without a frozen backbone there is one phase, in which everything learns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from thirtyfold.errors import TrainingError
from thirtyfold.model.backbones import backbone_of
from thirtyfold.model.devices import Devices
from thirtyfold.model.epochs import fit_epochs
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.inputs import Batches, Encoded, Part
from thirtyfold.model.online import OnlineBatches
from thirtyfold.model.options import VECTOR_STEPS, TrainOptions
from thirtyfold.model.state import TrainingState, load_epoch, restore_seeds
from thirtyfold.model.tasks import describe
from thirtyfold.model.validation import Score
from thirtyfold.model.watch import TensorBoardLog, Watch
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData
    from thirtyfold.model.tasks import Network, Task

WEIGHT_DECAY = 0.02
_HEADS_RATE = 2e-3
# Both phases end by falling to a hundredth of their rate.
_LAST_RATE = 0.01
_TUNING_RATE = 2e-4
_TUNING_EPOCHS = 4
_TUNING_PATIENCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What all phases of a training have in common. ``state`` is changed by them, and saved after each epoch."""

    task: Task
    options: TrainOptions
    data: TrainingData
    run_dir: Path
    devices: Devices
    state: TrainingState
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is learned from and what is validated on, as arrays: squares, or the features of a frozen backbone."""

    train: Part
    val: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """``learner`` takes the arrays numbered ``takes``, features or squares, to the outputs.

    Its epochs are those after ``first_epoch``, up to ``last_epoch``. ``rate`` gives the learning rates for a number of
    steps an epoch. ``best_name`` is the file of the best weights. ``restore`` gives the backbone back the weights that
    it had before the phase.
    """

    number: int
    label: str
    learner: Any
    takes: tuple[int, ...]
    on_features: bool
    first_epoch: int
    last_epoch: int
    patience: int
    rate: Callable[[int], Any]
    best_name: str
    restore: Callable[[], None] = lambda: None


def first_phase(network: Network, options: TrainOptions) -> Phase:
    """The heads on a frozen backbone, else everything."""
    frozen = options.on_stored_features
    whole = network.model
    if options.frozen_backbone and not frozen:
        # Another model of the same layers: the next phase compiles the network itself, for more of them to learn.
        whole = keras.Model(whole.input, whole.output)
    return Phase(
        number=1,
        label="epoch",
        learner=network.learner if frozen else whole,
        takes=network.first_takes if frozen else (0,),
        on_features=frozen,
        first_epoch=0,
        last_epoch=options.epochs,
        patience=options.patience,
        rate=lambda steps: _first_rate(options, steps),
        best_name="best.npz",
    )


def fine_tuning(network: Network, options: TrainOptions, state: TrainingState, *, validated: bool) -> Phase | None:
    """The phase in which the backbone learns with the heads: its top block, or ``all`` of it; ``None`` if it is not to.

    ``auto`` leaves it out without validation photos, which alone can say whether it helped, and where the block
    costs more than the heads do: there every epoch would take many times as long. Batch normalization keeps what
    it knows (see ``train``).
    """
    wanted = options.fine_tune
    if not options.frozen_backbone or wanted == "never":
        return None
    everything = wanted == "all"
    if not everything:
        if network.tuner is None:
            return None
        if wanted == "auto" and not (validated and _cost(network.top_layers) <= _cost(network.heads.layers)):
            return None
    layers = network.backbone.layers if everything else network.top_layers
    before = [layer.get_weights() for layer in layers]
    network.backbone.trainable = True
    chosen = {id(layer) for layer in layers if not isinstance(layer, keras.layers.BatchNormalization)}
    for layer in network.backbone.layers:
        layer.trainable = id(layer) in chosen

    on_squares = everything or not options.on_stored_features

    def restore() -> None:
        for layer, weights in zip(layers, before, strict=True):
            layer.set_weights(weights)

    return Phase(
        number=2,
        label="fine-tuning",
        learner=network.model if on_squares else network.tuner,
        takes=(0,) if on_squares else network.tuner_takes,
        on_features=not on_squares,
        first_epoch=state.first_phase_epochs,
        last_epoch=state.first_phase_epochs + _TUNING_EPOCHS,
        # Unasked, one epoch in vain is enough: of a short training it is a tenth of the time already.
        patience=1 if wanted == "auto" else _TUNING_PATIENCE,
        rate=lambda steps: _cosine(_TUNING_RATE, steps * _TUNING_EPOCHS),
        best_name="best-tuned.npz",
        restore=restore,
    )


def learn(phase: Phase, training: Training, parts: Parts) -> None:
    """Go through the epochs of a phase, from where the state is. What is best lies in the run folder then.

    Raises :class:`TrainingError`.
    """
    import tensorflow as tf

    task, options, data = training.task, training.options, training.data
    run_dir, devices, state = training.run_dir, training.devices, training.state
    learner = phase.learner
    steps = len(make_batches(phase, training, parts.train, first_epoch=state.epoch))
    trained = devices.twin(learner) if devices.needs_twin else learner
    with devices.scope():
        _compile(trained, task, options, data, phase.rate(steps))
    if state.epoch > phase.first_epoch:
        if devices.is_chief:
            load_epoch(run_dir, state, trained)
        devices.share(trained)
    restore_seeds(state, trained)
    val_arrays = [parts.val.arrays[index] for index in phase.takes]
    exam, described = load_exam(options.task), describe(task, options, data)

    def validate() -> Score:
        if trained is not learner:
            learner.set_weights(trained.get_weights())
        score = Score(value=0.0, row={}, text="validated by the first machine")
        if devices.is_chief:
            score = exam.validate(learner, val_arrays, parts.val.samples, described, batch=options.batch)
        # Every machine has to stop after the same epoch; a score of its own could differ in the last digits.
        return replace(score, value=float(devices.from_chief([score.value])[0]))

    watch = Watch(
        run_dir,
        state,
        phase,
        steps=steps,
        validate=validate if parts.val.samples else None,
        progress=training.progress,
    )
    if watch.is_over:
        return
    try:
        fit_epochs(
            devices,
            trained,
            *task.losses(options, data.classes),
            lambda epoch: make_batches(phase, training, parts.train, first_epoch=epoch),
            epochs=phase.last_epoch,
            first_epoch=state.epoch,
            callbacks=[watch, TensorBoardLog(run_dir / "tensorboard", state)],
        )
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrainingError(
            f"{run_dir}: --batch {options.batch} at --size {options.size} needs more memory than there is; "
            f"try --batch {max(1, options.batch // 2)}"
        ) from error
    finally:
        watch.close()


def make_batches(phase: Phase, training: Training, part: Part, *, first_epoch: int) -> Batches | OnlineBatches:
    """The batches of a phase, from the epoch after ``first_epoch`` epochs on."""
    options, data = training.options, training.data

    def encode(sample: Sample) -> Encoded:
        return training.task.encode_sample(sample, options, data.classes)

    if data.maker is not None:
        return OnlineBatches(
            part.samples,
            data.maker,
            encode,
            size=options.size,
            batch=options.batch,
            seed=options.seed,
            first_epoch=first_epoch,
            prepare=options.prepare,
        )
    arrays = [part.arrays[index] for index in phase.takes]
    vectors = phase.on_features and all(array.ndim == 2 for array in arrays)
    return Batches(
        arrays,
        part.samples,
        encode,
        batch=options.batch,
        seed=options.seed,
        first_epoch=first_epoch,
        passes=max(1, VECTOR_STEPS * options.batch // max(len(part.samples), 1)) if vectors else 1,
    )


def _compile(learner: Any, task: Task, options: TrainOptions, data: TrainingData, rate: Any) -> None:
    losses, weights = task.losses(options, data.classes)
    learner.compile(
        optimizer=keras.optimizers.AdamW(rate, clipnorm=10.0, weight_decay=WEIGHT_DECAY),
        loss=losses,
        loss_weights=weights,
    )
    # Keras loads the optimizer's state only into one whose variables are there.
    learner.optimizer.build(learner.trainable_variables)


def _first_rate(options: TrainOptions, steps: int) -> Any:
    """The learning rate over the steps: as in the seed notebook for global heads, else one cosine."""
    if options.heads == "global":
        # A quarter is gone after the first epoch: (1 / 0.75 - 1) an epoch, the notebook's decay.
        return keras.optimizers.schedules.InverseTimeDecay(options.rate or 1e-4, steps, 1 / 0.75 - 1)
    usual = _HEADS_RATE if options.frozen_backbone else backbone_of(options.backbone).rate
    return _cosine(options.rate or usual, steps * options.epochs)


def _cosine(rate: float, total: int) -> Any:
    """Up to ``rate`` in a tenth of the steps, at most a hundred, then down along a cosine."""
    warmup = min(100, total // 10)
    return keras.optimizers.schedules.CosineDecay(
        rate / 20 if warmup else rate,
        max(total - warmup, 1),
        alpha=_LAST_RATE,
        warmup_target=rate,
        warmup_steps=warmup,
    )


def _cost(layers: Sequence[Any]) -> int:
    """Multiplications a picture of the convolutions among ``layers``."""
    total = 0
    for layer in layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            rows, columns = layer.output.shape[1:3]
            total += int(np.prod(layer.kernel.shape)) * rows * columns
    return total

"""A training up to its best weights: the network, what it is fed, its phases. ``train.py`` has what comes around it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import TrainingError
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.state import TrainingState, load_best, read_state, save_progress
from thirtyfold.progress import Progress

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData
    from thirtyfold.model.devices import Devices
    from thirtyfold.model.features import Cache
    from thirtyfold.model.inputs import Part, Trunk
    from thirtyfold.model.phases import Parts, Phase, Training
    from thirtyfold.model.tasks import Network, Task
    from thirtyfold.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """``network`` has the best weights; ``state`` says how it came to them."""

    task: Task
    network: Network
    state: TrainingState


def fit(
    data: TrainingData,
    options: TrainOptions,
    run_dir: Path,
    weights: Path | None,
    devices: Devices,
    *,
    root: Path,
    progress: Progress,
) -> Fitted:
    """Everything up to the best weights, from where the run folder was left. ``root`` is the dataset's."""
    from thirtyfold.model.features import cache_of
    from thirtyfold.model.phases import Training
    from thirtyfold.model.tasks import load_task

    task = load_task(options.task)
    network = _build(task, options, data, weights)
    cache = cache_of(root, run_dir, keep=options.cache)
    state = read_state(run_dir)
    begun = [state.epoch, state.best_epoch, state.first_phase_epochs, state.best_score]
    epoch, best_epoch, first_phase_epochs, best_score = devices.from_chief(begun)
    state.epoch, state.best_epoch, state.best_score = int(epoch), int(best_epoch), float(best_score)
    state.first_phase_epochs = int(first_phase_epochs)
    training = Training(
        task=task, options=options, data=data, run_dir=run_dir, devices=devices, state=state, progress=progress
    )
    trunk = _trunk(network, options, weights)
    known: dict[bool, Parts] = {}

    def read(*, as_features: bool) -> Parts:
        if as_features not in known:
            used = trunk if as_features else None
            known[as_features] = _read_parts(used, training, cache, root)
        return known[as_features]

    try:
        _go_through_phases(network, training, read)
    finally:
        if data.maker is not None:
            data.maker.close()
        if cache.folder.parent == run_dir:
            shutil.rmtree(cache.folder, ignore_errors=True)
    return Fitted(task=task, network=network, state=state)


def _build(task: Task, options: TrainOptions, data: TrainingData, weights: Path | None) -> Network:
    """The network, with the given weights in its backbone."""
    import keras

    from thirtyfold.model.weights import load_backbone_weights

    keras.utils.set_random_seed(options.seed)
    network = task.build(options, data.classes)
    backbone = network.backbone
    if weights is not None:
        load_backbone_weights(backbone, weights)
    backbone.trainable = not options.frozen_backbone
    if weights is not None:
        # Batch normalization keeps what it knows: a hundred photos shift its running means by less
        # than the weights move, and the network that runs is no longer the one that was trained
        # (https://keras.io/guides/transfer_learning).
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    return network


def _trunk(network: Network, options: TrainOptions, weights: Path | None) -> Trunk:
    """What computes the features of a frozen backbone, and all that decides about them."""
    import keras
    import tensorflow as tf

    from thirtyfold.model.features import file_hash
    from thirtyfold.model.inputs import Trunk

    key = {
        "backbone": options.backbone,
        "alpha": options.alpha,
        "weights": file_hash(weights) if weights else "",
        "layers": list(network.stored),
        "versions": [tf.__version__, keras.__version__],
        **({"prepare": list(options.prepare)} if options.prepare else {}),
    }
    return Trunk(model=network.trunk, key=key, prepare=options.prepare)


def _read_parts(trunk: Trunk | None, training: Training, cache: Cache, root: Path) -> Parts:
    """The train and validation photos as squares, or as the features that a trunk makes of them."""
    from thirtyfold.model.inputs import load_features, load_squares
    from thirtyfold.model.phases import Parts

    options, data, state, progress = training.options, training.data, training.state, training.progress

    def read(samples: Sequence[Sample], label: str) -> Part:
        if trunk is None:
            return load_squares(
                samples, options.size, cache, root=root, progress=progress, label=label, prepare=options.prepare
            )
        return load_features(
            samples, options.size, trunk, cache, root=root, batch=options.batch, progress=progress, label=label
        )

    started = time.perf_counter()
    parts = Parts(train=read(data.train, "reading"), val=read(data.val, "reading"))
    state.seconds["inputs"] = state.seconds.get("inputs", 0.0) + time.perf_counter() - started
    what = "features" if trunk else "squares"
    how = "reused" if parts.train.reused and parts.val.reused else "computed once for all epochs"
    progress.say(f"{what} of {len(parts.train.samples) + len(parts.val.samples):,} photos: {how}")
    left_out = [*parts.train.left_out.values(), *parts.val.left_out.values()]
    state.left_out = [str(error) for error in left_out]
    for error in left_out:
        progress.say(f"left out: {error}")
    if not parts.train.samples:
        raise TrainingError(f"{root}: none of the {len(data.train)} train photos could be read")
    return parts


def _go_through_phases(network: Network, training: Training, read: Callable[..., Parts]) -> None:
    """Train in phases, and leave the best weights in ``network``."""
    from thirtyfold.model.phases import fine_tuning, first_phase, learn

    options, run_dir, state = training.options, training.run_dir, training.state

    def learn_phase(phase: Phase) -> None:
        learn(phase, training, read(as_features=phase.on_features))

    def load(name: str, learner: Any) -> None:
        # Other machines get what the chief has with the next twin, and need nothing after the last.
        if training.devices.is_chief:
            load_best(run_dir, name, learner)

    first = first_phase(network, options)
    if not state.first_phase_epochs:
        learn_phase(first)
        state.first_phase_epochs = state.epoch
        save_progress(run_dir, state)
    load(first.best_name, first.learner)
    second = fine_tuning(network, options, state, validated=bool(training.data.val))
    if second is not None:
        learn_phase(second)
        if state.best_epoch > state.first_phase_epochs:
            load(second.best_name, second.learner)
        else:
            # Its layers are the network's: what it did to them has to be undone.
            load(first.best_name, first.learner)
            second.restore()
            training.progress.say(f"fine-tuning made nothing better; epoch {state.best_epoch} stays")

"""A training, from a dataset to an evaluated, exported model in a run folder."""

from __future__ import annotations

import math
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import FileDataError, NothingToDo, TrainingError
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.state import BEST_NAME, TrainingState, load_state, read_args, state_dir, write_args
from thirtyfold.native_noise import TENSORFLOW_CHAT, without_lines
from thirtyfold.predict.artifact import Artifact
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import DEFAULT_RUNS, MODEL_CARD, Dataset, find_unfinished_run, new_run

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData
    from thirtyfold.model.tasks import Network, Task

_WEIGHT_DECAY = 0.02
_HEADS_RATE = 2e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A finished run. ``metrics`` are those of ``model.json``; ``problems`` the photos left out."""

    run_dir: Path
    artifact: Artifact
    seconds: float
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "run_dir": str(self.run_dir),
            "seconds": round(self.seconds, 1),
            "metrics": dict(self.artifact.metrics),
            "training": dict(self.artifact.training),
            "problems": list(self.problems),
        }

    def facts(self) -> dict[str, object]:
        training, metrics = self.artifact.training, self.artifact.metrics
        facts: dict[str, object] = {
            "photos": f"{training['train_photos']} to train on ({training['copies']} of them copies)",
            "epochs": f"{training['epochs_done']}, best {training['best_epoch']}",
        }
        for part in ("val", "test"):
            if part in metrics:
                figures = metrics[part]
                facts[f"{part} mean IoU"] = f"{figures['mean_iou']:.3f} over {figures['objects']} objects"
                facts[f"{part} found"] = f"{figures['found']:.1%} at IoU 0.5 or more"
        facts["threshold"] = f"{self.artifact.score_threshold:.2f}"
        facts["time"] = f"{self.seconds:.0f} s"
        facts["report"] = str(self.run_dir / "report.html")
        return facts


def train(
    dataset: Dataset, options: TrainOptions, *, runs_dir: Path = DEFAULT_RUNS, progress: Progress = SILENT
) -> TrainResult:
    """Train, evaluate and export; see :class:`TrainOptions`.

    Raises :class:`DataError` (labels, split), :class:`ModelError` (weights),
    :class:`TrainingError` (NaN, out of memory), :class:`NothingToDo` (a finished run to
    be resumed). What was reached until then stays in the run folder and can be resumed.
    """
    started = time.perf_counter()
    import_tensorflow()
    from thirtyfold.model.data import gather
    from thirtyfold.model.finish import finish
    from thirtyfold.model.tasks import load_task

    resumed = find_unfinished_run(options.resume, runs_dir) if options.resume else None
    if resumed is not None:
        options = _resumed_options(resumed, options)
    data = gather(dataset, options, progress)
    progress.say(
        f"training on {len(data.train)} photos ({data.copies} of them copies), "
        f"{len(data.val)} to validate, {len(data.test)} to test; labels: {', '.join(data.classes)}"
    )
    task = load_task(options.task)
    network = _build(task, options, data, progress)
    run_dir = resumed or new_run(runs_dir, options.task)
    write_args(run_dir, options, dataset.root)
    problems: list[FileDataError] = []
    try:
        state = _fit(network, task, run_dir, options, data, problems=problems, progress=progress)
    except KeyboardInterrupt:
        progress.say(f"stopped; go on with `thirtyfold train {dataset.root} --resume {run_dir}`")
        raise
    artifact = finish(network.model, task, run_dir, options, data, state, progress)
    return TrainResult(
        run_dir=run_dir,
        artifact=artifact,
        seconds=time.perf_counter() - started,
        problems=tuple(str(problem) for problem in problems),
    )


def _build(task: Task, options: TrainOptions, data: TrainingData, progress: Progress) -> Network:
    """The network with its weights; what is trained of it is compiled."""
    import keras

    from thirtyfold.model.weights import load_backbone_weights, weights_path

    path = weights_path(options, progress)
    keras.utils.set_random_seed(options.seed)
    network = task.build(options, len(data.classes))
    backbone = network.backbone
    if path is not None:
        load_backbone_weights(backbone, path)
    backbone.trainable = not options.frozen_backbone
    if path is not None:
        # Batch normalization keeps what it knows: a hundred photos shift its running means by less
        # than the weights move, and the network that runs is no longer the one that was trained
        # (https://keras.io/guides/transfer_learning).
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    steps = math.ceil(len(data.train) / options.batch)
    losses, loss_weights = task.losses(options)
    trained = trained_part(network, options)
    trained.compile(
        optimizer=keras.optimizers.AdamW(_rate(options, steps), clipnorm=10.0, weight_decay=_WEIGHT_DECAY),
        loss=losses,
        loss_weights=loss_weights,
    )
    # Keras loads the optimizer's state only into one whose variables are there.
    trained.optimizer.build(trained.trainable_variables)
    return network


def trained_part(network: Network, options: TrainOptions) -> Any:
    """The heads alone on a frozen backbone, else the whole model."""
    return network.heads if options.frozen_backbone else network.model


def _rate(options: TrainOptions, steps: int) -> Any:
    """The learning rate over the steps: as in the seed notebook for global heads, else one cosine."""
    import keras

    from thirtyfold.model.backbones import BACKBONES

    if options.heads == "global":
        # A quarter is gone after the first epoch: (1 / 0.75 - 1) an epoch, the notebook's decay.
        return keras.optimizers.schedules.InverseTimeDecay(options.rate or 1e-4, steps, 1 / 0.75 - 1)
    total = steps * options.epochs
    warmup = min(100, total // 10)
    rate = options.rate or (_HEADS_RATE if options.frozen_backbone else BACKBONES[options.backbone].rate)
    return keras.optimizers.schedules.CosineDecay(
        rate / 20 if warmup else rate, max(total - warmup, 1), alpha=0.01, warmup_target=rate, warmup_steps=warmup
    )


def _fit(
    network: Network,
    task: Task,
    run_dir: Path,
    options: TrainOptions,
    data: TrainingData,
    *,
    problems: list[FileDataError],
    progress: Progress,
) -> TrainingState:
    """Train, and leave the best weights in ``network``."""
    import tensorflow as tf

    from thirtyfold.model.evaluate import measure
    from thirtyfold.model.inputs import Batches, load_squares, store_features
    from thirtyfold.model.judge import LOWEST_SCORE, judge_squares
    from thirtyfold.model.watch import TensorBoardLog, Watch

    trained = trained_part(network, options)
    state = load_state(run_dir, trained)
    cache = run_dir / ".cache"
    try:
        cache.mkdir(exist_ok=True)
        squares, samples = load_squares(
            data.train, options.size, cache / "train.npy", problems=problems, progress=progress, label="reading"
        )
        if not samples:
            raise TrainingError(f"{run_dir}: none of the {len(data.train)} train photos could be read")
        val_squares, val_samples = load_squares(
            data.val, options.size, cache / "val.npy", problems=problems, progress=progress, label="reading"
        )
        arrays: list[Any] = [squares]
        if options.frozen_backbone:
            progress.say(f"computing the features of {len(samples)} photos, once for all epochs")
            arrays = list(store_features(network.trunk, squares, cache, batch=options.batch, progress=progress))
        batches = Batches(
            arrays,
            samples,
            lambda sample: task.encode_sample(sample, options, data.classes),
            batch=options.batch,
            seed=options.seed,
            first_epoch=state.epoch,
        )

        def validate() -> Any:
            judged = judge_squares(network.model, val_squares, val_samples, task, options, data)
            return measure(judged, LOWEST_SCORE)

        watch = Watch(
            run_dir,
            state,
            epochs=options.epochs,
            steps=len(batches),
            patience=options.patience,
            validate=validate if val_samples else None,
            progress=progress,
        )
        try:
            if state.epoch < options.epochs and state.epoch - state.best_epoch < options.patience:
                trained.fit(
                    batches,
                    epochs=options.epochs,
                    initial_epoch=state.epoch,
                    verbose=0,
                    callbacks=[watch, TensorBoardLog(run_dir / "tensorboard", state)],
                )
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise TrainingError(
                f"{run_dir}: --batch {options.batch} at --size {options.size} needs more memory than there is; "
                f"try --batch {max(1, options.batch // 2)}"
            ) from error
        finally:
            watch.close()
        trained.load_weights(str(state_dir(run_dir) / BEST_NAME))
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    return state


def _resumed_options(run_dir: Path, asked: TrainOptions) -> TrainOptions:
    """The options the run was started with; only the number of epochs may grow."""
    if (run_dir / MODEL_CARD).exists():
        raise NothingToDo(f"{run_dir}: is finished; to train longer start a new run with a higher --epochs")
    started_with = read_args(run_dir)
    return replace(started_with, epochs=max(started_with.epochs, asked.epochs), resume=asked.resume)


def import_tensorflow() -> None:
    """Import TensorFlow and Keras without their chat; 7 s, so only where something is trained."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with without_lines(TENSORFLOW_CHAT):
        import keras  # noqa: F401 - for what it prints
        import tensorflow  # noqa: F401

"""A training, from a dataset to an evaluated, exported model in a run folder."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import __version__, files
from thirtyfold.errors import FileDataError, NothingToDo, TrainingError
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.state import BEST_NAME, TrainingState, load_state, read_args, state_dir, write_args
from thirtyfold.predict.artifact import TFLITE_NAME, Artifact, write_artifact
from thirtyfold.predict.decoders import DECODERS, Placement
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import DEFAULT_RUNS, MODEL_CARD, Dataset, find_unfinished_run, new_run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.model.data import TrainingData
    from thirtyfold.model.evaluate import Judged
    from thirtyfold.model.tasks import Task

# Below it nothing is looked at, when the best threshold is still to be found.
_LOWEST_SCORE = 0.02
_WEIGHT_DECAY = 0.02


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
    _quiet_tensorflow()
    from thirtyfold.model.data import gather
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
    model = _build(task, options, data, progress)
    run_dir = resumed or new_run(runs_dir, options.task)
    write_args(run_dir, options, dataset.root)
    problems: list[FileDataError] = []
    state = _fit(model, task, run_dir, options, data, problems=problems, progress=progress)
    artifact = _finish(model, task, run_dir, options, data, state, progress)
    return TrainResult(
        run_dir=run_dir,
        artifact=artifact,
        seconds=time.perf_counter() - started,
        problems=tuple(str(problem) for problem in problems),
    )


def is_frozen(options: TrainOptions) -> bool:
    """Whether the backbone stays as it was loaded: dense heads on given weights."""
    return options.heads == "dense" and options.weights != "none"


def _build(task: Task, options: TrainOptions, data: TrainingData, progress: Progress) -> Any:
    import keras

    from thirtyfold.model.weights import load_backbone_weights, weights_path

    path = weights_path(options, progress)
    keras.utils.set_random_seed(options.seed)
    model, backbone = task.build(options, len(data.classes))
    if path is not None:
        load_backbone_weights(backbone, path)
    backbone.trainable = not is_frozen(options)
    steps = math.ceil(len(data.train) / options.batch)
    losses, loss_weights = task.losses(options)
    model.compile(
        optimizer=keras.optimizers.AdamW(_rate(options, steps), clipnorm=10.0, weight_decay=_WEIGHT_DECAY),
        loss=losses,
        loss_weights=loss_weights,
    )
    # Keras loads the optimizer's state only into one whose variables are there.
    model.optimizer.build(model.trainable_variables)
    return model


def _rate(options: TrainOptions, steps: int) -> Any:
    """The learning rate over the steps: as in the seed notebook for global heads, else one cosine."""
    import keras

    if options.heads == "global":
        # A quarter is gone after the first epoch: (1 / 0.75 - 1) an epoch, the notebook's decay.
        return keras.optimizers.schedules.InverseTimeDecay(options.rate or 1e-4, steps, 1 / 0.75 - 1)
    total = steps * options.epochs
    warmup = min(100, total // 10)
    rate = options.rate or 2e-3
    return keras.optimizers.schedules.CosineDecay(
        rate / 20 if warmup else rate, max(total - warmup, 1), alpha=0.01, warmup_target=rate, warmup_steps=warmup
    )


def _fit(
    model: Any,
    task: Task,
    run_dir: Path,
    options: TrainOptions,
    data: TrainingData,
    *,
    problems: list[FileDataError],
    progress: Progress,
) -> TrainingState:
    """Train, and leave the best weights in ``model``."""
    import tensorflow as tf

    from thirtyfold.model.evaluate import measure
    from thirtyfold.model.inputs import Batches, load_squares
    from thirtyfold.model.watch import TensorBoardLog, Watch

    state = load_state(run_dir, model)
    cache = run_dir / ".train-squares.npy"
    val_cache = run_dir / ".val-squares.npy"
    try:
        squares, samples = load_squares(
            data.train, options.size, cache, problems=problems, progress=progress, label="reading"
        )
        if not samples:
            raise TrainingError(f"{run_dir}: none of the {len(data.train)} train photos could be read")
        val_squares, val_samples = load_squares(
            data.val, options.size, val_cache, problems=problems, progress=progress, label="reading"
        )
        batches = Batches(
            squares,
            samples,
            lambda sample: task.encode_sample(sample, options, data.classes),
            batch=options.batch,
            seed=options.seed,
            first_epoch=state.epoch,
        )

        def validate() -> Any:
            judged = judge_squares(model, val_squares, val_samples, task, options, data)
            return measure(judged, _LOWEST_SCORE)

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
                model.fit(
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
        model.load_weights(str(state_dir(run_dir) / BEST_NAME))
    finally:
        cache.unlink(missing_ok=True)
        val_cache.unlink(missing_ok=True)
    return state


def judge_squares(
    model: Any,
    squares: NDArray[np.uint8],
    samples: Sequence[Sample],
    task: Task,
    options: TrainOptions,
    data: TrainingData,
) -> list[Judged]:
    """What a Keras model says about letterboxed photos, in pixels of the originals."""
    from thirtyfold.model.evaluate import Judged

    name, decoder_options = task.decoder(options, many=_many(options, data))
    judged = []
    for start in range(0, len(samples), options.batch):
        part = samples[start : start + options.batch]
        outputs = model.predict_on_batch(squares[start : start + len(part)])
        for index, sample in enumerate(part):
            single = {key: value[index : index + 1] for key, value in outputs.items()}
            found = DECODERS[name].decode(
                single, data.classes, _LOWEST_SCORE, decoder_options, _placement(sample, options.size)
            )
            judged.append(Judged(sample=sample, predictions=found))
    return judged


def _placement(sample: Sample, size: int) -> Placement:
    scale = size / max(sample.width, sample.height)
    offset_x = (size - max(1, round(sample.width * scale))) // 2
    offset_y = (size - max(1, round(sample.height * scale))) // 2
    return Placement(
        size=size, scale=scale, offset_xy=(float(offset_x), float(offset_y)), image_wh=(sample.width, sample.height)
    )


def _many(options: TrainOptions, data: TrainingData) -> bool:
    return data.many if options.boxes == "auto" else options.boxes == "many"


def _finish(
    model: Any,
    task: Task,
    run_dir: Path,
    options: TrainOptions,
    data: TrainingData,
    state: TrainingState,
    progress: Progress,
) -> Artifact:
    """Export, compare the export with Keras, choose the threshold, evaluate, draw, and write ``model.json``."""
    from thirtyfold.model.evaluate import best_threshold, by_session, measure
    from thirtyfold.model.export import save_keras, to_tflite
    from thirtyfold.model.plots import plot_curves, plot_predictions
    from thirtyfold.model.report import write_report
    from thirtyfold.predict.runtime import Predictor

    progress.say("exporting")
    save_keras(model, run_dir / "model.keras")
    weights = to_tflite(model, options.size)
    files.write_bytes(run_dir / TFLITE_NAME, weights)
    name, decoder_options = task.decoder(options, many=_many(options, data))
    artifact = Artifact(
        task=options.task,
        classes=data.classes,
        size=options.size,
        decoder=name,
        decoder_options=decoder_options,
        sha256=hashlib.sha256(weights).hexdigest(),
        training=_training_facts(options, data, state.epoch, state.best_epoch),
        versions=_versions(),
    )
    predictor = Predictor(artifact, weights, name=str(run_dir / TFLITE_NAME))
    judged = {part: _judge(predictor, samples) for part, samples in (("val", data.val), ("test", data.test))}
    threshold = best_threshold(judged["val"])
    metrics: dict[str, Any] = {
        "tflite_against_keras": _compare_export(predictor, model, data.val or data.test, options),
    }
    for part, items in judged.items():
        if items:
            metrics[part] = measure(items, threshold).to_dict()
            metrics[part]["sessions"] = {key: value.to_dict() for key, value in by_session(items, threshold).items()}
    artifact = replace(artifact, score_threshold=threshold, metrics=metrics)
    plots = run_dir / "plots"
    plot_curves(plots / "curves.png", state.rows)
    for part, items in judged.items():
        plot_predictions(plots / f"{part}_predictions.png", items, threshold)
    write_report(run_dir, artifact)
    write_artifact(run_dir, artifact)
    return artifact


def _judge(predictor: Any, samples: Sequence[Sample]) -> list[Judged]:
    from thirtyfold.images import read_rgb
    from thirtyfold.model.evaluate import Judged

    judged = []
    for sample in samples:
        try:
            pixels = read_rgb(sample.image_path)
        except FileDataError:
            continue  # named when it was read for training
        judged.append(Judged(sample=sample, predictions=predictor(pixels, threshold=_LOWEST_SCORE)))
    return judged


def _compare_export(predictor: Any, model: Any, samples: Sequence[Sample], options: TrainOptions) -> dict[str, Any]:
    """The largest differences between ``model.tflite`` and Keras over photos, raw outputs before any threshold.

    ``largest_box_difference_px`` is in pixels of the input square, over boxes of cells with a score of 0.1 or more.
    """
    import numpy as np

    from thirtyfold.images import letterbox, read_rgb

    score_difference = box_difference = 0.0
    for sample in samples:
        try:
            square, _, _ = letterbox(read_rgb(sample.image_path), options.size)
        except FileDataError:
            continue
        ours, theirs = predictor.outputs(square), model.predict_on_batch(square[None])
        score_difference = max(score_difference, float(np.abs(ours["scores"] - theirs["scores"]).max()))
        sure = np.asarray(theirs["scores"]).max(axis=-1) >= 0.1
        difference = np.abs(ours["boxes"] - theirs["boxes"])
        difference = difference[sure] if options.heads == "dense" else difference
        box_difference = max(box_difference, float(difference.max(initial=0.0)) * options.size)
    return {
        "photos": len(samples),
        "largest_score_difference": round(score_difference, 6),
        "largest_box_difference_px": round(box_difference, 4),
    }


def _training_facts(options: TrainOptions, data: TrainingData, epochs_done: int, best_epoch: int) -> dict[str, Any]:
    return {
        "options": {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(options).items()},
        "frozen_backbone": is_frozen(options),
        "train_photos": len(data.train),
        "copies": data.copies,
        "val_photos": len(data.val),
        "test_photos": len(data.test),
        "epochs_done": epochs_done,
        "best_epoch": best_epoch,
        "data_fingerprint": data.fingerprint,
        "split": data.split_how,
        "split_leak_free": data.leak_free,
    }


def _versions() -> Mapping[str, str]:
    from importlib.metadata import version

    import keras
    import tensorflow as tf

    return {
        "thirtyfold": __version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "albumentations": version("albumentations"),
    }


def _resumed_options(run_dir: Path, asked: TrainOptions) -> TrainOptions:
    """The options the run was started with; only the number of epochs may grow."""
    if (run_dir / MODEL_CARD).exists():
        raise NothingToDo(f"{run_dir}: is finished; to train longer start a new run with a higher --epochs")
    started_with = read_args(run_dir)
    return replace(started_with, epochs=max(started_with.epochs, asked.epochs), resume=asked.resume)


def _quiet_tensorflow() -> None:
    # Has to be set before the import: pages about CPU features and missing CUDA otherwise.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")

"""What comes after the last epoch: export, comparison, threshold, evaluation, pictures, ``model.json``.

What is judged here is the exported model, through ``predict``: what is measured is what runs.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import __version__, files
from thirtyfold.errors import FileDataError
from thirtyfold.images import letterbox, read_rgb
from thirtyfold.model.evaluate import best_threshold, by_session, measure
from thirtyfold.model.export import save_keras, to_tflite
from thirtyfold.model.judge import judge_photos
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.plots import plot_curves, plot_predictions
from thirtyfold.model.report import write_report
from thirtyfold.model.state import TrainingState
from thirtyfold.predict.artifact import TFLITE_NAME, Artifact, write_artifact
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData
    from thirtyfold.model.tasks import Task


def finish(
    model: Any,
    task: Task,
    run_dir: Path,
    options: TrainOptions,
    data: TrainingData,
    state: TrainingState,
    progress: Progress,
) -> Artifact:
    """Export, compare the export with Keras, choose the threshold, evaluate, draw, and write ``model.json``."""
    progress.say("exporting")
    save_keras(model, run_dir / "model.keras")
    weights = to_tflite(model, options.size)
    files.write_bytes(run_dir / TFLITE_NAME, weights)
    name, decoder_options = task.decoder(options, many=data.many)
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
    judged = {part: judge_photos(predictor, samples) for part, samples in (("val", data.val), ("test", data.test))}
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


def _compare_export(
    predictor: Predictor, model: Any, samples: Sequence[Sample], options: TrainOptions
) -> dict[str, Any]:
    """The largest differences between ``model.tflite`` and Keras over photos, raw outputs before any threshold.

    ``largest_box_difference_px`` is in pixels of the input square, over boxes of cells with a score of 0.1 or more.
    """
    import numpy as np

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
        "frozen_backbone": options.frozen_backbone,
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

"""What comes after the last epoch: export, comparison, threshold, evaluation, pictures, ``model.json``.

What is judged here is the exported model, through ``predict``: what is measured is what runs.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import __version__
from thirtyfold.model.evaluation import evaluate_predictor
from thirtyfold.model.export import export_model
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.plots import plot_curves, plot_predictions
from thirtyfold.model.report import write_report
from thirtyfold.model.state import TrainingState
from thirtyfold.predict.artifact import Artifact, write_artifact
from thirtyfold.progress import Progress

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
    name, decoder_options = task.decoder(options, many=data.many)
    described = Artifact(
        task=options.task,
        classes=data.classes,
        size=options.size,
        decoder=name,
        decoder_options=decoder_options,
        sha256="",
        training=_training_facts(options, data, state.epoch, state.best_epoch),
        versions=_versions(),
    )
    exported = export_model(model, run_dir, described, data.val or data.test)
    evaluation = evaluate_predictor(exported.predictor, data.val, data.test)
    artifact = replace(
        exported.artifact,
        score_threshold=evaluation.threshold,
        metrics={**exported.artifact.metrics, **evaluation.metrics},
    )
    plots = run_dir / "plots"
    plot_curves(plots / "curves.png", state.rows)
    for part, items in evaluation.judged.items():
        plot_predictions(plots / f"{part}_predictions.png", items, evaluation.threshold)
    write_report(run_dir, artifact)
    write_artifact(run_dir, artifact)
    return artifact


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

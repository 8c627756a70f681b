"""What comes after the last epoch: export, comparison, evaluation, report, model card, ``model.json``.

What is judged here is the exported model, through ``predict``: what is measured is what runs.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import __version__, files
from thirtyfold.model.backbones import BACKBONES
from thirtyfold.model.evaluation import evaluate_predictor
from thirtyfold.model.export import export_model
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.provenance import trained_on, write_photos
from thirtyfold.model.report.card import model_card
from thirtyfold.model.report.training import detail_part, training_page
from thirtyfold.model.report.write import write_report
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
    """Export, compare the forms, calibrate, choose the threshold, evaluate, report, and write ``model.json``."""
    progress.say("exporting")
    name, decoder_options = task.decoder(options, many=data.many)
    described = Artifact(
        task=options.task,
        classes=data.classes,
        size=options.size,
        decoder=name,
        decoder_options=decoder_options,
        forms={},
        training={**_training_facts(options, data, state), "dataset": _dataset_name(run_dir)},
        versions=_versions(),
    )
    started = time.perf_counter()
    exported = export_model(
        model,
        run_dir,
        described,
        val=data.val,
        train=data.train,
        int8=BACKBONES[options.backbone].int8,
        progress=progress,
    )
    exported_at = time.perf_counter()
    evaluation = evaluate_predictor(exported.predictor, data.val, data.test, progress=progress)
    seconds = {
        **exported.artifact.training["seconds"],
        "export": round(exported_at - started, 1),
        "evaluation": round(time.perf_counter() - exported_at, 1),
    }
    artifact = replace(
        exported.artifact,
        training={**exported.artifact.training, "seconds": seconds},
        score_threshold=evaluation.threshold,
        calibration=evaluation.fitted.to_dict(),
        metrics={**exported.artifact.metrics, **evaluation.metrics},
    )
    write_photos(run_dir, data)
    page = training_page(run_dir, artifact, evaluation)
    write_report(run_dir, page, detail=evaluation.parts.get(detail_part(evaluation)), rows=state.rows)
    files.write_text(run_dir / "README.md", model_card(f"{options.task}-{run_dir.name}", artifact, evaluation.notes))
    write_artifact(run_dir, artifact)
    return artifact


def _training_facts(options: TrainOptions, data: TrainingData, state: TrainingState) -> dict[str, Any]:
    return {
        "options": {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(options).items()},
        "frozen_backbone": options.frozen_backbone,
        "train_photos": len(data.train),
        "copies": data.copies,
        "val_photos": len(data.val),
        "test_photos": len(data.test),
        "epochs_done": state.epoch,
        "best_epoch": state.best_epoch,
        "first_phase_epochs": state.first_phase_epochs,
        "fine_tuned": state.best_epoch > state.first_phase_epochs,
        "left_out": list(state.left_out),
        "seconds": {name: round(seconds, 1) for name, seconds in state.seconds.items()},
        "data_fingerprint": data.fingerprint,
        "split": data.split_how,
        "split_leak_free": data.leak_free,
        "machine": machine_facts(),
    }


def _dataset_name(run_dir: Path) -> str:
    # The name alone: reports and cards are given away, and a path tells whose machine it was.
    root = trained_on(run_dir)
    return root.resolve().name if root is not None else ""


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

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
from thirtyfold.medical import GREY_RULE
from thirtyfold.model.backbones import backbone_of
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.export import export_model
from thirtyfold.model.face_margin import face_margin
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.provenance import trained_on, write_photos
from thirtyfold.model.report.card import model_card
from thirtyfold.model.state import TrainingState
from thirtyfold.model.tasks import describe
from thirtyfold.predict.artifact import Artifact, write_artifact
from thirtyfold.predict.chain import MARGIN_KEY, OF_CUT_OUTS
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
    exam = load_exam(options.task)
    described = replace(
        describe(task, options, data),
        training={**_training_facts(options, data, state), "dataset": _dataset_name(run_dir)},
        versions=_versions(),
    )
    if options.task in OF_CUT_OUTS:
        described = _with_face_margin(described, data, progress)
    started = time.perf_counter()
    exported = export_model(
        model,
        run_dir,
        described,
        val=data.val,
        train=data.train,
        int8=backbone_of(options.backbone).int8,
        exam=exam,
        progress=progress,
    )
    exported_at = time.perf_counter()
    examined = exam.examine(exported.predictor, data.val, data.test, progress=progress)
    seconds = {
        **exported.artifact.training["seconds"],
        "export": round(exported_at - started, 1),
        "evaluation": round(time.perf_counter() - exported_at, 1),
    }
    artifact = replace(
        exported.artifact,
        training={**exported.artifact.training, "seconds": seconds},
        score_threshold=examined.threshold,
        calibration=examined.calibration,
        metrics={**exported.artifact.metrics, **examined.metrics},
    )
    write_photos(run_dir, data)
    exam.report(run_dir, artifact, examined, state.rows)
    words = exam.card_words(artifact)
    name = f"{options.task}-{run_dir.name}"
    files.write_text(run_dir / "README.md", model_card(name, artifact, examined.notes, words=words))
    write_artifact(run_dir, artifact)
    return artifact


def _with_face_margin(described: Artifact, data: TrainingData, progress: Progress) -> Artifact:
    margin = face_margin(data.train, progress)
    if margin is None:
        return described
    progress.say(
        f"the train photos are faces with a margin of {margin.margin_share:.0%} of their sides (YuNet found "
        f"{margin.found} of {margin.photos}); as the second model of a chain it is shown such"
    )
    return replace(described, decoder_options={**described.decoder_options, MARGIN_KEY: margin.margin_share})


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
        "pixels": GREY_RULE,
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

"""A trained model as ``model.tflite``: uint8 pixels in, preprocessing inside, named outputs."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.images import letterbox
from thirtyfold.native_noise import TENSORFLOW_CHAT, without_lines
from thirtyfold.predict.artifact import TFLITE_NAME, Artifact
from thirtyfold.predict.runtime import SIGNATURE, Predictor
from thirtyfold.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """``predictor`` runs what was exported; ``artifact`` has the files' hashes and how far they are from Keras."""

    artifact: Artifact
    predictor: Predictor


def export_model(model: Any, run_dir: Path, artifact: Artifact, photos: Sequence[Sample]) -> Exported:
    """Write every form of a trained model into its run folder and compare their outputs on ``photos``.

    ``artifact`` says what the model is; its hash and metrics are still missing.
    """
    save_keras(model, run_dir / "model.keras")
    weights = to_tflite(model, artifact.size)
    files.write_bytes(run_dir / TFLITE_NAME, weights)
    artifact = replace(artifact, sha256=hashlib.sha256(weights).hexdigest())
    predictor = Predictor(artifact, weights, name=str(run_dir / TFLITE_NAME))
    agreement = _compare(predictor, model, photos)
    return Exported(artifact=replace(artifact, metrics={"tflite_against_keras": agreement}), predictor=predictor)


def to_tflite(model: Any, size: int) -> bytes:
    """The LiteRT form of a Keras model: "image" uint8 (1, size, size, 3) to the model's outputs by name."""
    import keras
    import tensorflow as tf

    def serve(image: Any) -> Any:
        return model(image, training=False)

    with tempfile.TemporaryDirectory(prefix="thirtyfold-export-") as folder, _quiet():
        # By way of a SavedModel: only then inputs and outputs keep their names.
        archive = keras.export.ExportArchive()
        archive.track(model)
        signature = [tf.TensorSpec((1, size, size, 3), tf.uint8, name="image")]
        archive.add_endpoint(SIGNATURE, serve, input_signature=signature)
        archive.write_out(folder, verbose=False)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE]).convert())


def _compare(predictor: Predictor, model: Any, samples: Sequence[Sample]) -> dict[str, Any]:
    """The largest differences between ``model.tflite`` and Keras over photos, raw outputs before any threshold.

    ``largest_box_difference_px`` is in pixels of the input square, over boxes of cells with a score of 0.1 or more.
    """
    import numpy as np

    size = predictor.artifact.size
    score_difference = box_difference = 0.0
    for sample in samples:
        try:
            square, _, _ = letterbox(read_pixels(sample), size)
        except FileDataError:
            continue
        ours, theirs = predictor.outputs(square), model.predict_on_batch(square[None])
        score_difference = max(score_difference, float(np.abs(ours["scores"] - theirs["scores"]).max()))
        sure = np.asarray(theirs["scores"]).max(axis=-1) >= 0.1
        difference = np.abs(ours["boxes"] - theirs["boxes"])
        difference = difference[sure]
        box_difference = max(box_difference, float(difference.max(initial=0.0)) * size)
    return {
        "photos": len(samples),
        "largest_score_difference": round(score_difference, 6),
        "largest_box_difference_px": round(box_difference, 4),
    }


def save_keras(model: Any, path: Path) -> None:
    """Write ``model.keras`` by temporary file and rename."""
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        model.save(temporary)
        temporary.replace(path)
    except OSError as error:
        raise files.writing_failed(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what the converter says of itself: pages of it, none for the user."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with without_lines(TENSORFLOW_CHAT), warnings.catch_warnings():
            # tf.lite says at every use that it moves to another package; ours is pinned.
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

"""Real ``model.tflite`` files that are known beforehand, and the run folders they lie in. No training."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.predict.artifact import Artifact, FormFile, write_artifact
from thirtyfold.predict.forms import LITERT


def to_tflite(answer: Callable[[Any], dict[str, Any]], size: int) -> bytes:
    """A model of one picture, uint8 (1, ``size``, ``size``, 3); ``answer`` makes its outputs by TensorFlow's functions.

    Imports TensorFlow (seconds).
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        class Model(tf.Module):  # type: ignore[misc]
            @tf.function(input_signature=[tf.TensorSpec((1, size, size, 3), tf.uint8, name="image")])  # type: ignore[untyped-decorator]
            def __call__(self, image: Any) -> dict[str, Any]:
                return answer(tf.cast(image, tf.float32))

        model = Model()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([model.__call__.get_concrete_function()], model)
        return bytes(converter.convert())


def write_run(run_dir: Path, model: bytes, **card: Any) -> Path:
    """A finished run of that model; ``card`` are the other fields of its artifact."""
    files.write_bytes(run_dir / LITERT, model)
    forms = {LITERT: FormFile(sha256=hashlib.sha256(model).hexdigest())}
    write_artifact(run_dir, Artifact(forms=forms, **card))
    return run_dir

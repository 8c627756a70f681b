"""Each form of a model: how it is made, and how it is run to compare it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.model.export import litert
from thirtyfold.model.export.agreement import Runner
from thirtyfold.model.export.keras_file import keras_bytes
from thirtyfold.model.export.onnx_file import OnnxRunner, to_onnx
from thirtyfold.predict.artifact import Artifact, FormFile
from thirtyfold.predict.forms import KERAS, LITERT, LITERT_FLOAT16, LITERT_INT8, ONNX
from thirtyfold.predict.prepare import prepared_square
from thirtyfold.predict.runtime import Predictor, thread_count
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

# Fewer show too little of what flows between the layers; beyond these the ranges hardly change.
FEWEST_CALIBRATION_PHOTOS, CALIBRATION_PHOTOS = 100, 128
FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One form: its bytes, what its numbers are (:class:`FormFile`), and what runs it."""

    data: bytes
    numbers: str
    run: Runner

    @property
    def form_file(self) -> FormFile:
        return FormFile(sha256=hashlib.sha256(self.data).hexdigest(), numbers=self.numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What forms are made from: a Keras ``model``, the same as SavedModel in ``saved``, and what it is.

    ``train`` are photos to measure the ranges of a full int8 on, ``int8`` is ``dynamic`` or ``full``.
    """

    model: Any
    saved: Path
    artifact: Artifact
    train: Sequence[Sample]
    int8: str

    @property
    def int8_numbers(self) -> str:
        """The kind of int8 that is possible: too few photos to measure on leave the weights only."""
        full = self.int8 == FULL and len(self.train) >= FEWEST_CALIBRATION_PHOTOS
        return "int8" if full else "int8 weights"


def make_keras(model: Any, size: int) -> Made:
    import tensorflow as tf

    # Traced for this one shape: `predict` is made for many pictures, and takes several times as long for one.
    signature = [tf.TensorSpec((1, size, size, 3), tf.uint8)]
    served = tf.function(lambda image: model(image, training=False), input_signature=signature)

    def run(square: Pixels) -> dict[str, Any]:
        return {name: output.numpy() for name, output in served(tf.constant(square[None])).items()}

    return Made(data=keras_bytes(model), numbers="float32", run=run)


def _litert(source: Source, data: bytes, file: str, numbers: str) -> Made:
    return Made(data=data, numbers=numbers, run=Predictor(source.artifact, data, name=file).outputs)


def _float32(source: Source) -> Made:
    return _litert(source, litert.to_float32(source.saved), LITERT, "float32")


def _float16(source: Source) -> Made:
    return _litert(source, litert.to_float16(source.saved), LITERT_FLOAT16, "float16")


def _int8(source: Source) -> Made:
    if source.int8_numbers == "int8":
        data = litert.to_full_int8(source.saved, _squares(source))
    else:
        data = litert.to_dynamic_int8(source.saved)
    return _litert(source, data, LITERT_INT8, source.int8_numbers)


def _onnx(source: Source) -> Made:
    data = to_onnx(source.model, source.artifact.size)
    return Made(data=data, numbers="float32", run=OnnxRunner(data, name=ONNX, threads=thread_count()))


MAKERS: dict[str, Callable[[Source], Made]] = {
    LITERT: _float32,
    LITERT_INT8: _int8,
    ONNX: _onnx,
    LITERT_FLOAT16: _float16,
    KERAS: lambda source: make_keras(source.model, source.artifact.size),
}


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """At most ``count`` of them, evenly from first to last."""
    if len(samples) <= count:
        return list(samples)
    return [samples[index * len(samples) // count] for index in range(count)]


def _squares(source: Source) -> list[Pixels]:
    squares = []
    for sample in spread(source.train, CALIBRATION_PHOTOS):
        try:
            squares.append(prepared_square(read_pixels(sample), source.artifact.size, source.artifact.prepare)[0])
        except FileDataError:
            continue  # named when it was read for training
    return squares

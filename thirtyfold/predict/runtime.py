"""A finished model, ready to be called: LiteRT, never TensorFlow (which takes 7 s to import).

``predictor = load(run_dir)``, then ``predictor(pixels)`` gives annotations.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import ModelError, NotInstalledError
from thirtyfold.native_noise import LITERT_CHAT, without_lines
from thirtyfold.predict.artifact import Artifact, load_artifact, runnable_file
from thirtyfold.predict.calibration import Calibration, calibrate
from thirtyfold.predict.decoders import DECODERS, Array, Placement, check_options
from thirtyfold.predict.forms import AUTO
from thirtyfold.predict.prepare import prepared_square
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

SIGNATURE = "serving_default"
# More threads than this only get in each other's way: one picture is too little work to share.
MAX_THREADS = 8


class Predictor:
    """Pixels in, annotations out. Belongs to one thread at a time; two threads load two.

    ``threshold`` is the score from which something counts as found: the model's own
    unless :func:`load` was given another. ``model_ms`` is how long the network itself took
    for the last picture, in milliseconds. Scores are calibrated where ``model.json`` has a
    ``calibration``, and thresholds are thresholds of calibrated scores. ``name`` is the path of the form that runs.
    """

    def __init__(self, artifact: Artifact, weights: bytes, *, name: str, threshold: float | None = None) -> None:
        self.artifact = artifact
        self.name = name
        self.threshold = artifact.score_threshold if threshold is None else threshold
        self.model_ms = 0.0
        self._interpreter = _interpreter(weights, name)
        self._input, self._outputs = _tensors(self._interpreter, artifact, name)
        self._decoder = DECODERS[artifact.decoder]
        self.calibration = Calibration.from_dict(artifact.calibration)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels it can give."""
        return self.artifact.classes

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        """What is found in RGB uint8 ``pixels`` (height, width, 3), best score first.

        Rectangles in pixels of ``pixels``, clipped to it, of score ``threshold`` or more.
        """
        square, placement = self.square(pixels)
        return self.decode(self.outputs(square), placement, threshold=threshold)

    def square(self, pixels: Pixels) -> tuple[Pixels, Placement]:
        """What the network is fed of RGB uint8 ``pixels``, uint8 (size, size, 3), and where the picture lies in it."""
        height, width = pixels.shape[:2]
        square, scale, offset_xy = prepared_square(pixels, self.artifact.size, self.artifact.prepare)
        return square, Placement(size=self.artifact.size, scale=scale, offset_xy=offset_xy, image_wh=(width, height))

    def decode(
        self, outputs: Mapping[str, Array], placement: Placement, *, threshold: float | None = None
    ) -> tuple[Annotation, ...]:
        """What the raw ``outputs`` mean, as :meth:`__call__` gives it."""
        wanted = self.threshold if threshold is None else threshold
        # The decoder compares raw scores; a hair lower, so that rounding there and back loses nothing.
        raw_threshold = wanted if self.calibration.is_identity else self.calibration.undo(wanted) - 1e-9
        found = self._decoder.decode(
            outputs, self.artifact.classes, raw_threshold, self.artifact.decoder_options, placement
        )
        return found if self.calibration.is_identity else calibrate(found, self.calibration, threshold=wanted)

    def outputs(self, square: Pixels) -> dict[str, Array]:
        """The network's raw outputs by name for one letterboxed picture, uint8 (size, size, 3)."""
        started = time.perf_counter()
        self._interpreter.set_tensor(self._input, square[None])
        self._interpreter.invoke()
        outputs = {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}
        self.model_ms = (time.perf_counter() - started) * 1000
        return outputs


def load(run_dir: Path, *, threshold: float | None = None, form: str = AUTO) -> Predictor:
    """The model of a finished run folder, in the ``form`` that :func:`load_artifact` knows.

    Raises :class:`ModelError` if a file is missing, corrupt or does not fit the others, and
    :class:`NotInstalledError` without LiteRT.
    """
    artifact, weights = load_artifact(run_dir, form)
    name = str(run_dir / runnable_file(artifact, form))
    return Predictor(artifact, weights, name=name, threshold=threshold)


def _interpreter(weights: bytes, name: str) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise NotInstalledError(
            f"LiteRT, which runs the models, cannot be imported ({error}); "
            "install it with `python -m pip install ai-edge-litert`"
        ) from error
    try:
        with without_lines(LITERT_CHAT):
            # From the bytes whose hash was checked: the file may change meanwhile.
            interpreter = Interpreter(model_content=weights, num_threads=thread_count())
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{name}: is not a model that LiteRT can run ({error}); export or train it again") from error
    return interpreter


def _tensors(interpreter: Any, artifact: Artifact, name: str) -> tuple[int, dict[str, int]]:
    """Tensor numbers of the input and of each output, checked against ``model.json``.

    Found once: setting tensors by number is faster than calling the signature by names.
    """
    if artifact.decoder not in DECODERS:
        raise ModelError(
            f"{name}: its outputs are of a kind this version does not know ({artifact.decoder}); update thirtyfold"
        )
    try:
        check_options(artifact.decoder_options)
    except ValueError as error:
        raise ModelError(f"{name}: in its model.json {error}; train again") from error
    if SIGNATURE not in interpreter.get_signature_list():
        raise ModelError(f"{name}: has no signature {SIGNATURE!r}; export it again")
    signature = interpreter.get_signature_runner(SIGNATURE)
    inputs, outputs = signature.get_input_details(), signature.get_output_details()
    square = (1, artifact.size, artifact.size, 3)
    expect = f"one input `image` of shape {square}, uint8"
    if list(inputs) != ["image"] or _shape(inputs["image"]) != square or inputs["image"]["dtype"].__name__ != "uint8":
        raise ModelError(f"{name}: takes {_described(inputs)}, but its model.json says {expect}; export it again")
    decoder = DECODERS[artifact.decoder]
    usable = {
        output: _shape(details)[1:]
        for output, details in outputs.items()
        if _shape(details)[:1] == (1,) and details["dtype"].__name__ == "float32"
    }
    if not decoder.fits(usable, artifact.classes, artifact.decoder_options):
        raise ModelError(
            f"{name}: gives {_described(outputs)}, but model.json says {len(artifact.classes)} classes and the "
            f"decoder {artifact.decoder!r}; export it again"
        )
    wanted = decoder.shapes(artifact.classes, artifact.decoder_options)
    return int(inputs["image"]["index"]), {output: int(outputs[output]["index"]) for output in wanted}


def _shape(details: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(side) for side in details["shape"])


def _described(tensors: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{name} {_shape(it)} {it['dtype'].__name__}" for name, it in tensors.items()) or "nothing"


def thread_count() -> int:
    """The threads that a model is run by."""
    # The cores this process may use, which in a container are fewer than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_THREADS)

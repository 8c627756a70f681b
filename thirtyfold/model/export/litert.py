"""A model as LiteRT runs it: 32-bit or 16-bit numbers, or whole numbers of 8 bits in one of two ways.

*Dynamic range*: the weights are int8, what flows between the layers is scaled while it runs. *Full*: what
flows is int8 as well, in ranges measured on photos beforehand (Jacob et al., "Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.model.export.quiet import quiet, scratch_folder
from thirtyfold.predict.runtime import SIGNATURE

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

# Operations with weights of their own. The last of them is a head, what comes after it turns numbers into boxes.
_WITH_WEIGHTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})


@contextlib.contextmanager
def saved_model(model: Any, size: int) -> Iterator[Path]:
    """A Keras model as a SavedModel in a temporary folder: "image" uint8 (1, size, size, 3) to outputs by name.

    Everything is converted from there: only so inputs and outputs keep their names.
    """
    import keras
    import tensorflow as tf

    def serve(image: Any) -> Any:
        return model(image, training=False)

    with scratch_folder() as folder:
        with quiet():
            archive = keras.export.ExportArchive()
            archive.track(model)
            signature = [tf.TensorSpec((1, size, size, 3), tf.uint8, name="image")]
            archive.add_endpoint(SIGNATURE, serve, input_signature=signature)
            archive.write_out(str(folder / "saved"), verbose=False)
        yield folder / "saved"


def to_float32(saved: Path) -> bytes:
    with quiet():
        return bytes(_converter(saved).convert())


def to_float16(saved: Path) -> bytes:
    """Weights of 16 bits: half the size; GPUs calculate with them, CPUs widen them first."""
    import tensorflow as tf

    with quiet():
        converter = _converter(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def to_dynamic_int8(saved: Path) -> bytes:
    import tensorflow as tf

    with quiet():
        converter = _converter(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return bytes(converter.convert())


def to_full_int8(saved: Path, squares: Sequence[Pixels]) -> bytes:
    """``squares`` are the letterboxed photos, uint8 (size, size, 3), that the ranges are measured on.

    The last steps stay in float32. In int8 the sides of a box could only lie at one of 256 places, which of
    640 px are at least 2.5 px apart.
    """
    import tensorflow as tf

    with quiet():
        converter = _converter(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ({"image": square[None]} for square in squares)
        # The one way TensorFlow offers to quantize some operations and leave others
        # (https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_debugger).
        lite = tf.lite.experimental
        debugger = lite.QuantizationDebugger(converter=converter, debug_options=lite.QuantizationDebugOptions())
        debugger.options.denylisted_nodes = _last_steps(debugger.calibrated_model)
        return bytes(debugger.get_nondebug_quantized_model())


def _last_steps(flatbuffer: bytes) -> list[str]:
    """The last operations with weights and what follows them, each by the name of its result."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    graph = model.subgraphs[0]
    # Old readers knew the first 127 operations only, so the number stands in two fields.
    codes = [kinds[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    maker = {tensor: operator for operator in graph.operators for tensor in operator.outputs}
    waiting = list(graph.outputs)
    steps: dict[int, str] = {}
    while waiting:
        tensor = waiting.pop()
        operator = maker.get(tensor)
        if operator is None or tensor in steps:
            continue
        steps[tensor] = graph.tensors[tensor].name.decode()
        if codes[operator.opcodeIndex] not in _WITH_WEIGHTS:
            waiting.extend(operator.inputs)
    return list(steps.values())


def _converter(saved: Path) -> Any:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=[SIGNATURE])

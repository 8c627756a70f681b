"""``model.onnx``, for ONNX Runtime, OpenVINO, TensorRT and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import ModelError
from thirtyfold.model.export.quiet import quiet, scratch_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels


def to_onnx(model: Any, size: int) -> bytes:
    """By Keras and tf2onnx: "image" uint8 (1, size, size, 3) to the outputs by name, as in LiteRT."""
    import tensorflow as tf

    with scratch_folder() as folder:
        with quiet():
            signature = [tf.TensorSpec((1, size, size, 3), tf.uint8, name="image")]
            path = folder / "model.onnx"
            model.export(str(path), format="onnx", verbose=False, input_signature=signature)
        return path.read_bytes()


class OnnxRunner:
    """An ONNX file run by ONNX Runtime on the CPU; raises :class:`ModelError` if it can't be."""

    def __init__(self, onnx: bytes, *, name: str, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's classes of errors are made in C++ and have no common root
            raise ModelError(f"{name}: is not a model that ONNX Runtime can run ({error}); export it again") from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, square: Pixels) -> Mapping[str, NDArray[np.float32]]:
        """The raw outputs by name for one letterboxed picture, uint8 (size, size, 3)."""
        return dict(zip(self._outputs, self._session.run(None, {"image": square[None]}), strict=True))

"""The forms a trained model comes in, by name, and the file each lies in.

All take one letterboxed picture, uint8 RGB (1, size, size, 3), named ``image``, with the preprocessing
inside, and give float32 outputs by name. ``model.json`` names forms; what file is opened stands here alone.
"""

from __future__ import annotations

from collections.abc import Mapping

KERAS, LITERT, LITERT_INT8, ONNX = "model.keras", "model.tflite", "model.int8.tflite", "model.onnx"
LITERT_FLOAT16, SAVED_MODEL = "model.float16.tflite", "model.savedmodel"
# As `export --to` calls them. Those of the first line are written by every training.
FORM_FILES: Mapping[str, str] = {
    **{"keras": KERAS, "litert": LITERT, "litert-int8": LITERT_INT8, "onnx": ONNX},
    **{"litert-float16": LITERT_FLOAT16, "savedmodel": SAVED_MODEL},
}
# As `predict --form` and `live --form` call them; `auto` is what `model.json` says.
RUNNABLE: Mapping[str, str] = {"float": LITERT, "int8": LITERT_INT8}
AUTO = "auto"

"""Drawn people who can be told apart, who finds their faces, and small real networks that measure them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from thirtyfold.images import Pixels, encode_jpeg
from thirtyfold.predict.detectors import _annotations, _for_finder
from thirtyfold.predict.gallery_enrolment import Photo
from thirtyfold.sample import Annotation

SKIN = (224, 172, 140)
SIDE = 32


def draw_person(name: str, seed: int, *, faces: int = 1, pixels: int = 80) -> Pixels:
    """A grey room with ``faces`` faces of that person, hair and eyes as the name has it, never twice the same."""
    looks = np.random.default_rng(int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)).integers(0, 255, (3, 3))
    looks[:, 0] //= 2  # nothing of it is skin
    random = np.random.default_rng(seed)
    picture = np.full((240, 320, 3), 90, np.uint8) + random.integers(0, 12, (240, 320, 3), np.uint8)
    for number in range(faces):
        x = 30 + number * 150 + int(random.integers(0, 20))
        y = 60 + int(random.integers(0, 20))
        hair, eyes, mouth = (tuple(int(v) for v in colour) for colour in looks)
        cv2.rectangle(picture, (x - pixels // 5, y - pixels // 5), (x + pixels + pixels // 5, y), hair, cv2.FILLED)
        cv2.rectangle(picture, (x, y), (x + pixels - 1, y + pixels - 1), SKIN, cv2.FILLED)
        for side in (1, 3):
            cv2.circle(picture, (x + side * pixels // 4, y + pixels // 3), pixels // 8, eyes, cv2.FILLED)
        cv2.rectangle(
            picture,
            (x + pixels // 4, y + 2 * pixels // 3),
            (x + 3 * pixels // 4, y + 3 * pixels // 4),
            mouth,
            cv2.FILLED,
        )
    return picture


def photo_of(name: str, seed: int, **how: int) -> Photo:
    return Photo(name=f"{name} {seed}.jpg", data=encode_jpeg(draw_person(name, seed, **how)))


def photos_of(name: str, count: int, *, first: int = 0) -> list[Photo]:
    return [photo_of(name, seed) for seed in range(first, first + count)]


class SkinFinder:
    """Finds the drawn faces, by their colour."""

    classes = ("face",)
    threshold = 0.5
    model_ms = 0.0

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        small, scale = _for_finder(pixels)
        skin = (np.abs(small.astype(int) - SKIN).max(axis=-1) < 24).astype(np.uint8)
        skin = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(skin)
        boxes = [(tuple(float(v) for v in row[:4]), 0.9) for row in stats[1:] if row[4] > 60]
        return _annotations(boxes, scale, pixels)


def write_onnx(path: Path, *, outputs: int = 48, channels_first: bool = False, as_bytes: bool = True) -> Path:
    """A network that measures a face: a picture of 32×32 scaled down to 4×4 colours, the mean taken off."""
    shape = [1, 3, SIDE, SIDE] if channels_first else [1, SIDE, SIDE, 3]
    kind = TensorProto.UINT8 if as_bytes else TensorProto.FLOAT
    nodes = [helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT)]
    first = "float"
    if not channels_first:
        nodes.append(helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]))
        first = "nchw"
    nodes += [
        helper.make_node("AveragePool", [first], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1]),
        helper.make_node("Sub", ["flat", "mean"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weights"], ["vector"]),
    ]
    weights = numpy_helper.from_array(np.eye(48, outputs, dtype=np.float32), "weights")
    return _write(path, nodes, [("image", kind, shape)], [("vector", [1, outputs])], [weights])


def write_sface_like(path: Path, *, outputs: int = 128) -> Path:
    """A network with the inputs and outputs of OpenCV's SFace: pooled colours, spread over 128 numbers."""
    random = np.random.default_rng(0).normal(size=(147, outputs)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["data"], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["fc1"]),
    ]
    bias = numpy_helper.from_array(-100 * random.sum(axis=0), "bias")
    weights = numpy_helper.from_array(random, "weights")
    return _write(
        path, nodes, [("data", TensorProto.FLOAT, [1, 3, 112, 112])], [("fc1", [1, outputs])], [weights, bias]
    )


def _write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, list[int]]],
    outputs: Sequence[tuple[str, list[int]]],
    weights: Sequence[onnx.TensorProto],
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        list(weights),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path

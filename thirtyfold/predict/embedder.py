"""What turns a face into numbers that can be compared: faces of one person give vectors that point the same way.

===============  =====================================================================================
``sface``        SFace (Zhong et al., "SFace: Sigmoid-constrained hypersphere loss for robust face
                 recognition", 2021), OpenCV's export, run by OpenCV. Its file, 39 MB, is fetched once.
``FILE.onnx``    any network with one picture in and one vector out, run by ONNX Runtime. One that takes
                 112×112 gets the face turned upright by its five points, as such networks are trained.
a run            of ``thirtyfold train --task recognize``, run by LiteRT.
===============  =====================================================================================

All take what :func:`thirtyfold.predict.chain.crop` cuts out: a face with its margin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thirtyfold.download import Download, cache_dir, obtain
from thirtyfold.errors import ModelError, UsageError
from thirtyfold.images import letterbox
from thirtyfold.predict.artifact import MAX_FORM_BYTES, read_card, read_plain
from thirtyfold.predict.chain import MARGIN_SHARE
from thirtyfold.predict.decoders import EMBEDDING
from thirtyfold.predict.detectors import YUNET, YuNet
from thirtyfold.predict.face_alignment import ALIGNED_PX, FaceAligner
from thirtyfold.predict.gallery import MAX_DIMENSION
from thirtyfold.predict.recognizer_threshold import Evidence
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import DEFAULT_RUNS, MODEL_CARD, find_run

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

Vectors = NDArray[np.float32]

SFACE_NAME = "sface"
# The digest and the length of 38,696,353 bytes are those of the zoo's own Git LFS pointer at this commit.
SFACE = Download(
    name="face_recognition_sface_2021dec.onnx",
    url="https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/"
    "models/face_recognition_sface/face_recognition_sface_2021dec.onnx",
    what="the face recognizer SFace",
    digest="sha256:0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    otherwise="take a run of `thirtyfold train --task recognize`",
)
# The cosine from which OpenCV's own examples and tests say "the same person" (opencv_zoo, sface.py).
SFACE_THRESHOLD = 0.363
RECOGNIZE = "recognize"
# What a float network expects of a pixel, by the name it has in `enroll --pixels`: value = (pixel - shift) / scale.
PIXELS: Mapping[str, tuple[float, float]] = {"-1..1": (127.5, 127.5), "0..1": (0.0, 255.0), "0..255": (0.0, 1.0)}
USUAL_PIXELS = "-1..1"


class Embedder(Protocol):
    """Faces in, unit vectors out. Belongs to one thread at a time.

    ``sha256`` is the hash of the file that runs: vectors of another file cannot be compared with this one's.
    ``source`` is what :func:`open_embedder` opens it by again, ``pixels`` with it. ``evidence`` is how alike faces
    of validation people were, ``published_threshold`` a cosine that its makers give; ``None`` where there is none.
    """

    @property
    def source(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def pixels(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def evidence(self) -> Evidence | None: ...

    @property
    def published_threshold(self) -> float | None: ...

    def embed(self, crops: Sequence[Pixels]) -> Vectors:
        """A unit vector (N, dimension) for each RGB uint8 face with its margin, (height, width, 3)."""
        ...


class SFace:
    """``cv2.FaceRecognizerSF`` on faces that ``aligner`` turns upright.

    Raises :class:`ModelError` for another network.
    """

    dimension = 128
    evidence = None
    published_threshold = SFACE_THRESHOLD
    pixels = USUAL_PIXELS

    def __init__(self, onnx: bytes, *, source: str, aligner: FaceAligner) -> None:
        import cv2

        self.source = source
        self.sha256 = hashlib.sha256(onnx).hexdigest()
        self._aligner = aligner
        try:
            # From bytes: OpenCV opens no path with other than ASCII letters on Windows.
            self._network: Any = cv2.FaceRecognizerSF.create(
                "onnx", np.frombuffer(onnx, np.uint8), np.empty(0, np.uint8)
            )
            size = self._network.feature(np.zeros((ALIGNED_PX, ALIGNED_PX, 3), np.uint8)).size
        except cv2.error as error:
            raise ModelError(
                f"{source}: is not an SFace that OpenCV {cv2.__version__} can run ({str(error).splitlines()[0][:200]})"
            ) from error
        if size != self.dimension:
            raise ModelError(f"{source}: gives {size} numbers a face, and SFace gives {self.dimension}")

    def embed(self, crops: Sequence[Pixels]) -> Vectors:
        import cv2

        raw = [self._network.feature(cv2.cvtColor(self._aligner(crop), cv2.COLOR_RGB2BGR)).ravel() for crop in crops]
        return _unit(raw, self.dimension)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFile:
    """An ONNX network that is ready to run, and how it takes a square picture of ``size`` pixels."""

    source: str
    sha256: str
    session: Any
    input_name: str
    size: int
    channels_first: bool
    as_bytes: bool


class OnnxEmbedder:
    """Any ONNX network with one picture in, NCHW or NHWC, and one vector out. Raises :class:`ModelError` for others.

    Faces are turned upright by ``aligner``, or letterboxed where there is none.
    """

    evidence = None
    published_threshold = None

    def __init__(self, onnx: OnnxFile, *, aligner: FaceAligner | None, pixels: str = USUAL_PIXELS) -> None:
        if pixels not in PIXELS:
            raise UsageError(f"--pixels {pixels}: one of {', '.join(PIXELS)} was expected")
        self.source = onnx.source
        self.sha256 = onnx.sha256
        self.pixels = pixels
        self._onnx = onnx
        self._aligner = aligner
        outputs = [output.name for output in onnx.session.get_outputs()]
        self.dimension = self._raw(np.zeros((onnx.size, onnx.size, 3), np.uint8)).size
        if len(outputs) != 1 or not 2 <= self.dimension <= MAX_DIMENSION:
            raise ModelError(
                f"{self.source}: gives {', '.join(outputs)} with {self.dimension} numbers in the first; one vector of "
                f"2 to {MAX_DIMENSION} numbers was expected"
            )

    def embed(self, crops: Sequence[Pixels]) -> Vectors:
        # One after the other: networks that were exported for one picture take no more.
        return _unit([self._raw(self._prepared(crop)) for crop in crops], self.dimension)

    def _prepared(self, crop: Pixels) -> Pixels:
        return letterbox(crop, self._onnx.size)[0] if self._aligner is None else self._aligner(crop)

    def _raw(self, square: Pixels) -> Vectors:
        onnx = self._onnx
        shift, scale = PIXELS[self.pixels]
        value: Any = square if onnx.as_bytes else (square.astype(np.float32) - np.float32(shift)) / np.float32(scale)
        if onnx.channels_first:
            value = value.transpose(2, 0, 1)
        try:
            outputs = onnx.session.run(None, {onnx.input_name: np.ascontiguousarray(value[None])})
        except Exception as error:  # onnxruntime raises classes of its own, none of them public
            raise ModelError(f"{self.source}: fails on a picture ({_first_line(error)})") from error
        return np.asarray(outputs[0], np.float32).ravel()


class RunEmbedder:
    """A run of the task *recognize*. Raises :class:`ModelError` for a run of another task."""

    published_threshold = None
    pixels = USUAL_PIXELS

    def __init__(self, run_dir: Path) -> None:
        from thirtyfold.predict.runtime import load

        card = read_card(run_dir)
        if card.task != RECOGNIZE:
            raise ModelError(
                f"{run_dir}: was trained to {card.task}, not to recognize; take a run of "
                f"`thirtyfold train --task {RECOGNIZE}`, or {SFACE_NAME}"
            )
        self._predictor = load(run_dir)
        self.source = str(run_dir)
        self.sha256 = card.forms[card.runs].sha256
        self.dimension = int(self._predictor.outputs(np.zeros((card.size, card.size, 3), np.uint8))[EMBEDDING].size)
        self.evidence = Evidence.from_dict(_similarities(card.metrics), what=str(run_dir / MODEL_CARD))

    def embed(self, crops: Sequence[Pixels]) -> Vectors:
        squares = (self._predictor.square(crop)[0] for crop in crops)
        raw = [self._predictor.outputs(square)[EMBEDDING].ravel() for square in squares]
        return _unit(raw, self.dimension)


def open_embedder(
    source: str, *, runs_dir: Path = DEFAULT_RUNS, pixels: str = USUAL_PIXELS, progress: Progress = SILENT
) -> Embedder:
    """The embedder that ``source`` names: ``sface``, a ``.onnx`` file, or a run (a path, ``recognize/1``, ``latest``).

    Raises :class:`ModelError` for what is none, and :class:`NotInstalledError` where a file cannot be fetched.
    """
    if source == SFACE_NAME:
        data = obtain(SFACE, cache_dir(), progress).read_bytes()
        return SFace(data, source=SFACE_NAME, aligner=_open_aligner(progress))
    path = Path(source)
    if path.suffix.lower() == ".onnx" and not (path.parent / MODEL_CARD).is_file():
        if not path.is_file():
            raise ModelError(f"{path}: no such file; `{SFACE_NAME}`, a .onnx file or a run was expected")
        data = read_plain(path, MAX_FORM_BYTES)
        onnx = _open_onnx(data, path)
        aligner = _open_aligner(progress) if onnx.size == ALIGNED_PX else None
        if aligner is not None and _is_sface(onnx.session):
            return SFace(data, source=onnx.source, aligner=aligner)
        return OnnxEmbedder(onnx, aligner=aligner, pixels=pixels)
    return RunEmbedder(find_run(source, runs_dir, task=RECOGNIZE).resolve())


def _open_aligner(progress: Progress) -> FaceAligner:
    path = obtain(YUNET, cache_dir(), progress)
    return FaceAligner(YuNet(path.read_bytes(), name=str(path)), margin_share=MARGIN_SHARE)


def _open_onnx(data: bytes, path: Path) -> OnnxFile:
    """Raises :class:`ModelError` for what ONNX Runtime cannot run, or what takes something else than a picture."""
    session = _onnx_session(data, str(path))
    inputs = session.get_inputs()
    shape = list(inputs[0].shape) if len(inputs) == 1 else []
    channels_first = len(shape) == 4 and shape[1] == 3
    sides = shape[2:] if channels_first else shape[1:3]
    kinds = {"tensor(uint8)": True, "tensor(float)": False}
    batch_fits = len(shape) == 4 and (not isinstance(shape[0], int) or shape[0] in (1, -1))
    square = len(sides) == 2 and isinstance(sides[0], int) and sides[0] == sides[1] and 16 <= sides[0] <= 1024
    if not (batch_fits and square and 3 in (shape[1], shape[3]) and inputs[0].type in kinds):
        found = ", ".join(f"{it.name} {it.shape} {it.type}" for it in inputs)
        raise ModelError(
            f"{path}: takes {found or 'nothing'}; one square picture of a fixed size, [1, 3, side, side] or "
            "[1, side, side, 3], float or uint8, was expected"
        )
    return OnnxFile(
        source=str(path.resolve()),
        sha256=hashlib.sha256(data).hexdigest(),
        session=session,
        input_name=str(inputs[0].name),
        size=int(sides[0]),
        channels_first=channels_first,
        as_bytes=kinds[inputs[0].type],
    )


def _onnx_session(data: bytes, name: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        # From the bytes whose hash is kept: the file may change meanwhile.
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own, none of them public
        raise ModelError(f"{name}: is not a model that ONNX Runtime can run ({_first_line(error)})") from error


def _is_sface(session: Any) -> bool:
    """Whether it has the inputs and outputs of OpenCV's exports of SFace, the smaller ones included."""
    (taken,), given = session.get_inputs(), session.get_outputs()
    return bool(taken.name == "data" and given[0].name == "fc1" and list(given[0].shape)[-1] == SFace.dimension)


def _similarities(metrics: Mapping[str, Any]) -> Any:
    """How alike the run's validation people were."""
    val = metrics.get("val")
    return val.get("similarities") if isinstance(val, Mapping) else None


def _unit(raw: Sequence[NDArray[Any]], dimension: int) -> Vectors:
    """Rows of length 1. A row without a direction, or not a number, becomes zeros: like nobody at all."""
    vectors = np.zeros((len(raw), dimension), np.float32)
    for index, row in enumerate(raw):
        vectors[index] = row
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 1e-9)
    return np.where(usable, vectors / np.where(usable, lengths, 1.0), 0.0).astype(np.float32)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

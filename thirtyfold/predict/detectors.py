"""What finds objects: a trained run, or a ready detector of faces by its name.

==========  ======================================================================
``yunet``   YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector",
            2023), run by OpenCV. Its file, 0.2 MB, is fetched once. A path to another
            export of it (``.onnx``) works as well.
``haar``    Viola and Jones' cascade of 2001, as it comes with OpenCV. Frontal faces
            only, and square boxes; needs no file.
==========  ======================================================================

To add one: a class with what :class:`Detector` asks for, and a line in :data:`READY`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from thirtyfold.download import Download, cache_dir, obtain
from thirtyfold.errors import ModelError, NotInstalledError, UsageError
from thirtyfold.predict.forms import AUTO
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, BoxXyxy
from thirtyfold.workspace import DEFAULT_RUNS, MODEL_CARD, find_run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

Model = Path | str
"""A run folder or a ``.onnx`` file (a path), or the name of a ready detector (a string)."""

FACE = "face"
YUNET = Download(
    name="yunet_n_640_640.onnx",
    url="https://github.com/ShiqiYu/libfacedetection.train/raw/master/onnx/yunet_n_640_640.onnx",
    what="the face detector YuNet",
    digest="sha256:25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    otherwise="take `haar`, which needs no file",
)
# Larger pictures are scaled down to this longest side. It is what YuNet learned at: close-ups of
# 1,632 px were all found at 320 and 640, half of them at 1,280, one in 24 at 1,920.
FINDER_SIDE_PX = 640
# Of 96 webcam frames one hand was a face at 0.6, and none at 0.7; every face was found at both.
_YUNET_THRESHOLD = 0.7
_HAAR_THRESHOLD = 0.5
_NMS_IOU = 0.3
# A cascade often gives a second, larger box around the same face: this much of the smaller one is shared.
_NESTED_SHARE = 0.5
_TOP_K = 5000


class Detector(Protocol):
    """Pixels in, annotations out: what a trained model and a ready detector have in common.

    ``threshold`` is the score from which something counts as found, ``model_ms`` how long the
    last picture took, ``classes`` are the labels it can give. Belongs to one thread at a time.
    """

    threshold: float
    model_ms: float

    @property
    def classes(self) -> tuple[str, ...]: ...

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        """What is found in RGB uint8 ``pixels`` (height, width, 3), best score first, clipped to the picture."""
        ...


class YuNet:
    """``cv2.FaceDetectorYN``. Scores are YuNet's own, 0 to 1. Raises :class:`ModelError` for another network."""

    classes = (FACE,)

    def __init__(self, onnx: bytes, *, name: str, threshold: float | None = None) -> None:
        import cv2
        import numpy as np

        self.threshold = _YUNET_THRESHOLD if threshold is None else threshold
        self.model_ms = 0.0
        try:
            # From bytes: OpenCV opens no path with other than ASCII letters on Windows.
            self._finder: Any = cv2.FaceDetectorYN.create(
                "onnx", np.frombuffer(onnx, np.uint8), np.empty(0, np.uint8), (64, 64), 0.5, _NMS_IOU, _TOP_K
            )
            self._finder.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            reason = str(error).splitlines()[0][:200]
            raise ModelError(f"{name}: is not a YuNet that OpenCV {cv2.__version__} can run ({reason})") from error

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        started = time.perf_counter()
        rows, scale = self._rows(pixels, self.threshold if threshold is None else threshold)
        found = [(tuple(float(v) for v in row[:4]), float(row[14])) for row in rows]
        self.model_ms = (time.perf_counter() - started) * 1000
        return _annotations(found, scale, pixels)

    def points(self, pixels: Pixels) -> list[NDArray[np.float32]]:
        """Eyes, nose and corners of the mouth of each face, (5, 2): x, y in pixels, left of the picture first."""
        rows, scale = self._rows(pixels, self.threshold)
        return [row[4:14].reshape(5, 2) / scale for row in rows]

    def _rows(self, pixels: Pixels, threshold: float) -> tuple[Sequence[NDArray[np.float32]], float]:
        """What YuNet says of the picture scaled down, and that scale.

        A row: left, top, width, height, five points of the face (x, y), score.
        """
        import cv2

        small, scale = _for_finder(pixels)
        self._finder.setScoreThreshold(threshold)
        self._finder.setInputSize((small.shape[1], small.shape[0]))
        _, rows = self._finder.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        return (rows if rows is not None else ()), scale


class Haar:
    """``cv2.CascadeClassifier`` with OpenCV's ``haarcascade_frontalface_default.xml``.

    A cascade knows no probability: the score is a logistic curve over the weight of its last stage,
    laid so that 0.5 is where false faces begin to outnumber the ones that would be won.
    """

    classes = (FACE,)

    def __init__(self, *, threshold: float | None = None) -> None:
        import cv2

        if not hasattr(cv2, "CascadeClassifier"):
            raise NotInstalledError(f"OpenCV {cv2.__version__} has no Haar cascades any more; take `yunet`")
        path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        self.threshold = _HAAR_THRESHOLD if threshold is None else threshold
        self.model_ms = 0.0
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise NotInstalledError(f"{path}: cannot be loaded; install opencv-python again")

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        import cv2

        started = time.perf_counter()
        small, scale = _for_finder(pixels)
        boxes, _, weights = self._cascade.detectMultiScale3(
            cv2.cvtColor(small, cv2.COLOR_RGB2GRAY),
            scaleFactor=1.1,
            minNeighbors=3,
            minSize=(24, 24),
            outputRejectLevels=True,
        )
        lowest = self.threshold if threshold is None else threshold
        scored = [
            (tuple(float(v) for v in box), 1 / (1 + math.exp((1.0 - float(weight)) / 2)))
            for box, weight in zip(boxes, weights, strict=True)
        ]
        self.model_ms = (time.perf_counter() - started) * 1000
        return _without_nested(_annotations([(box, score) for box, score in scored if score >= lowest], scale, pixels))


def _open_yunet(threshold: float | None, progress: Progress) -> Detector:
    path = obtain(YUNET, cache_dir(), progress)
    return YuNet(path.read_bytes(), name=str(path), threshold=threshold)


def _open_haar(threshold: float | None, progress: Progress) -> Detector:
    return Haar(threshold=threshold)


READY: Mapping[str, Callable[[float | None, Progress], Detector]] = {"haar": _open_haar, "yunet": _open_yunet}


def find_model(name: Model, runs_dir: Path = DEFAULT_RUNS) -> Model:
    """What ``--model`` means: a ready detector's name, a ``.onnx`` file, or the folder of a finished run.

    Raises :class:`ModelError` if it is none of them.
    """
    if str(name) in READY:
        return str(name)
    if Path(name).suffix.lower() == ".onnx" and not (Path(name).parent / MODEL_CARD).is_file():
        if not Path(name).is_file():
            raise ModelError(f"{name}: no such file")
        return Path(name)
    try:
        return find_run(name, runs_dir)
    except ModelError as error:
        raise ModelError(f"{error}; faces are found without training by --model {' or '.join(READY)}") from error


def open_detector(
    model: Model, *, threshold: float | None = None, form: str = AUTO, progress: Progress = SILENT
) -> Detector:
    """What :func:`find_model` found, ready to be called; ``form`` is that of a run (``predict/forms.py``).

    Raises :class:`ModelError` for a file or run that is wrong, and :class:`NotInstalledError` where a
    file that is fetched once cannot be.
    """
    if form != AUTO and (str(model) in READY or Path(model).suffix.lower() == ".onnx"):
        raise UsageError(f"--form {form}: {model} comes in one form only; leave --form out")
    if isinstance(model, str) and model in READY:
        return READY[model](threshold, progress)
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        try:
            return YuNet(path.read_bytes(), name=str(path), threshold=threshold)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    from thirtyfold.predict.decoders import EMBEDDING
    from thirtyfold.predict.runtime import load

    predictor = load(path, threshold=threshold, form=form)
    if predictor.artifact.decoder == EMBEDDING:
        raise ModelError(
            f"{path}: was trained to recognize, and finds nothing by itself; enrol people with `thirtyfold enroll NAME "
            f"PHOTOS --model {path}`, then `thirtyfold live --model yunet --then people`"
        )
    return predictor


def _for_finder(pixels: Pixels) -> tuple[Pixels, float]:
    """The picture with a longest side of :data:`FINDER_SIDE_PX` at most, and its scale."""
    import cv2

    height, width = pixels.shape[:2]
    scale = FINDER_SIDE_PX / max(height, width)
    if scale >= 1:
        return pixels, 1.0
    small_wh = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, small_wh, interpolation=cv2.INTER_AREA), scale  # type: ignore[return-value]


def _annotations(
    found_xywh: list[tuple[tuple[float, ...], float]], scale: float, pixels: Pixels
) -> tuple[Annotation, ...]:
    """Boxes (left, top, width, height) of the small picture as faces of the large one, clipped to it."""
    height, width = pixels.shape[:2]
    faces = []
    for (left, top, box_width, box_height), score in found_xywh:
        x1, x2 = (min(max(x / scale, 0.0), float(width)) for x in (left, left + box_width))
        y1, y2 = (min(max(y / scale, 0.0), float(height)) for y in (top, top + box_height))
        if x2 > x1 and y2 > y1:
            faces.append(Annotation.from_box(FACE, (x1, y1, x2, y2), score=score))
    return tuple(sorted(faces, key=lambda face: -(face.score or 0.0)))


def _without_nested(faces: tuple[Annotation, ...]) -> tuple[Annotation, ...]:
    """``faces``, best first, without those that lie in or around a better one."""
    kept: list[Annotation] = []
    for face in faces:
        if all(_shared_with_smaller(face.box_xyxy, other.box_xyxy) < _NESTED_SHARE for other in kept):
            kept.append(face)
    return tuple(kept)


def _shared_with_smaller(a_xyxy: BoxXyxy, b_xyxy: BoxXyxy) -> float:
    """The intersection of two boxes, as a share of the smaller one."""
    width = min(a_xyxy[2], b_xyxy[2]) - max(a_xyxy[0], b_xyxy[0])
    height = min(a_xyxy[3], b_xyxy[3]) - max(a_xyxy[1], b_xyxy[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((box[2] - box[0]) * (box[3] - box[1]) for box in (a_xyxy, b_xyxy))

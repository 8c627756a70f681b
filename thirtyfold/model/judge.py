"""What a model says about photos, as :class:`Judged`: in training by Keras, afterwards by the exported one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.images import letterbox_placement
from thirtyfold.model.evaluate import Judged
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import DECODERS, Placement
from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Below it nothing is looked at. Average precision goes through every score, so it has to be low.
LOWEST_SCORE = 0.01


def judge_arrays(
    model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], artifact: Artifact, *, batch: int
) -> list[Judged]:
    """What a Keras model says about photos, in pixels of the originals; ``arrays`` are its inputs, a row a photo.

    ``artifact`` says what its outputs mean.
    """
    decode = DECODERS[artifact.decoder].decode
    judged = []
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        inputs = [array[start : start + len(part)] for array in arrays]
        outputs = model.predict_on_batch(inputs[0] if len(inputs) == 1 else inputs)
        for index, sample in enumerate(part):
            single = {key: value[index : index + 1] for key, value in outputs.items()}
            found = decode(
                single, artifact.classes, LOWEST_SCORE, artifact.decoder_options, _placement(sample, artifact.size)
            )
            judged.append(Judged(sample=sample, predictions=found))
    return judged


def judge_photos(
    detector: Detector,
    samples: Sequence[Sample],
    *,
    problems: list[FileDataError] | None = None,
    model_ms: list[float] | None = None,
    progress: Progress = SILENT,
    label: str = "judging",
) -> list[Judged]:
    """What a finished model or a ready detector says about photos, from :data:`LOWEST_SCORE` of its raw scores.

    A photo that can't be read is appended to ``problems`` and left out; how long the others took to ``model_ms``.
    """
    lowest = detector.calibration.apply(LOWEST_SCORE) if isinstance(detector, Predictor) else LOWEST_SCORE
    judged = []
    with progress.bar(label, total=len(samples), unit="photo") as bar:
        for sample in samples:
            try:
                pixels = read_pixels(sample)
            except FileDataError as error:
                if problems is not None:
                    problems.append(error)
            else:
                judged.append(Judged(sample=sample, predictions=detector(pixels, threshold=lowest)))
                if model_ms is not None:
                    model_ms.append(detector.model_ms)
            bar.advance()
    return judged


def _placement(sample: Sample, size: int) -> Placement:
    scale, offset_xy = letterbox_placement(sample.width, sample.height, size)
    return Placement(size=size, scale=scale, offset_xy=offset_xy, image_wh=(sample.width, sample.height))

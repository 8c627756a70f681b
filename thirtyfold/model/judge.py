"""What a model says about photos, as :class:`Judged`: in training by Keras, afterwards by the exported one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.images import letterbox_placement
from thirtyfold.model.metrics.detection import Judged
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import DECODERS, Outputs, Placement
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
    for outputs, sample in raw_outputs(model, arrays, samples, batch=batch):
        found = decode(
            outputs, artifact.classes, LOWEST_SCORE, artifact.decoder_options, placement_of(sample, artifact.size)
        )
        judged.append(Judged(sample=sample, predictions=found))
    return judged


def raw_outputs(
    model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], *, batch: int
) -> Iterator[tuple[Outputs, Sample]]:
    """What a Keras model gives for each photo, (1, …) by name; ``arrays`` are its inputs, a row a photo."""
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        inputs = [array[start : start + len(part)] for array in arrays]
        outputs = model.predict_on_batch(inputs[0] if len(inputs) == 1 else inputs)
        for index, sample in enumerate(part):
            yield {name: value[index : index + 1] for name, value in outputs.items()}, sample


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


def placement_of(sample: Sample, size: int) -> Placement:
    """Where a photo lies in a model's input square of ``size`` pixels."""
    scale, offset_xy = letterbox_placement(sample.width, sample.height, size)
    return Placement(size=size, scale=scale, offset_xy=offset_xy, image_wh=(sample.width, sample.height))

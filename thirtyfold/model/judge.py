"""What a model says about photos, as :class:`Judged`: in training by Keras, afterwards by the exported one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.images import letterbox_placement
from thirtyfold.model.evaluate import Judged
from thirtyfold.model.options import TrainOptions
from thirtyfold.predict.decoders import DECODERS, Placement
from thirtyfold.predict.runtime import Predictor
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.model.data import TrainingData
    from thirtyfold.model.tasks import Task

# Below it nothing is looked at, while the best threshold is still to be found.
LOWEST_SCORE = 0.02


def judge_squares(
    model: Any,
    squares: NDArray[np.uint8],
    samples: Sequence[Sample],
    task: Task,
    options: TrainOptions,
    data: TrainingData,
) -> list[Judged]:
    """What a Keras model says about letterboxed photos, in pixels of the originals."""
    name, decoder_options = task.decoder(options, many=data.many)
    judged = []
    for start in range(0, len(samples), options.batch):
        part = samples[start : start + options.batch]
        outputs = model.predict_on_batch(squares[start : start + len(part)])
        for index, sample in enumerate(part):
            single = {key: value[index : index + 1] for key, value in outputs.items()}
            found = DECODERS[name].decode(
                single, data.classes, LOWEST_SCORE, decoder_options, _placement(sample, options.size)
            )
            judged.append(Judged(sample=sample, predictions=found))
    return judged


def judge_photos(predictor: Predictor, samples: Sequence[Sample]) -> list[Judged]:
    """What the exported model says about photos; one that can't be read is left out."""
    judged = []
    for sample in samples:
        try:
            pixels = read_pixels(sample)
        except FileDataError:
            continue  # named when it was read for training
        judged.append(Judged(sample=sample, predictions=predictor(pixels, threshold=LOWEST_SCORE)))
    return judged


def _placement(sample: Sample, size: int) -> Placement:
    scale, offset_xy = letterbox_placement(sample.width, sample.height, size)
    return Placement(size=size, scale=scale, offset_xy=offset_xy, image_wh=(sample.width, sample.height))

"""How much stands around the faces that a model of whole photos learns from.

A model that learned from faces cut out closely wants to be shown faces cut out closely, when it is the second one of
a chain (``live --model yunet --then RUN``). So the margin is measured on the train photos, and stands in
``model.json``, ``decoder_options["margin_share"]``.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.download import cache_dir
from thirtyfold.errors import FileDataError, ThirtyfoldError
from thirtyfold.predict.chain import MOST_MARGIN
from thirtyfold.predict.detectors import YUNET, Detector, open_detector
from thirtyfold.progress import Progress
from thirtyfold.sample import BoxXyxy, Sample, box_area

_MOST_PHOTOS = 120
_SEED = 30
# With fewer the photos are no cut-outs of faces, or a finder sees too little of them to measure by.
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceMargin:
    """``margin_share`` of a face's sides is the median margin around it; measured on ``found`` of ``photos``."""

    margin_share: float
    found: int
    photos: int


def yunet_if_there(progress: Progress) -> Detector | None:
    """YuNet, if its file was fetched before: a training waits for no network, and fails for no finder."""
    try:
        return open_detector("yunet", progress=progress) if (cache_dir() / YUNET.name).is_file() else None
    except ThirtyfoldError:
        return None


def face_margin(
    samples: Sequence[Sample],
    progress: Progress,
    *,
    open_finder: Callable[[Progress], Detector | None] = yunet_if_there,
) -> FaceMargin | None:
    """The margin on the originals among ``samples``, of a seeded choice of them; ``None`` where it cannot be known.

    That is without a finder, on photos of which fewer than half show a face, and where faces are a small part of
    the photo: these are no cut-outs.
    """
    photos = sorted((sample for sample in samples if sample.parent is None), key=lambda sample: sample.image_path.name)
    finder = open_finder(progress) if photos else None
    if finder is None:
        return None
    chosen = random.Random(_SEED).sample(photos, min(_MOST_PHOTOS, len(photos)))  # noqa: S311 - nothing secret
    margins = []
    with progress.bar("faces", total=len(chosen), unit="photo") as bar:
        for sample in chosen:
            bar.advance()
            try:
                pixels = read_pixels(sample)
            except FileDataError:
                continue  # the training has said so already
            if boxes := [face.box_xyxy for face in finder(pixels)]:
                margins.append(margin_around(max(boxes, key=box_area), (pixels.shape[1], pixels.shape[0])))
    if len(margins) < _ENOUGH * len(chosen):
        return None
    margin_share = round(statistics.median(margins), 3)
    if margin_share > MOST_MARGIN:
        return None
    return FaceMargin(margin_share=margin_share, found=len(margins), photos=len(chosen))


def margin_around(box_xyxy: BoxXyxy, image_wh: tuple[int, int]) -> float:
    """What lies between a box and the edges of its picture, as a share of the box's sides: the mean of the four."""
    left, top, right, bottom = box_xyxy
    across = (left + image_wh[0] - right) / (right - left)
    down = (top + image_wh[1] - bottom) / (bottom - top)
    return max(0.0, (across + down) / 4)

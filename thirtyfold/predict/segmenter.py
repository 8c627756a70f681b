"""A segmenter with what only segmenters can do: large pictures in tiles, objects that touch taken apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import UsageError
from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.runtime import Predictor
from thirtyfold.predict.segment_options import SegmentOptions
from thirtyfold.predict.segments import Segmentation, annotations_of, segmentation_of
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from thirtyfold.images import Pixels
    from thirtyfold.predict.tiles import Scores

DECODER = "mask"


def with_options(detector: Detector, options: SegmentOptions) -> Detector:
    """The detector, doing what the options ask for. Raises :class:`UsageError` where it is no segmenter."""
    asked = [
        name
        for name, wanted in (
            ("--masks", options.masks is not None),
            ("--instances", options.instances),
            ("--tile", options.tile_px is not None),
        )
        if wanted
    ]
    if not asked:
        return detector
    if not isinstance(detector, Predictor) or detector.artifact.decoder != DECODER:
        raise UsageError(f"{asked[0]}: needs a model that outlines, from `thirtyfold train --task segment`")
    return Segmenter(detector, options) if options.instances or options.tile_px is not None else detector


class Segmenter:
    """A :class:`~thirtyfold.predict.detectors.Detector`: a run that outlines, with what the command line asks for."""

    def __init__(self, predictor: Predictor, options: SegmentOptions) -> None:
        self.threshold = predictor.threshold
        self.model_ms = 0.0
        self._predictor, self._options = predictor, options
        self._decoder_options: dict[str, Any] = {
            **predictor.artifact.decoder_options,
            "instances": options.instances,
        }
        self._cells = 0  # along a side of the network's output; known when it has looked at something

    @property
    def classes(self) -> tuple[str, ...]:
        return self._predictor.classes

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        """Outlines in pixels of RGB uint8 ``pixels`` (height, width, 3), best score first."""
        self.model_ms = 0.0
        size = self._predictor.artifact.size
        scale = size / (self._options.tile_px or max(pixels.shape[:2]))
        tile_px = self._options.tile_px
        found = self._whole(pixels) if tile_px is None else self._tiled(pixels, tile_px)
        cell_px = size / self._cells / scale
        lowest = self.threshold if threshold is None else threshold
        return annotations_of(found, self.classes, lowest, self._decoder_options, pixels_per_cell=cell_px)

    def _whole(self, pixels: Pixels) -> Segmentation:
        square, placement = self._predictor.square(pixels)
        return segmentation_of(self._mask(square), placement)

    def _tiled(self, pixels: Pixels, tile_px: int) -> Segmentation:
        from thirtyfold.predict.tiles import STRIDE_PX, blended

        size = self._predictor.artifact.size
        # Tiles on the network's own cells only where a pixel of the picture is one of the network's.
        rows = blended(
            pixels,
            lambda tile: self._tile(tile, tile_px),
            tile_px=tile_px,
            channels=len(self.classes) + 1,
            multiple_px=STRIDE_PX if tile_px == size else 1,
        )
        return Segmentation.joined((Segmentation.of(scores) for _, scores in rows), (pixels.shape[1], pixels.shape[0]))

    def _tile(self, tile: Pixels, tile_px: int) -> Scores:
        """Probabilities (tile, tile, classes + 1) of one tile."""
        import cv2
        import numpy as np

        size = self._predictor.artifact.size
        shrinks = tile_px > size
        square = tile
        if tile_px != size:
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            square = np.asarray(cv2.resize(tile, (size, size), interpolation=how), np.uint8)
        mask = self._mask(square)
        planes = [
            cv2.resize(np.ascontiguousarray(mask[..., channel]), (tile_px, tile_px), interpolation=cv2.INTER_LINEAR)
            for channel in range(mask.shape[-1])
        ]
        return np.stack(planes, axis=-1).astype(np.float32)

    def _mask(self, square: Pixels) -> Scores:
        import numpy as np

        started = time.perf_counter()
        mask: Scores = np.nan_to_num(self._predictor.outputs(square)["mask"][0], nan=0.0)
        self.model_ms += (time.perf_counter() - started) * 1000
        self._cells = mask.shape[0]
        return mask

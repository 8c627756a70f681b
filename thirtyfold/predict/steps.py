"""What happened to one picture on its way to an answer: what `thirtyfold predict --debug` shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.predict.decoders import RANKED
from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.runtime import Predictor
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

# Of a detector the best raw boxes are shown, those below the threshold included.
_RAW_BOXES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """``milliseconds`` by step, in order. Of a trained model: the side of its ``square``, where the picture lies in it
    (``scale``, ``offset_xy``), how it was prepared, the least, mean and largest number of what the network was
    ``fed``, uint8 RGB, the file of the ``form`` that ran, and ``raw``, its best answers whatever their score: (label,
    score, box).
    """

    image_wh: tuple[int, int]
    milliseconds: Mapping[str, float]
    square: int | None = None
    scale: float = 1.0
    offset_xy: tuple[float, float] = (0.0, 0.0)
    prepare: tuple[str, ...] = ()
    fed: tuple[int, float, int] | None = None
    form: str = ""
    raw: tuple[tuple[str, float, tuple[float, ...] | None], ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "milliseconds": {name: round(value, 3) for name, value in self.milliseconds.items()},
        }
        if self.square is None:
            return facts
        low, mean, high = self.fed or (0, 0.0, 0)
        return facts | {
            "square": self.square,
            "scale": round(self.scale, 6),
            "offset_xy": list(self.offset_xy),
            "prepare": list(self.prepare),
            "fed": {"min": low, "mean": round(mean, 2), "max": high},
            "form": self.form,
            "raw": [
                {"label": label, "score": round(score, 6), **({} if box is None else {"box_xyxy": _rounded(box)})}
                for label, score, box in self.raw
            ],
        }

    def lines(self) -> list[str]:
        """The same in words."""
        width, height = self.image_wh
        times = ", ".join(f"{name} {value:.1f} ms" for name, value in self.milliseconds.items())
        if self.square is None:
            return [f"picture {width} × {height}", f"times: {times}"]
        low, mean, high = self.fed or (0, 0.0, 0)
        across, down = round(width * self.scale), round(height * self.scale)
        left, top = (round(value) for value in self.offset_xy)
        said = [
            f"picture {width} × {height}, in the square of {self.square} px as {across} × {down} from ({left}, {top})",
            f"fed: uint8 RGB, least {low}, mean {mean:.1f}, largest {high}"
            + (f"; prepared: {', '.join(self.prepare)}" if self.prepare else "")
            + f"; the network ({self.form}) scales it itself",
        ]
        said += [
            f"  {label}: {score:.4f}" + ("" if box is None else f" at {_box(box)}") for label, score, box in self.raw
        ]
        return [*said, f"times: {times}"]


def look(pixels: Pixels, detector: Detector, *, read_ms: float) -> tuple[tuple[Annotation, ...], Steps]:
    """What ``detector`` finds in RGB ``pixels``, and how it came to it; ``read_ms`` is how long reading them took."""
    height, width = pixels.shape[:2]
    started = time.perf_counter()
    if not isinstance(detector, Predictor):
        found = detector(pixels)
        times = {"read": read_ms, "model": (time.perf_counter() - started) * 1000}
        return found, Steps(image_wh=(width, height), milliseconds=times)
    square, placement = detector.square(pixels)
    boxed = time.perf_counter()
    outputs = detector.outputs(square)
    answered = time.perf_counter()
    found = detector.decode(outputs, placement)
    decoded = time.perf_counter()
    return found, Steps(
        image_wh=(width, height),
        milliseconds={
            "read": read_ms,
            "letterbox": (boxed - started) * 1000,
            "network": (answered - boxed) * 1000,
            "decode": (decoded - answered) * 1000,
        },
        square=placement.size,
        scale=placement.scale,
        offset_xy=placement.offset_xy,
        prepare=detector.artifact.prepare,
        fed=(int(square.min()), float(square.mean()), int(square.max())),
        form=Path(detector.name).name,
        raw=_raw(detector.decode(outputs, placement, threshold=0.0)),
    )


def _raw(found: tuple[Annotation, ...]) -> tuple[tuple[str, float, tuple[float, ...] | None], ...]:
    if found and RANKED in found[0].extra:
        return tuple((str(label), float(score), None) for label, score in found[0].extra[RANKED])
    return tuple((shape.label, shape.score or 0.0, shape.box_xyxy) for shape in found[:_RAW_BOXES])


def _rounded(box: tuple[float, ...]) -> list[float]:
    return [round(value, 1) for value in box]


def _box(box: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.0f}" for value in box)

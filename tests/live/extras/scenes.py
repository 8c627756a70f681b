"""Pictures with objects on them, as the extras get to see them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np

from thirtyfold.live.extras.scene import Scene
from thirtyfold.predict.track import Track
from thirtyfold.sample import Annotation

NOON = datetime(2025, 3, 4, 12, 0, 0, tzinfo=timezone(timedelta(hours=1)))


def track(number: int, centre_x: float, centre_y: float, *, side: float = 20, label: str = "face") -> Track:
    half = side / 2
    box_xyxy = (centre_x - half, centre_y - half, centre_x + half, centre_y + half)
    found = Annotation.from_box(label, box_xyxy, score=0.9)
    return Track(id=number, annotation=found, detected=found, hits=3, seen_seconds=-1.0)


def scene(seconds: float, *objects: Track, seen: bool = True) -> Scene:
    """A picture of 200 × 100, of a different grey for every pixel's column."""
    from dataclasses import replace

    pixels = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    return Scene(
        pixels=pixels,
        seconds=seconds,
        at=NOON + timedelta(seconds=seconds),
        source="camera 0",
        objects=tuple(replace(one, seen_seconds=seconds if seen else seconds - 0.2) for one in objects),
    )

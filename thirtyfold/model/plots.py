"""A run in pictures: its curves, and predictions beside the truth."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from thirtyfold import files
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.drawing import TRUTH_COLOR, draw_annotations, draw_text
from thirtyfold.images import Pixels, encode_jpeg
from thirtyfold.model.evaluate import Judged
from thirtyfold.predict.matching import match


def plot_curves(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Losses and validation scores over the epochs, as PNG. ``rows`` are those of ``results.csv``."""
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for name, style in (("loss", "-"), ("class_loss", "--"), ("box_loss", ":")):
        left.plot(epochs, [row.get(name, math.nan) for row in rows], style, label=name.replace("_", " "))
    left.set(xlabel="epoch", title="training loss", yscale="log")
    for name in ("val_mean_iou", "val_found"):
        right.plot(epochs, [row.get(name, math.nan) for row in rows], marker=".", label=name.replace("_", " "))
    right.set(xlabel="epoch", title="on the validation photos", ylim=(0, 1.02))
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    files.write_bytes(path, buffer.getvalue())


def plot_predictions(
    path: Path, judged: Sequence[Judged], threshold: float, *, columns: int = 4, limit: int = 24
) -> None:
    """A sheet of photos, worst first: truth in white, predictions in colour, the IoU below. JPEG or PNG by name."""
    import cv2
    import numpy as np

    def quality(item: Judged) -> float:
        shown = [p for p in item.predictions if (p.score or 0) >= threshold]
        if not item.truths:
            return 1.0 if not shown else 0.0
        return sum(pair[2] for pair in match(item.truths, shown)) / max(len(item.truths), len(shown))

    tiles: list[Pixels] = []
    for item in sorted(judged, key=quality)[:limit]:
        pixels = read_pixels(item.sample)
        shown = [p for p in item.predictions if (p.score or 0) >= threshold]
        drawn = draw_annotations(pixels, item.truths, color=TRUTH_COLOR)
        drawn = draw_annotations(drawn, shown)
        scale = 320 / max(drawn.shape[:2])
        drawn = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        tile = np.full((270, 320, 3), 24, np.uint8)
        tile[: min(240, drawn.shape[0]), : drawn.shape[1]] = drawn[:240]
        draw_text(tile, f"{item.sample.image_path.name}  IoU {quality(item):.2f}", (4, 262), background=(24, 24, 24))
        tiles.append(tile)
    if not tiles:
        return
    while len(tiles) % columns:
        tiles.append(np.full_like(tiles[0], 24))
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    sheet = np.vstack(rows)
    if path.suffix == ".png":
        _, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        files.write_bytes(path, data.tobytes())
    else:
        files.write_bytes(path, encode_jpeg(sheet, quality=88))

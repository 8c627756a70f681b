"""The plots of a report, as PNG bytes. Pure: numbers in, a picture out."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from thirtyfold.drawing import PALETTE
from thirtyfold.model.metrics.coco import RECALL_POINTS
from thirtyfold.model.metrics.labels import ANY
from thirtyfold.model.metrics.part import IOU_BINS
from thirtyfold.model.metrics.recognition import FARS, Roc
from thirtyfold.model.metrics.reliability import BINS, Reliability

_DPI = 120
_BLUE, _RED, _GREEN = "#0072b2", "#d55e00", "#009e73"
_MOST_CURVES = 10
_MOST_NUMBERED = 24
_LONGEST_NAME = 22
_LOWEST_FAR = 1e-4
_COSINE_BINS = 40


def curves_png(rows: Sequence[Mapping[str, float]]) -> bytes:
    """Losses and validation scores over the epochs. ``rows`` are those of ``results.csv``."""
    figure, (left, right) = _figure(7.6, 3.2, columns=2)
    epochs = [row["epoch"] for row in rows]
    losses = [name for name in rows[-1] if name.endswith("loss")] if rows else []
    for number, name in enumerate(losses):
        style = ("-", "--", ":", "-.")[number % 4]
        left.plot(epochs, [row.get(name, math.nan) for row in rows], style, label=name.replace("_", " "))
    judged = any(name.startswith("val_") for name in losses)
    left.set(xlabel="epoch", title="loss" if judged else "training loss", yscale="log")
    scores = [name for name in rows[-1] if name.startswith("val_") and name not in losses] if rows else []
    for name in scores:
        label = name.removeprefix("val_").replace("_", " ").replace("iou", "IoU").replace("ap50", "AP50")
        right.plot(epochs, [row.get(name, math.nan) for row in rows], marker=".", label=label)
    right.set(xlabel="epoch", title="on the validation photos", ylim=(0, 1.02))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        if axes.lines:
            axes.legend(frameon=False)
    if not scores:
        right.text(0.5, 0.5, "no validation photos", ha="center", transform=right.transAxes)
    return _png(figure)


def precision_recall_png(curves: Mapping[str, Sequence[float]], ap50: Mapping[str, float | None]) -> bytes:
    """Precision over recall at IoU 0.5, a line a name; ``ap50`` stands in the legend. At most ten lines are drawn."""
    figure, axes = _figure(4.2, 3.6)
    recalls = [point / (RECALL_POINTS - 1) for point in range(RECALL_POINTS)]
    shown = [name for name, curve in curves.items() if curve]
    for number, name in enumerate(shown[:_MOST_CURVES]):
        area = ap50.get(name)
        label = _short(name) + ("" if area is None else f"  AP50 {area:.2f}")
        style = {"color": "black", "linestyle": "--"} if name == ANY else {"color": _color(number)}
        axes.plot(recalls, curves[name], label=label, **style)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.03))
    if shown:
        axes.legend(frameon=False, fontsize=8, loc="best")
    else:
        axes.text(0.5, 0.5, "no objects", ha="center", transform=axes.transAxes)
    return _png(figure)


def confusion_png(labels: Sequence[str], counts: Sequence[Sequence[int]], *, nothing: bool = True) -> bytes:
    """Truth down, prediction across; shaded by the share of the row. ``nothing``: the last of the labels is that there
    is no object. Of many labels no numbers are written.
    """
    import numpy as np

    table = np.asarray(counts, np.float64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = max(3.2, min(0.62 * len(labels) + 1.6, 9.0))
    figure, axes = _figure(side + 0.6, side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [_short(label) for label in labels]
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="truth")
    axes.grid(visible=False)
    corner = len(names) - 1 if nothing else -1
    if len(names) > _MOST_NUMBERED:
        axes.tick_params(labelsize=max(3, min(7, 240 // len(names))))
        return _png(figure)
    for row in range(len(names)):
        for column in range(len(names)):
            text = "–" if row == column == corner else f"{int(table[row, column])}"
            ink = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9 if len(names) < 8 else 7)
    return _png(figure)


def iou_png(histogram: Sequence[int]) -> bytes:
    """How well the objects were met: a bar for each twentieth of IoU."""
    figure, axes = _figure(4.2, 3.6)
    edges = [number / IOU_BINS for number in range(IOU_BINS)]
    colors = [_RED if edge < 0.5 - 1e-9 else _BLUE for edge in edges]
    axes.bar(edges, histogram, width=1 / IOU_BINS, align="edge", color=colors, edgecolor="white", linewidth=0.5)
    axes.axvline(0.5, color="black", linewidth=1, linestyle=":")
    axes.set(xlabel="IoU of an object with its box (0: missed)", ylabel="objects", xlim=(0, 1))
    axes.yaxis.get_major_locator().set_params(integer=True)
    return _png(figure)


def reliability_png(after: Reliability, before: Reliability | None) -> bytes:
    """The share of right boxes over the score, before and after calibration; dots as large as there are boxes."""
    figure, axes = _figure(4.2, 3.6)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":", label="score = share that is right")
    named = "calibrated" if before else "scores"
    for found, name, color, marker in ((before, "as the network gives them", _RED, "o"), (after, named, _BLUE, "s")):
        if found is None or found.error is None:
            continue
        points = [
            (found.scores[number], found.right[number], found.counts[number])
            for number in range(BINS)
            if found.counts[number]
        ]
        most = max(count for _, _, count in points)
        sizes = [18 + 90 * math.sqrt(count / most) for _, _, count in points]
        x, y = [point[0] for point in points], [point[1] for point in points]
        axes.plot(x, y, color=color, linewidth=1)
        label = f"{name}, error {found.error:.3f}"
        axes.scatter(x, y, s=sizes, color=color, marker=marker, alpha=0.8, label=label)
    axes.set(xlabel="score", ylabel="share that is right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
    # Where the dots are not: above the diagonal if scores say too much, below if they say too little.
    above = sum(y - x for line in axes.lines[1:] for x, y in zip(*line.get_data(), strict=True)) > 0
    legend = axes.legend(frameon=False, fontsize=8, loc="lower right" if above else "upper left")
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([30])
    return _png(figure)


def roc_png(roc: Roc) -> bytes:
    """True- over false-accept rate, the false ones on a logarithmic axis."""
    figure, axes = _figure(4.6, 3.6)
    axes.step([max(float(value), _LOWEST_FAR) for value in roc.far], roc.tar, where="post", color=_color(0))
    for rate in FARS.values():
        axes.axvline(rate, color="grey", linestyle=":", linewidth=1)
    axes.set(
        xscale="log",
        xlim=(_LOWEST_FAR, 1),
        ylim=(0, 1.02),
        xlabel="two people taken for one (false-accept rate)",
        ylabel="one person accepted",
    )
    return _png(figure)


def similarities_png(same: Sequence[float], different: Sequence[float], threshold: float) -> bytes:
    """Histograms of cosines, each kind as shares of its own number."""
    figure, axes = _figure(4.6, 3.6)
    for values, name, its_color in ((different, "other people", _RED), (same, "the same person", _BLUE)):
        if values:
            weights = [1 / len(values)] * len(values)
            axes.hist(values, bins=_COSINE_BINS, range=(-1, 1), weights=weights, alpha=0.6, color=its_color, label=name)
    axes.axvline(threshold, color="black", linewidth=1)
    low = min((*same, *different, threshold))
    axes.set(xlim=(max(-1.0, low - 0.1), 1.02), xlabel="cosine", ylabel="share")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return _png(figure)


def scatter_png(points: Mapping[str, tuple[Any, Any]], title: str, unit: str, mean: float | None) -> bytes:
    """Answers over truths of a number: (truths, answers) by the name of a group, at most ten of them in the legend.

    ``mean`` is drawn as a level line.
    """
    figure, axes = _figure(4.6, 4.2)
    values = [float(value) for pair in points.values() for one in pair for value in one]
    low, high = min(values), max(values)
    room = 0.04 * (high - low or 1.0)
    ends = (low - room, high + room)
    axes.plot(ends, ends, color="grey", linewidth=1)
    if mean is not None and ends[0] <= mean <= ends[1]:
        axes.axhline(mean, color="grey", linewidth=1, linestyle=":")
    many = sum(len(truths) for truths, _ in points.values())
    size, alpha = (22, 0.75) if many <= 300 else (9, 0.4)
    for number, (name, (truths, answers)) in enumerate(points.items()):
        label = f"{_short(name)} ({len(truths)})" if name and number < _MOST_CURVES else None
        look = {"color": _color(number), "marker": "osD^v"[number % 5], "alpha": alpha}
        axes.scatter(truths, answers, s=size, linewidths=0, label=label, **look)
    said = f", {unit}" if unit else ""
    axes.set(xlabel=f"{_short(title)}{said}: truth", ylabel=f"answer{said}", xlim=ends, ylim=ends, aspect="equal")
    if any(points):
        legend = axes.legend(frameon=False, fontsize=8, loc="upper left")
        for handle in legend.legend_handles:
            handle.set_alpha(1)
    return _png(figure)


def stacked_png(counts: Mapping[str, Mapping[str, int]], colors: Sequence[str]) -> bytes:
    """A bar a name, made of the same pieces in the same order, each with its count in it; ``colors`` are theirs."""
    figure, axes = _figure(7.6, 0.62 * len(counts) + 1.3)
    pieces = list(next(iter(counts.values())))
    names = [_short(name) for name in counts]
    left = [0] * len(names)
    for piece, color in zip(pieces, colors, strict=True):
        widths = [of_name[piece] for of_name in counts.values()]
        if not any(widths):
            continue
        bars = axes.barh(range(len(names)), widths, left=left, color=color, label=piece)
        axes.bar_label(bars, [str(width) if width else "" for width in widths], label_type="center", fontsize=8)
        left = [at + width for at, width in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.legend(frameon=False, ncols=len(pieces), loc="upper left", bbox_to_anchor=(0, -0.12), fontsize=8)
    return _png(figure)


def _figure(width: float, height: float, *, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns)
    for one in [axes] if columns == 1 else axes:
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
        one.set_prop_cycle(color=[_color(number) for number in range(_MOST_CURVES)])
    return figure, axes


def _png(figure: Any) -> bytes:
    import logging

    # A name in letters that the font has not is drawn as boxes; matplotlib would say so at every one of them.
    import warnings

    buffer = io.BytesIO()
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            figure.savefig(buffer, format="png", dpi=_DPI)
    finally:
        logger.setLevel(level)
    return buffer.getvalue()


def _color(number: int) -> str:
    order = (6, 3, 0, 1, 4, 2, 5)
    red, green, blue = PALETTE[order[number % len(order)]]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _short(name: str) -> str:
    """A label as matplotlib can write it: one line, not too long, a dollar sign no formula, and no underscore in
    front, which would keep it out of the legend.
    """
    text = " ".join(name.encode("utf-8", "replace").decode("utf-8").split()) or "(no name)"
    text = text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
    text = f" {text}" if text.startswith("_") else text
    return text.replace("$", r"\$")

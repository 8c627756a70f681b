"""``report.html`` and ``plots/`` of a training or an evaluation, put together and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from thirtyfold import files
from thirtyfold.model.metrics.labels import ANY
from thirtyfold.model.metrics.part import PartFigures
from thirtyfold.model.report import plots
from thirtyfold.model.report.page import Gallery, Page, Plot, page_html
from thirtyfold.model.report.pictures import random_tiles, worst_tiles
from thirtyfold.model.report.tiles import sheet_png

_GALLERY_SEED = 0


def write_report(
    folder: Path,
    page: Page,
    *,
    detail: PartFigures | None,
    rows: Sequence[Mapping[str, float]] = (),
    beside: Sequence[Plot] = (),
) -> Path:
    """Write ``report.html`` and ``plots/*.png`` into ``folder``; returns the page's path.

    ``page`` lacks its plots and galleries: they are made of ``detail``, and of ``rows``, those of ``results.csv``.
    ``beside`` are plots that stand before them.
    """
    drawn = [*beside, *curves_plot(rows), *_plots(detail)]
    return write_page(folder, replace(page, plots=drawn, galleries=_galleries(detail, page.detail_name)))


def write_page(folder: Path, page: Page) -> Path:
    """Write ``report.html``, and its plots and pictures beside it in ``plots/``; returns the page's path."""
    for plot in page.plots:
        files.write_bytes(folder / "plots" / f"{plot.name}.png", plot.png, durable=False)
    for gallery in page.galleries:
        if gallery.tiles:
            files.write_bytes(folder / "plots" / f"{gallery.name}.png", sheet_png(gallery.tiles), durable=False)
    path = folder / "report.html"
    files.write_text(path, page_html(page))
    return path


def curves_plot(rows: Sequence[Mapping[str, float]]) -> list[Plot]:
    """Losses and validation scores over the epochs of ``results.csv``; nothing where there were none."""
    if not rows:
        return []
    caption = "Left: what was trained on. Right: the photos by which the best epoch was chosen."
    return [Plot(name="curves", title="Loss and score", caption=caption, png=plots.curves_png(rows))]


def _plots(detail: PartFigures | None) -> list[Plot]:
    if detail is None:
        return []
    figures = detail.figures
    ap50 = {label: of_label["ap50"] for label, of_label in figures["classes"].items()} | {ANY: figures[ANY]["ap50"]}
    confusion = figures["confusion"]
    return [
        Plot(
            name="precision_recall",
            title="Precision over recall",
            caption="At IoU 0.5, over every score. Dashed: whatever the label.",
            png=plots.precision_recall_png(detail.curves, ap50),
        ),
        Plot(
            name="reliability",
            title="Do scores mean what they say?",
            caption="Boxes by score; on the dotted line, of the boxes with score 0.8 eight in ten are right.",
            png=plots.reliability_png(detail.after, detail.before),
        ),
        Plot(
            name="iou",
            title="How well objects are met",
            caption="One count an object; red: below 0.5, where it counts as missed.",
            png=plots.iou_png(figures["iou_histogram"]),
        ),
        Plot(
            name="confusion",
            title="What was taken for what",
            caption=f"Boxes from a score of {figures['threshold']:.2f}. Last column: missed objects. Last row: false "
            "boxes.",
            png=plots.confusion_png(confusion["labels"], confusion["counts"]),
        ),
    ]


def _galleries(detail: PartFigures | None, name: str) -> list[Gallery]:
    if detail is None or not detail.judged:
        return []
    threshold = detail.figures["threshold"]
    worst = worst_tiles(detail.judged, threshold)
    drawn = random_tiles(detail.judged, threshold, seed=_GALLERY_SEED)
    everything = len(drawn) == len(detail.judged)
    galleries = [Gallery(name="worst", title=f"The worst of {name}, worst first ({len(worst)})", tiles=worst)]
    title = f"Drawn at random from {name} ({len(drawn)}{', all there are' if everything else ''})"
    return [*galleries, Gallery(name="random", title=title, tiles=drawn)]

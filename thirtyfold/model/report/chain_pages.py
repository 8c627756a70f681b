"""The page of a classifier behind finders: what was not found, and what was judged wrong."""

from __future__ import annotations

from pathlib import Path

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.drawing import Color, draw_text
from thirtyfold.errors import FileDataError
from thirtyfold.images import Pixels
from thirtyfold.model.chain_outcomes import NOT_FOUND, PhotoFates, errors_of
from thirtyfold.model.evaluate_chain import LABELLED, ChainEvaluation, Finding, share_cell
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.report.page import Big, Gallery, Page, Plot, Statement, Table, bigs_of, number, unread_statements
from thirtyfold.model.report.plots import stacked_png
from thirtyfold.model.report.tiles import TILE_WH, Tile, drawable, resized
from thirtyfold.model.report.write import write_page
from thirtyfold.predict.chain import Verdict, verdict_of
from thirtyfold.predict.label_colors import LabelColors, colors_for
from thirtyfold.sample import BoxXyxy

_MISSED: Color = (255, 255, 255)
_FALSE: Color = (240, 228, 66)
_TILES = 12
# Names of smaller boxes, in pixels of a tile, would cover their neighbours.
_NAMED_PX = 34
_KEY = (
    "White: not found. Yellow: nothing labelled there. Every other box has the colour of what was said of it; where "
    "that is wrong it is thick, and the truth stands at it."
)


def write_chain(result: ChainEvaluation, folder: Path) -> Path:
    """Write ``report.html`` and ``plots/`` of a result into ``folder``; returns the page's path."""
    first = max(result.findings[:-1], key=lambda finding: finding.figures["objects_right"])
    page = Page(
        title=f"{result.run} behind {', '.join(finding.name for finding in result.findings[:-1])}",
        lead=(
            "Two things go wrong in a chain: an object is not found, or it is found and judged wrong. "
            f"Cut out with a margin of {result.margin_share:.0%} of its sides. " + " ".join(result.statements)
        ),
        statements=[
            Statement(text=result.most_are()),
            *(Statement(text=text, warns=True) for text in result.warnings),
            *unread_statements(result.problems),
        ],
        detail_name=f"{first.name}, {first.figures['objects']} objects on {first.figures['photos']} photos",
        bigs=_bigs(first),
        tables=[
            Table(
                title="Finders side by side",
                columns=[column.replace("\n", " ") for column in result.columns()],
                rows=result.rows(),
                note="Found: a box with an IoU of 0.3 or more, so that the classifier got to see it. "
                f"{LABELLED.capitalize()}: what the classifier says where the finder makes no mistake. In small: "
                "counts, and 95 % intervals by photos or sessions.",
            ),
            *(table for finding in result.findings for table in _tables(finding)),
        ],
        plots=[
            Plot(
                name="fates",
                title="What became of each object",
                caption="Counts. The first piece is what a chain is for.",
                png=stacked_png(
                    {finding.name: _fates(finding) for finding in result.findings},
                    ("#009e73", "#d55e00", "#e69f00", "#bbbbbb"),
                ),
            )
        ],
        galleries=[
            Gallery(
                name=f"worst-{place}",
                title=f"{finding.name}: the photos with the most errors",
                tiles=_tiles(finding, colors_for(result.classes)),
            )
            for place, finding in enumerate(result.findings, 1)
        ],
        facts=[
            ("Data", {"dataset": Path(result.dataset).name, "part": result.part}),
            (
                "Time a photo, both models",
                {finding.name: f"{finding.model_ms:.1f} ms" for finding in result.findings[:-1]},
            ),
            ("Machine", machine_facts()),
        ],
        key=_KEY,
    )
    return write_page(folder, page)


def _bigs(finding: Finding) -> list[Big]:
    shown = (("found", "found"), ("judged_right", "of these judged right"), ("right", "found and right, of all"))
    return bigs_of(finding.figures, [(key, title, ".0%") for key, title in shown])


def _tables(finding: Finding) -> list[Table]:
    figures = finding.figures
    lines = [(name, of) for name, of in figures["classes"].items()]
    lines += [(of["size"], of) for of in figures["sizes"] if of["objects"]]
    rows = [
        (
            f"{name}\n{of['objects']} objects",
            share_cell(of, "found", "objects_found", "objects"),
            share_cell(of, "judged_right", "objects_right", "objects_found"),
            share_cell(of, "right", "objects_right", "objects"),
        )
        for name, of in lines
    ]
    confusion = figures["confusion"]
    answers = [
        (label, *(str(count) for count in counts))
        for label, counts in zip(confusion["labels"], confusion["counts"], strict=True)
    ]
    for label, counts in figures["left_out"].items():
        answers.append((f"{label}\nleft out", *(str(counts.get(column, 0)) for column in confusion["columns"])))
    return [
        Table(
            title=f"{finding.name}: by class, and by the shorter side of the box",
            columns=("", "found", "of these judged right", "found and right, of all"),
            rows=rows,
            note=f"Mean over the classes of what is judged right: {number(figures['balanced_right'], '.0%')}. "
            f"False boxes a photo: {number(figures['false_boxes_per_photo'], '.2f')}.",
        ),
        Table(
            title=f"{finding.name}: what was said of what",
            columns=("truth", *confusion["columns"]),
            rows=answers,
            note="A box has no answer where it is too small to be looked at.",
        ),
    ]


def _fates(finding: Finding) -> dict[str, int]:
    figures = finding.figures
    found, right, silent = (figures[f"objects_{key}"] for key in ("found", "right", "without_answer"))
    return {
        "found and right": right,
        "judged wrong": found - right - silent,
        "no answer": silent,
        NOT_FOUND.strip("()"): figures["objects"] - found,
    }


def _tiles(finding: Finding, colors: LabelColors) -> list[Tile]:
    worst = sorted(finding.photos, key=lambda photo: (-errors_of(photo), photo.sample.image_path.name))
    tiles: list[Tile] = []
    for photo in worst:
        if len(tiles) == _TILES or not errors_of(photo):
            break
        try:
            tiles.append(_tile(photo, colors))
        except FileDataError:
            continue  # it was there when it was judged
    return tiles


def _tile(photo: PhotoFates, colors: LabelColors) -> Tile:
    pixels = read_pixels(photo.sample)
    height, width = pixels.shape[:2]
    scale = min(TILE_WH[0] / width, TILE_WH[1] / height)
    canvas = resized(pixels, scale)
    marks: list[tuple[BoxXyxy, Color, int, str]] = []
    for fate in photo.counted:
        if fate.found is None:
            marks.append((fate.annotation.box_xyxy, _MISSED, 2, ""))
        elif fate.verdict is None:
            marks.append((fate.found.box_xyxy, _MISSED, 1, "no answer"))
        else:
            said = f"{fate.verdict.label} {fate.verdict.score:.0%}"
            text = said if fate.right else f"{said}, is {fate.truth}"
            marks.append((fate.found.box_xyxy, colors.of(fate.verdict.label), 1 if fate.right else 3, text))
    marks += [(box.box_xyxy, _FALSE, 2, _said_of_nothing(verdict_of(box))) for box in photo.false]
    # What went wrong lies on top.
    for box_xyxy, ink, thickness, text in sorted(marks, key=lambda mark: mark[2]):
        left, top, right, bottom = box_xyxy
        _mark(canvas, (left * scale, top * scale, right * scale, bottom * scale), ink, thickness, text)
    missed = sum(fate.found is None for fate in photo.counted)
    wrong = sum(fate.found is not None and not fate.right for fate in photo.counted)
    parts = [
        f"{len(photo.counted)} objects",
        f"{missed} not found",
        f"{wrong} judged wrong",
        f"{len(photo.false)} false",
    ]
    return Tile(
        name=photo.sample.image_path.name,
        session=photo.sample.session,
        pixels=canvas,
        caption=", ".join(part for part in parts if not part.startswith("0 ")),
    )


def _said_of_nothing(verdict: Verdict | None) -> str:
    return "" if verdict is None else f"{verdict.label}, nothing there"


def _mark(canvas: Pixels, box: BoxXyxy, ink: Color, thickness: int, text: str) -> None:
    import cv2

    left, top, right, bottom = drawable(box)
    cv2.rectangle(canvas, (left, top), (right, bottom), ink, thickness)
    if text and min(right - left, bottom - top) >= _NAMED_PX:
        draw_text(canvas, text, (left, top - 3), background=ink, scale=0.4)

"""``report.html``: one page that needs nothing else, its pictures inside.

Labels, names of files and sessions are hostile input: they reach the page as escaped text only, and a
Content-Security-Policy allows no script and no address.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from thirtyfold.images import encode_jpeg
from thirtyfold.model.metrics.labels import ANY
from thirtyfold.model.report.tiles import Tile

_JPEG_QUALITY = 82
_MOST_SESSIONS = 60
_MOST_LABELS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence at the top; ``warns`` where the figures are not what they seem."""

    text: str
    warns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table of figures: a part, or a model beside others. ``figures`` as in ``PartFigures``."""

    name: str
    figures: Mapping[str, Any]
    threshold_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A PNG file's name without its suffix, its title, what it shows, and the file's bytes."""

    name: str
    title: str
    caption: str
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Photos with truth and prediction drawn."""

    name: str
    title: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Big:
    """A large figure at the top: its text, what it is, and what stands small below."""

    value: str
    title: str
    below: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table under a title. A cell of two lines has the second one small. ``note`` stands below it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything on the page. ``rows`` and ``detail`` are figures of boxes, ``detail`` those that tiles, labels and
    sessions are shown of; other tasks bring their ``bigs`` and ``tables``. ``key`` says what the colours of the
    galleries mean.
    """

    title: str
    lead: str
    statements: Sequence[Statement]
    rows: Sequence[Row] = ()
    detail_name: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    plots: Sequence[Plot] = ()
    galleries: Sequence[Gallery] = ()
    facts: Sequence[tuple[str, Mapping[str, str]]] = ()
    bigs: Sequence[Big] = ()
    tables: Sequence[Table] = ()
    key: str = "Truth is white, predictions have the colour of their label."


def page_html(page: Page) -> str:
    """The page's text, pure."""
    style = (resources.files(__package__) / "page.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(page.title)} – thirtyfold</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(page.title)}</h1>
<p class="lead">{escape(page.lead)}</p>
{_tiles(page)}
{"".join(_statement(statement) for statement in page.statements)}
</header>
<main>
{_figures(page) if page.rows else ""}
{_by_label(page)}
{_by_session(page)}
{"".join(_any_table(table) for table in page.tables)}
{_plots(page)}
{"".join(_gallery(gallery, page.key) for gallery in page.galleries)}
{_facts(page)}
</main>
</body>
</html>
"""


def escape(text: object) -> str:
    """Text as HTML. A file's name may hold bytes that are no UTF-8, a JSON half a character."""
    return html.escape(str(text).encode("utf-8", "backslashreplace").decode("utf-8"), quote=True)


def number(value: float | None, form: str = ".3f") -> str:
    """A figure as text; a dash where there is none."""
    return "–" if value is None else format(value, form)


def _statement(statement: Statement) -> str:
    return f'<p class="statement{" warns" if statement.warns else ""}">{escape(statement.text)}</p>'


def _tiles(page: Page) -> str:
    if not page.detail:
        bigs = (
            f"<li><b>{escape(big.value)}</b>{escape(big.title)}<span>{escape(big.below) or '&nbsp;'}</span></li>"
            for big in page.bigs
        )
        what = f'<p class="quiet">{escape(page.detail_name)}</p>' if page.bigs and page.detail_name else ""
        return f'{what}<ul class="tiles">{"".join(bigs)}</ul>' if page.bigs else ""
    shown = (
        ("mean IoU", "mean_iou", ".3f"), ("found at IoU 0.5", "found", ".0%"), ("AP50", "ap50", ".3f"),
        ("AP 0.5 to 0.95", "ap", ".3f"), ("precision", "precision", ".3f"),
        ("false boxes a photo", "false_positives_per_photo", ".2f"),
    )  # fmt: skip
    items = []
    for title, key, form in shown:
        bounds = _bounds(page.detail, key, form)
        items.append(f"<li><b>{number(page.detail.get(key), form)}</b>{title}<span>{bounds or '&nbsp;'}</span></li>")
    photos, objects = page.detail["photos"], page.detail["objects"]
    what = f"{escape(page.detail_name)}: {_count(photos, 'photo')}, {_count(objects, 'object')}"
    return f'<p class="quiet">{what}</p><ul class="tiles">{"".join(items)}</ul>'


def _bounds(figures: Mapping[str, Any], key: str, form: str) -> str:
    bounds = figures.get("intervals", {}).get(key)
    return f"{format(bounds[0], form)} to {format(bounds[1], form)}" if bounds else ""


_COLUMNS = (
    ("mean_iou", "mean IoU", ".3f"),
    ("found", "found", ".1%"),
    ("ap50", "AP50", ".3f"),
    ("ap", "AP", ".3f"),
    ("precision", "precision", ".3f"),
    ("f1", "F1", ".3f"),
    ("false_positives_per_photo", "false boxes a photo", ".3f"),
    ("false_positives_per_empty_photo", "on an empty photo", ".3f"),
    ("calibration_error", "calibration error", ".3f"),
    ("threshold", "threshold", ".2f"),
)


def _figures(page: Page) -> str:
    rows = []
    columns = [column for column in _COLUMNS if any(row.figures.get(column[0]) is not None for row in page.rows)]
    for row in page.rows:
        cells = []
        for key, _, form in columns:
            bounds = _bounds(row.figures, key, form)
            small = f"<small>{bounds}</small>" if bounds else ""
            if key == "threshold" and row.threshold_from:
                small = f"<small>{escape(row.threshold_from)}</small>"
            cells.append(f"<td>{number(row.figures.get(key), form)}{small}</td>")
        of = f"{_count(row.figures['photos'], 'photo')}, {_count(row.figures['objects'], 'object')}"
        rows.append(f'<tr><th scope="row">{escape(row.name)}<small>{of}</small></th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{title}</th>' for _, title, _ in columns)
    named: dict[str, list[str]] = {}
    for row in page.rows:
        named.setdefault(about_intervals(row.figures["intervals"]), []).append(row.name)
    notes = [f"{', '.join(names)}: {note}" for note, names in named.items()]
    return (
        f'<section><h2>Figures</h2><div class="scroll"><table><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        '<p class="quiet">Mean IoU counts a missed object as 0. Found: met with an IoU of 0.5 or more. AP is the mean '
        "of average precision over IoU 0.50 to 0.95, as COCO defines it. In small: 95 % intervals.</p>"
        f'<ul class="quiet">{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul></section>'
    )


def about_intervals(intervals: Mapping[str, Any]) -> str:
    """What was drawn for the intervals, in words."""
    if intervals["by"] == "nothing":
        return f"no intervals; {intervals['note']}."
    drawn = f"intervals by bootstrap over {intervals['groups']} {intervals['by']}, {intervals['draws']:,} draws"
    return drawn + (f"; {intervals['note']}." if intervals["note"] else ".")


_LABEL_COLUMNS = (
    ("objects", "objects", "d"),
    ("ap50", "AP50", ".3f"),
    ("ap75", "AP75", ".3f"),
    ("ap", "AP", ".3f"),
    ("ap_small", "AP small", ".3f"),
    ("ap_medium", "AP medium", ".3f"),
    ("ap_large", "AP large", ".3f"),
    ("ar1", "AR 1 box", ".3f"),
    ("ar10", "AR 10", ".3f"),
    ("ar100", "AR 100", ".3f"),
    ("precision", "precision", ".3f"),
    ("recall", "recall", ".3f"),
    ("f1", "F1", ".3f"),
)


def _by_label(page: Page) -> str:
    classes: Mapping[str, Mapping[str, Any]] = page.detail.get("classes", {})
    if not classes:
        return ""
    named = list(classes.items())[:_MOST_LABELS]
    if len(classes) > 1:
        named.append(("any label", page.detail[ANY]))
    rest = f"<p class='quiet'>and {len(classes) - _MOST_LABELS} more labels</p>" if len(classes) > _MOST_LABELS else ""
    return (
        f"<section><h2>By label: {escape(page.detail_name)}</h2>{_table(_LABEL_COLUMNS, named)}{rest}"
        '<p class="quiet">Small is an object of less than 32² pixels of the original photo, large one of 96² or more. '
        "AR: the share found with 1, 10 or 100 boxes a photo, mean over the IoUs."
        + (" Any label: a box is right whatever it is called." if len(classes) > 1 else "")
        + "</p></section>"
    )


_SESSION_COLUMNS = (
    ("photos", "photos", "d"),
    ("objects", "objects", "d"),
    ("mean_iou", "mean IoU", ".3f"),
    ("found", "found", ".1%"),
    ("precision", "precision", ".3f"),
    ("false_positives_per_photo", "false boxes a photo", ".3f"),
)


def _by_session(page: Page) -> str:
    sessions: Mapping[str, Mapping[str, Any]] = page.detail.get("sessions", {})
    if not sessions:
        return ""
    worst = sorted(sessions.items(), key=lambda item: (item[1]["objects"] == 0, item[1]["mean_iou"]))
    shown = worst[:_MOST_SESSIONS]
    rest = "" if len(shown) == len(worst) else f" The {len(shown)} worst of {len(worst)} are shown."
    return (
        f"<section><h2>By session: {escape(page.detail_name)}</h2>{_table(_SESSION_COLUMNS, shown, tall=True)}"
        f'<p class="quiet">A session is one visit to the camera.{rest}</p></section>'
    )


def _table(
    columns: Sequence[tuple[str, str, str]], named: Sequence[tuple[str, Mapping[str, Any]]], *, tall: bool = False
) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for _, title, _ in columns)
    rows = []
    for name, figures in named:
        cells = "".join(f"<td>{number(figures.get(key), form)}</td>" for key, _, form in columns)
        rows.append(f'<tr><th scope="row">{escape(name) or "(no name)"}</th>{cells}</tr>')
    kind = "scroll tall" if tall else "scroll"
    body = "".join(rows)
    return f'<div class="{kind}"><table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _any_table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in table.columns[1:])
    rows = []
    for first, *cells in table.rows:
        rest = "".join(f"<td>{_cell(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{_cell(first)}</th>{rest}</tr>')
    kind = "scroll tall" if len(table.rows) > _MOST_LABELS // 3 else "scroll"
    note = f'<p class="quiet">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<section><h2>{escape(table.title)}</h2><div class="{kind}"><table><thead><tr>'
        f"<td>{escape(table.columns[0])}</td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"{note}</section>"
    )


def _cell(text: str) -> str:
    first, _, small = text.partition("\n")
    return escape(first) + (f"<small>{escape(small)}</small>" if small else "")


def _plots(page: Page) -> str:
    if not page.plots:
        return ""
    figures = "".join(
        f'<figure class="{plot.name}"><h3>{escape(plot.title)}</h3><img class="plot" alt="{escape(plot.title)}" '
        f'src="{_data_uri(plot.png, "png")}"><figcaption>{escape(plot.caption)}</figcaption></figure>'
        for plot in page.plots
    )
    return f'<section><h2>Plots</h2><div class="plots">{figures}</div></section>'


def _gallery(gallery: Gallery, key: str) -> str:
    if not gallery.tiles:
        return ""
    figures = []
    for tile in gallery.tiles:
        name = escape(tile.name)
        session = f" · session {escape(tile.session)}" if tile.session else ""
        part = " · a part of the photo, enlarged" if tile.zoomed else ""
        data = _data_uri(encode_jpeg(tile.pixels, quality=_JPEG_QUALITY), "jpeg")
        figures.append(
            f'<figure><img alt="{name}" loading="lazy" src="{data}"><figcaption><b>{name}</b><br>'
            f"{escape(tile.caption)}{session}{part}</figcaption></figure>"
        )
    return (
        f'<section><h2>{escape(gallery.title)}</h2><p class="quiet">{escape(key)}</p>'
        f'<div class="gallery">{"".join(figures)}</div></section>'
    )


def _facts(page: Page) -> str:
    blocks = []
    for title, facts in page.facts:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
        blocks.append(f"<div><h3>{escape(title)}</h3><dl>{rows}</dl></div>")
    return f'<section><h2>How it was made</h2><div class="facts">{"".join(blocks)}</div></section>' if blocks else ""


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"

"""``report.html``: one page that needs nothing else, its pictures inside.

Labels, names of files and sessions are hostile input: they reach the page as escaped text only, and a
Content-Security-Policy allows no script and no address.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from thirtyfold.errors import FileDataError
from thirtyfold.images import encode_jpeg
from thirtyfold.model.report.tiles import Tile

PART_NAMES = {"test": "test photos", "val": "validation photos", "all": "photos"}
_JPEG_QUALITY = 82
# A table of more rows scrolls by itself.
_MOST_ROWS_WHOLE = 20
_NAMED_PROBLEMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence at the top; ``warns`` where the figures are not what they seem."""

    text: str
    warns: bool = False


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
    """A table under a title. A cell of two lines has the second one small. Below it each line of ``note``."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything on the page.

    ``detail_name`` is the part or model that is shown in detail, ``bigs`` are its large figures, ``detail_counts`` says
    of how many photos they are. ``key`` says what the colours of the galleries mean.
    """

    title: str
    lead: str
    statements: Sequence[Statement]
    detail_name: str = ""
    detail_counts: str = ""
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
<title>{_escape(page.title)} – thirtyfold</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{_escape(page.title)}</h1>
<p class="lead">{_escape(page.lead)}</p>
{_bigs(page)}
{"".join(_statement(statement) for statement in page.statements)}
</header>
<main>
{"".join(_table(table) for table in page.tables)}
{_plots(page)}
{"".join(_gallery(gallery, page.key) for gallery in page.galleries)}
{_facts(page)}
</main>
</body>
</html>
"""


def unread_statements(problems: Sequence[FileDataError]) -> list[Statement]:
    """The photos that could not be read, the first of them by name."""
    if not problems:
        return []
    named = ", ".join(problem.path.name for problem in problems[:_NAMED_PROBLEMS])
    more = len(problems) - _NAMED_PROBLEMS
    text = f"{len(problems)} photos could not be read and are in no figure: {named}"
    return [Statement(text=text + (f" and {more} more." if more > 0 else "."), warns=True)]


def _escape(text: object) -> str:
    """Text as HTML. A file's name may hold bytes that are no UTF-8, a JSON half a character."""
    return html.escape(str(text).encode("utf-8", "backslashreplace").decode("utf-8"), quote=True)


def number(value: float | None, form: str = ".3f") -> str:
    """A figure as text; a dash where there is none."""
    return "–" if value is None else format(value, form)


def bounds_text(bounds: Sequence[float] | None, form: str) -> str:
    """An interval as text; empty where there is none."""
    return f"{format(bounds[0], form)} to {format(bounds[1], form)}" if bounds else ""


def bigs_of(figures: Mapping[str, Any], entries: Sequence[tuple[str, str, str]]) -> list[Big]:
    """A large figure for each (key, title, format) that the figures of a part have, with its interval below."""
    return [
        Big(value=number(figures[key], form), title=title, below=_bounds(figures, key, form))
        for key, title, form in entries
        if key in figures
    ]


def _statement(statement: Statement) -> str:
    return f'<p class="statement{" warns" if statement.warns else ""}">{_escape(statement.text)}</p>'


def _bigs(page: Page) -> str:
    if not page.bigs:
        return ""
    bigs = "".join(
        f"<li><b>{_escape(big.value)}</b>{_escape(big.title)}<span>{_escape(big.below) or '&nbsp;'}</span></li>"
        for big in page.bigs
    )
    what = ": ".join(filter(None, (page.detail_name, page.detail_counts)))
    return (f'<p class="quiet">{_escape(what)}</p>' if what else "") + f'<ul class="tiles">{bigs}</ul>'


def _bounds(figures: Mapping[str, Any], key: str, form: str) -> str:
    return bounds_text(figures.get("intervals", {}).get(key), form)


def about_intervals(intervals: Mapping[str, Any]) -> str:
    """What was drawn for the intervals, in words."""
    if intervals["by"] == "nothing":
        return f"no intervals; {intervals['note']}."
    drawn = f"intervals by bootstrap over {intervals['groups']} {intervals['by']}, {intervals['draws']:,} draws"
    return drawn + (f"; {intervals['note']}." if intervals["note"] else ".")


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_escape(title)}</th>' for title in table.columns[1:])
    rows = []
    for first, *cells in table.rows:
        rest = "".join(f"<td>{_cell(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{_cell(first)}</th>{rest}</tr>')
    kind = "scroll tall" if len(table.rows) > _MOST_ROWS_WHOLE else "scroll"
    note = "".join(f'<p class="quiet">{_escape(line)}</p>' for line in table.note.splitlines())
    return (
        f'<section><h2>{_escape(table.title)}</h2><div class="{kind}"><table><thead><tr>'
        f"<td>{_escape(table.columns[0])}</td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"{note}</section>"
    )


def _cell(text: str) -> str:
    first, _, small = text.partition("\n")
    return _escape(first) + (f"<small>{_escape(small)}</small>" if small else "")


def _plots(page: Page) -> str:
    if not page.plots:
        return ""
    figures = "".join(
        f'<figure class="{plot.name}"><h3>{_escape(plot.title)}</h3><img class="plot" alt="{_escape(plot.title)}" '
        f'src="{_data_uri(plot.png, "png")}"><figcaption>{_escape(plot.caption)}</figcaption></figure>'
        for plot in page.plots
    )
    return f'<section><h2>Plots</h2><div class="plots">{figures}</div></section>'


def _gallery(gallery: Gallery, key: str) -> str:
    if not gallery.tiles:
        return ""
    figures = []
    for tile in gallery.tiles:
        name = _escape(tile.name)
        session = f" · session {_escape(tile.session)}" if tile.session else ""
        part = " · a part of the photo, enlarged" if tile.zoomed else ""
        data = _data_uri(encode_jpeg(tile.pixels, quality=_JPEG_QUALITY), "jpeg")
        figures.append(
            f'<figure><img alt="{name}" loading="lazy" src="{data}"><figcaption><b>{name}</b><br>'
            f"{_escape(tile.caption)}{session}{part}</figcaption></figure>"
        )
    return (
        f'<section><h2>{_escape(gallery.title)}</h2><p class="quiet">{_escape(key)}</p>'
        f'<div class="gallery">{"".join(figures)}</div></section>'
    )


def _facts(page: Page) -> str:
    blocks = []
    for title, facts in page.facts:
        rows = "".join(f"<dt>{_escape(name)}</dt><dd>{_escape(value)}</dd>" for name, value in facts.items())
        blocks.append(f"<div><h3>{_escape(title)}</h3><dl>{rows}</dl></div>")
    return f'<section><h2>How it was made</h2><div class="facts">{"".join(blocks)}</div></section>' if blocks else ""


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"

"""One page about many trainings: what can be said, plot, table, how it was made. Needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from thirtyfold.model.report.page import Plot, escape


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPage:
    """``warnings`` are statements that make the figures less than they seem. ``rows`` are under ``columns``. ``plots``
    come below the table.
    """

    title: str
    lead: str
    statements: Sequence[str]
    plot_png: bytes
    plot_title: str
    plot_caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    table_note: str = ""
    warnings: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    plots: Sequence[Plot] = ()


def study_html(page: StudyPage) -> str:
    """The page's text, pure. Names from outside reach it escaped; it allows no script and no address."""
    style = (resources.files("thirtyfold.model.report") / "page.css").read_text(encoding="utf-8")
    said = "".join(f'<p class="statement">{escape(text)}</p>' for text in page.statements)
    said += "".join(f'<p class="statement warns">{escape(text)}</p>' for text in page.warnings)
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in page.columns[1:])
    rows = "".join(f'<tr><th scope="row">{escape(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in page.rows)
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in page.facts.items())
    picture = base64.b64encode(page.plot_png).decode("ascii")
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
{said}
</header>
<main>
<section><h2>{escape(page.plot_title)}</h2><div class="plots"><figure class="curves">
<img class="plot" alt="{escape(page.plot_title)}" src="data:image/png;base64,{picture}">
<figcaption>{escape(page.plot_caption)}</figcaption></figure></div></section>
<section><h2>Figures</h2><div class="scroll"><table><thead><tr><td></td>{head}</tr>
</thead><tbody>{rows}</tbody></table></div><p class="quiet">{escape(page.table_note)}</p></section>
{_more_plots(page.plots)}<section><h2>How it was made</h2><div class="facts"><div><dl>{facts}</dl></div></div></section>
</main>
</body>
</html>
"""


def _more_plots(plots: Sequence[Plot]) -> str:
    if not plots:
        return ""
    figures = "".join(
        f'<figure><h3>{escape(plot.title)}</h3><img class="plot" alt="{escape(plot.title)}" '
        f'src="data:image/png;base64,{base64.b64encode(plot.png).decode("ascii")}">'
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
        for plot in plots
    )
    return f'<section><h2>What each of them mistakes</h2><div class="plots">{figures}</div></section>\n'


def _cell(text: str) -> str:
    """A figure, and small below it what stands in its second line."""
    first, _, second = text.partition("\n")
    return f"<td>{escape(first)}{f'<small>{escape(second)}</small>' if second else ''}</td>"

"""``check.html``: one page that needs nothing else, with the photos, their boxes and what is wrong.

File names and labels are hostile input. They reach the page as escaped text, or as JSON
that the script puts in by ``textContent``; and a Content-Security-Policy allows that one
script, by its hash, and no address at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.check.plots import ShareBox, css_color, label_bars, position_plot, size_plot
from thirtyfold.datasets.check.problems import KINDS, SEVERITIES, Problem
from thirtyfold.datasets.check.result import CheckedPhoto, CheckResult
from thirtyfold.datasets.check.thumbnails import data_uris
from thirtyfold.progress import SILENT, Progress

# So that the page stays under 15 MB and opens at once.
MOST_PHOTOS = 3000
MOST_THUMBNAILS = 800
MOST_THUMBNAIL_BYTES = 10_500_000
# Sheets of photos, one a class, and photos on each.
_MOST_SHEETS = 60
SHEET_PHOTOS = 16
_MOST_SHAPES = 200
_MOST_PROBLEMS = 40


def write_page(path: Path, result: CheckResult, *, progress: Progress = SILENT) -> None:
    """Write the page of a check, atomically. Raises :class:`UsageError` if it can't be written."""
    chosen = choose_photos(result, MOST_PHOTOS)
    with_picture = _for_the_sheets(chosen, result)
    with_picture += [photo for photo in chosen if photo.size_wh is not None and photo not in with_picture]
    del with_picture[MOST_THUMBNAILS:]
    uris = data_uris([photo.path for photo in with_picture], most_bytes=MOST_THUMBNAIL_BYTES, progress=progress)
    thumbnails = {photo.name: uri for photo, uri in zip(with_picture, uris, strict=True) if uri is not None}
    files.write_bytes(path, page_html(result, chosen, thumbnails).encode("utf-8"))


def choose_photos(result: CheckResult, most: int) -> list[CheckedPhoto]:
    """The photos to show: those with errors first, then warnings, notes, and the ones that are well."""
    weight = {name: SEVERITIES.index(severity) for name, severity in _worst(result.problems).items()}
    return sorted(result.photos, key=lambda photo: weight.get(photo.name, len(SEVERITIES)))[:most]


def page_html(result: CheckResult, photos: Sequence[CheckedPhoto], thumbnails: dict[str, str]) -> str:
    """The page's text, pure. ``thumbnails`` maps photo names to ``data:`` addresses."""
    here = resources.files(__package__)
    style = (here / "page.css").read_text(encoding="utf-8")
    script = (here / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    name = Path(result.root).resolve().name or result.root
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_escape(name)}: check – thirtyfold</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#gallery">Skip to the photos</a>
<header>
<h1>Is <q>{_escape(name)}</q> fit to train on?</h1>
{_verdict(result)}
{_tiles(result)}
</header>
<main>
<section aria-labelledby="h-problems"><h2 id="h-problems">What was found</h2>
{_problem_table(result)}
{_about_the_whole(result)}
</section>
{_plots(result)}
{_class_sheets(result)}
<section id="gallery" aria-labelledby="h-photos"><h2 id="h-photos">Photos</h2>
{_filters(result, photos)}
<p id="count" role="status"></p>
{_what_is_left_out(result, photos, thumbnails)}
<div id="photos"></div>
<button id="more" class="more" type="button" hidden>Show more</button>
<noscript><p>The photos need JavaScript; the tables above don't.</p></noscript>
</section>
</main>
<script type="application/json" id="data">{_json(_data(result, photos, thumbnails))}</script>
<script>{script}</script>
</body>
</html>
"""


def _verdict(result: CheckResult) -> str:
    counts = result.severities()
    words = " ".join(
        f'<span class="badge {severity}">{count} {severity}{"" if count == 1 else "s"}</span>'
        for severity, count in counts.items()
        if count
    )
    sentence = (
        "Not yet: mend the errors first."
        if counts["error"]
        else "Yes, but look at the warnings."
        if counts["warning"]
        else "Yes."
    )
    return f'<p class="verdict">{sentence} {words}</p>'


def _tiles(result: CheckResult) -> str:
    states = result.states()
    tiles: list[tuple[str, int]] = [
        ("photos", len(result.photos)),
        ("labelled", states["labelled"]),
        ("verified empty", states["empty"]),
        ("unlabelled", states["unlabelled"]),
        ("a model's, not looked at", states["machine-made"]),
        ("broken", states["broken"]),
        ("shapes", sum(result.labels.values())),
        ("labels", len(result.labels)),
        *((part, count) for part, count in result.parts().items()),
    ]
    always = {"photos", "labelled", "verified empty", "unlabelled"}
    items = "".join(f"<li><b>{count:,}</b>{title}</li>" for title, count in tiles if count or title in always)
    return f'<ul class="tiles">{items}</ul>'


def _problem_table(result: CheckResult) -> str:
    if not result.problems:
        return "<p>Nothing is wrong.</p>"
    about_photos = {problem.code for problem in result.problems if problem.photo is not None}
    rows = []
    for code, count in result.codes().items():
        kind = KINDS[code]
        title = kind.title[0].upper() + kind.title[1:]
        name = f'<button type="button" data-code="{code}">{title}</button>' if code in about_photos else title
        rows.append(
            f'<tr><td><span class="badge {kind.severity}">{kind.severity}</span></td>'
            f'<td>{name}<br><code class="mend">{code}</code></td>'
            f'<td class="number">{count}</td><td class="mend">{_with_code(kind.mend)}</td></tr>'
        )
    return (
        '<table class="problems"><thead><tr><th scope="col">how bad</th><th scope="col">what</th>'
        f'<th scope="col" class="number">how many</th><th scope="col">the mend</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _about_the_whole(result: CheckResult) -> str:
    whole = [problem for problem in result.problems if problem.photo is None]
    if not whole:
        return ""
    items = "".join(
        f'<li><span class="badge {problem.severity}">{problem.code}</span> '
        f"{'' if problem.file == '.' else f'<code>{_escape(problem.file)}</code>: '}{_escape(problem.message)}</li>"
        for problem in whole[:_MOST_PROBLEMS]
    )
    rest = f"<li>and {len(whole) - _MOST_PROBLEMS} more</li>" if len(whole) > _MOST_PROBLEMS else ""
    return f'<h2>Beside the photos</h2><ul class="whole">{items}{rest}</ul>'


def _plots(result: CheckResult) -> str:
    boxes = _share_boxes(result.photos)
    if not boxes:
        return ""
    return (
        '<section aria-labelledby="h-boxes"><h2 id="h-boxes">Labels and boxes</h2><div class="plots">'
        f"<div><b>Shapes by label</b>{label_bars(result.labels, _escape)}</div>"
        f"{size_plot(boxes, _escape)}{position_plot(boxes)}</div></section>"
    )


def _for_the_sheets(photos: Sequence[CheckedPhoto], result: CheckResult) -> list[CheckedPhoto]:
    """The photos that the sheets of the classes show, each once."""
    room = dict.fromkeys(list(result.classes)[:_MOST_SHEETS], SHEET_PHOTOS)
    shown = []
    for photo in photos:
        wanted = [tag for tag in photo.tags if room.get(tag)]
        if photo.size_wh is not None and wanted:
            shown.append(photo)
            room |= {tag: room[tag] - 1 for tag in wanted}
    return shown


def _class_sheets(result: CheckResult) -> str:
    """A heading a class with its photos by part; the script puts the thumbnails under it."""
    if not result.classes:
        return ""
    sheets = []
    for index, (name, count) in enumerate(list(result.classes.items())[:_MOST_SHEETS]):
        by_part = Counter(photo.part for photo in result.photos if photo.part and name in photo.tags)
        parts = "".join(f", {part} {by_part[part]}" for part in result.parts())
        sheets.append(
            f'<article class="sheet"><h3>{_escape(name)} <span class="quiet">{count} photos{parts}</span></h3>'
            f'<div class="strip" data-class="{index}"></div></article>'
        )
    rest = len(result.classes) - _MOST_SHEETS
    more = f'<p class="quiet">and {rest} more classes</p>' if rest > 0 else ""
    return (
        '<section aria-labelledby="h-classes"><h2 id="h-classes">Classes of whole photos</h2>'
        f'<div class="plots"><div><b>Photos by class</b>{label_bars(result.classes, _escape)}</div></div>'
        f"{''.join(sheets)}{more}</section>"
    )


def _filters(result: CheckResult, photos: Sequence[CheckedPhoto]) -> str:
    about = {problem.code for problem in result.problems if problem.photo is not None}
    codes = "".join(
        f'<option value="{code}">{KINDS[code].title} ({code})</option>' for code in result.codes() if code in about
    )
    labels = "".join(
        f'<option value="{index}">{_escape(label) if label.strip() else "(no name)"}</option>'
        for index, label in enumerate(_labels(photos))
    )
    classes = "".join(f'<option value="{index}">{_escape(name)}</option>' for index, name in enumerate(result.classes))
    class_filter = (
        '<label>Class<select id="f-class"><option value="">any or none</option><option value="-">none</option>'
        f"{classes}</select></label>"
        if classes
        else ""
    )
    parts = "".join(f'<option value="{part}">{part}</option>' for part in result.parts())
    outside = '<option value="none">in no part</option>' if parts else ""
    return (
        '<div class="filters" role="search">'
        '<label>Problem<select id="f-problem"><option value="">any or none</option>'
        f'<option value="*">some problem</option><option value="-">no problem</option>{codes}</select></label>'
        f'<label>Label<select id="f-label"><option value="">any or none</option>{labels}</select></label>'
        f"{class_filter}"
        f'<label>Part of the split<select id="f-part"><option value="">any</option>{parts}{outside}</select></label>'
        '<label>Name holds<input id="f-text" type="search" autocomplete="off"></label>'
        '<button type="button" id="reset">Show all</button></div>'
    )


def _what_is_left_out(result: CheckResult, photos: Sequence[CheckedPhoto], thumbnails: dict[str, str]) -> str:
    lines = []
    if len(photos) < len(result.photos):
        lines.append(f"{len(photos):,} of {len(result.photos):,} photos are on this page, those with problems first")
    readable = sum(photo.size_wh is not None for photo in photos)
    if len(thumbnails) < readable:
        lines.append(f"{len(thumbnails):,} of them have a thumbnail, so that the page stays small")
    return f'<p class="quiet">{"; ".join(lines)}. <code>check --json</code> names every one.</p>' if lines else ""


def _data(result: CheckResult, photos: Sequence[CheckedPhoto], thumbnails: dict[str, str]) -> dict[str, Any]:
    of_photo: dict[str, list[Problem]] = {photo.name: [] for photo in photos}
    for problem in result.problems:
        if problem.photo in of_photo and len(of_photo[problem.photo]) < _MOST_PROBLEMS:
            of_photo[problem.photo].append(problem)
    place_of = {name: place for place, name in enumerate(result.classes)}
    problems: list[dict[str, Any]] = []
    rows = []
    for photo in photos:
        wrong = {problem.shape for problem in of_photo[photo.name] if problem.shape is not None}
        first = len(problems)
        problems += [
            {"code": problem.code, "message": problem.message, "shape": problem.shape}
            for problem in of_photo[photo.name]
        ]
        shapes = [
            [shape.label, shape.kind, [round(value, 1) for point in shape.points for value in point], place in wrong]
            for shape, place in list(zip(photo.annotations, photo.places, strict=True))[:_MOST_SHAPES]
        ]
        rows.append(
            {
                "name": photo.name,
                "size": photo.size_wh,
                "state": photo.state,
                "part": photo.part,
                "image": thumbnails.get(photo.name),
                "shapes": shapes,
                "tags": [place_of[tag] for tag in photo.tags if tag in place_of],
                "problems": list(range(first, len(problems))),
            }
        )
    labels, classes = _labels(photos), list(result.classes)
    used = {problem["code"] for problem in problems}
    return {
        "photos": rows,
        "problems": problems,
        "labels": labels,
        "classes": classes,
        "colors": {label: css_color(label) for label in [*labels, *classes]},
        "kinds": {code: {"severity": KINDS[code].severity, "mend": KINDS[code].mend} for code in KINDS if code in used},
    }


def _share_boxes(photos: Sequence[CheckedPhoto]) -> list[ShareBox]:
    boxes = []
    for photo in photos:
        if photo.size_wh is None:
            continue
        width, height = photo.size_wh
        for annotation in photo.annotations:
            left, top, right, bottom = annotation.box_xyxy
            x0, x1 = (min(max(value / width, 0.0), 1.0) for value in (left, right))
            y0, y1 = (min(max(value / height, 0.0), 1.0) for value in (top, bottom))
            if annotation.kind not in ("point", "points") and x1 > x0 and y1 > y0:
                boxes.append((annotation.label, x0, y0, x1, y1))
    return boxes


def _labels(photos: Sequence[CheckedPhoto]) -> list[str]:
    return sorted({shape.label for photo in photos for shape in photo.annotations[:_MOST_SHAPES]})


def _worst(problems: Sequence[Problem]) -> dict[str, Any]:
    worst: dict[str, Any] = {}
    for problem in problems:  # errors come first
        if problem.photo is not None:
            worst.setdefault(problem.photo, problem.severity)
    return worst


def _escape(text: str) -> str:
    # A file's name may hold bytes that are no UTF-8, a JSON half a character.
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"), quote=True)


def _with_code(text: str) -> str:
    pieces = _escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))


def _json(value: Any) -> str:
    """JSON that can stand in a script element whatever it holds (HTML standard, 4.12.1.3)."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    # Half a character, which a JSON file can hold: not every browser bears it.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

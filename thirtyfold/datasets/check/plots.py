"""The page's plots, as SVG text: how large the boxes are, where they lie, how many of each label. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from thirtyfold.drawing import color_of

# A box as shares of its photo: label, left, top, right, bottom, 0 to 1 (clipped to the photo).
ShareBox = tuple[str, float, float, float, float]

_SIDE = 300
_MARGIN_LEFT, _MARGIN_BELOW = 46, 40
_DOTS = 2000
_CELLS = 20


def size_plot(boxes: Sequence[ShareBox], escape: Callable[[str], str]) -> str:
    """A dot a box: width across, height upwards, in per cent of the photo; at most 2,000, evenly taken."""
    step = max(1, -(-len(boxes) // _DOTS))
    dots = []
    for label, left, top, right, bottom in boxes[::step]:
        x, y = (right - left) * _SIDE, _SIDE - (bottom - top) * _SIDE
        title = escape(f"{label}: {right - left:.0%} x {bottom - top:.0%}")
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{css_color(label)}"><title>{title}</title></circle>'
        )
    note = f" One of {step} boxes is shown." if step > 1 else ""
    return _figure(
        "Size of the boxes",
        f"Each dot is a box: its width and height in per cent of its photo.{note}",
        _axes("width, % of the photo", "height, %", upwards=True) + f'<g fill-opacity=".65">{"".join(dots)}</g>',
    )


def position_plot(boxes: Sequence[ShareBox]) -> str:
    """Where in the photo boxes lie: a grid, a cell the stronger the more boxes cover its middle."""
    counts = [[0] * _CELLS for _ in range(_CELLS)]
    for _, left, top, right, bottom in boxes:
        for row in _covered(top, bottom):
            for column in _covered(left, right):
                counts[row][column] += 1
    most = max((count for row in counts for count in row), default=0) or 1
    cell = _SIDE / _CELLS
    cells = [
        f'<rect x="{column * cell:.1f}" y="{row * cell:.1f}" width="{cell + 0.3:.1f}" height="{cell + 0.3:.1f}" '
        f'fill-opacity="{count / most:.3f}"><title>{count} boxes</title></rect>'
        for row, line in enumerate(counts)
        for column, count in enumerate(line)
        if count
    ]
    return _figure(
        "Where the boxes lie",
        f"The photo's area; the strongest cell is covered by {most} of {len(boxes)} boxes.",
        f'<g class="heat">{"".join(cells)}</g>' + _axes("across, % of the photo", "down, %", upwards=False),
    )


def label_bars(counts: Mapping[str, int], escape: Callable[[str], str], *, most: int = 12) -> str:
    """A bar a label, the most frequent first; beyond twelve the rest is told as a number."""
    highest = max(counts.values(), default=1)
    rows = [
        f'<tr><th scope="row">{escape(label) or "<i>no name</i>"}</th><td class="number">{count}</td>'
        f'<td class="bar"><span style="width:{100 * count / highest:.1f}%;'
        f'background:{css_color(label)}"></span></td></tr>'
        for label, count in list(counts.items())[:most]
    ]
    rest = f"<p class='quiet'>and {len(counts) - most} more labels</p>" if len(counts) > most else ""
    return f'<table class="bars"><tbody>{"".join(rows)}</tbody></table>{rest}'


def css_color(label: str) -> str:
    red, green, blue = color_of(label)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _covered(low: float, high: float) -> range:
    """The cells between two shares of a side; the one it lies in, where it is smaller than a cell."""
    first, last = int(low * _CELLS + 0.5), int(high * _CELLS - 0.5)
    middle = min(_CELLS - 1, max(0, int((low + high) / 2 * _CELLS)))
    return range(max(0, first), min(_CELLS - 1, last) + 1) if last >= first else range(middle, middle + 1)


def _axes(across: str, along: str, *, upwards: bool) -> str:
    lines = []
    for percent in (0, 25, 50, 75, 100):
        x = percent / 100 * _SIDE
        y = _SIDE - x if upwards else x
        lines.append(f'<line class="grid" x1="{x:.0f}" y1="0" x2="{x:.0f}" y2="{_SIDE}"/>')
        lines.append(f'<line class="grid" x1="0" y1="{y:.0f}" x2="{_SIDE}" y2="{y:.0f}"/>')
        lines.append(f'<text x="{x:.0f}" y="{_SIDE + 16}" text-anchor="middle">{percent}</text>')
        lines.append(f'<text x="-6" y="{y + 4:.0f}" text-anchor="end">{percent}</text>')
    lines.append(f'<text x="{_SIDE / 2}" y="{_SIDE + 34}" text-anchor="middle">{across}</text>')
    lines.append(f'<text transform="translate(-34 {_SIDE / 2}) rotate(-90)" text-anchor="middle">{along}</text>')
    return "".join(lines)


def _figure(title: str, caption: str, inside: str) -> str:
    box = f"{-_MARGIN_LEFT} -8 {_SIDE + _MARGIN_LEFT + 14} {_SIDE + _MARGIN_BELOW + 8}"
    return (
        f'<figure class="plot"><svg viewBox="{box}" role="img" aria-label="{title}">{inside}</svg>'
        f"<figcaption><b>{title}.</b> {caption}</figcaption></figure>"
    )

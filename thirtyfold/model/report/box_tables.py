"""What a page shows of figures of boxes: parts or models side by side, then one of them by label and by session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thirtyfold.model.metrics.labels import ANY
from thirtyfold.model.report.page import Table, about_intervals, bigs_of, bounds_text, number

_MOST_SESSIONS = 60
_MOST_LABELS = 60
_BIGS = (
    ("mean_iou", "mean IoU", ".3f"),
    ("found", "found at IoU 0.5", ".0%"),
    ("ap50", "AP50", ".3f"),
    ("ap", "AP 0.5 to 0.95", ".3f"),
    ("precision", "precision", ".3f"),
    ("false_positives_per_photo", "false boxes a photo", ".2f"),
)
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
_SESSION_COLUMNS = (
    ("photos", "photos", "d"),
    ("objects", "objects", "d"),
    ("mean_iou", "mean IoU", ".3f"),
    ("found", "found", ".1%"),
    ("precision", "precision", ".3f"),
    ("false_positives_per_photo", "false boxes a photo", ".3f"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table of figures: a part, or a model beside others. ``figures`` as in ``PartFigures``."""

    name: str
    figures: Mapping[str, Any]
    threshold_from: str = ""


def box_sections(rows: Sequence[Row], detail_name: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a :class:`Page` that show ``rows`` side by side, and ``detail`` by label and by session.

    ``detail`` are the figures of one of the rows, empty where no photo could be judged.
    """
    tables = [_side_by_side(rows)] if rows else []
    if not detail:
        return {"tables": tables}
    return {
        "detail_name": detail_name,
        "detail_counts": _counts(detail),
        "bigs": bigs_of(detail, _BIGS),
        "tables": [*tables, _by_label(detail, detail_name), _by_session(detail, detail_name)],
    }


def _side_by_side(rows: Sequence[Row]) -> Table:
    columns = [column for column in _COLUMNS if any(row.figures.get(column[0]) is not None for row in rows)]
    named: dict[str, list[str]] = {}
    for row in rows:
        named.setdefault(about_intervals(row.figures["intervals"]), []).append(row.name)
    return Table(
        title="Figures",
        columns=("", *(title for _, title, _ in columns)),
        rows=[
            (f"{row.name}\n{_counts(row.figures)}", *(_cell(row, key, form) for key, _, form in columns))
            for row in rows
        ],
        note="\n".join(
            [
                "Mean IoU counts a missed object as 0. Found: met with an IoU of 0.5 or more. AP is the mean of "
                "average precision over IoU 0.50 to 0.95, as COCO defines it. In small: 95 % intervals.",
                *(f"{', '.join(names)}: {note}" for note, names in named.items()),
            ]
        ),
    )


def _cell(row: Row, key: str, form: str) -> str:
    below = row.threshold_from if key == "threshold" else bounds_text(row.figures["intervals"].get(key), form)
    return number(row.figures.get(key), form) + (f"\n{below}" if below else "")


def _by_label(detail: Mapping[str, Any], detail_name: str) -> Table:
    classes: Mapping[str, Mapping[str, Any]] = detail["classes"]
    named = list(classes.items())[:_MOST_LABELS]
    if len(classes) > 1:
        named.append(("any label", detail[ANY]))
    note = (
        "Small is an object of less than 32² pixels of the original photo, large one of 96² or more. AR: the share "
        "found with 1, 10 or 100 boxes a photo, mean over the IoUs."
    )
    if len(classes) > 1:
        note += " Any label: a box is right whatever it is called."
    if len(classes) > _MOST_LABELS:
        note += f" {len(classes) - _MOST_LABELS} more labels are not shown."
    return _table(f"By label: {detail_name}", _LABEL_COLUMNS, named, note)


def _by_session(detail: Mapping[str, Any], detail_name: str) -> Table:
    sessions: Mapping[str, Mapping[str, Any]] = detail["sessions"]
    worst = sorted(sessions.items(), key=lambda item: (item[1]["objects"] == 0, item[1]["mean_iou"]))
    shown = worst[:_MOST_SESSIONS]
    rest = "" if len(shown) == len(worst) else f" The {len(shown)} worst of {len(worst)} are shown."
    note = f"A session is one visit to the camera.{rest}"
    return _table(f"By session: {detail_name}", _SESSION_COLUMNS, shown, note)


def _table(
    title: str, columns: Sequence[tuple[str, str, str]], named: Sequence[tuple[str, Mapping[str, Any]]], note: str
) -> Table:
    rows = [
        (name or "(no name)", *(number(figures.get(key), form) for key, _, form in columns)) for name, figures in named
    ]
    return Table(title=title, columns=("", *(column for _, column, _ in columns)), rows=rows, note=note)


def _counts(figures: Mapping[str, Any]) -> str:
    return f"{_count(figures['photos'], 'photo')}, {_count(figures['objects'], 'object')}"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"

"""``README.md`` of a run: a model card in the form of the Hugging Face Hub.

https://huggingface.co/docs/hub/model-cards. What nobody but the user can know, the licence and where the
photos come from, is left to them, and says so.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thirtyfold.model.report.page import PART_NAMES
from thirtyfold.predict.artifact import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class CardWords:
    """What a card says of the models of one task.

    ``pipeline_tag`` and ``task_name`` are the Hub's, ``metrics`` (key, the Hub's type, name) what stands in its
    front matter, ``rows`` (title, key) in the table. ``does`` is a sentence with ``{classes}``, ``{heads}`` and
    ``{backbone}`` to be filled in. ``use`` and ``not_for`` are paragraphs, ``limits`` items of a list.
    ``of_boxes``: the model finds boxes, so the card says from which score and of which sizes.
    """

    pipeline_tag: str
    task_name: str
    metrics: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[str, str], ...]
    does: str
    use: str
    not_for: str
    limits: tuple[str, ...] = ()
    of_boxes: bool = False


_PARTS = tuple((part, PART_NAMES[part]) for part in ("test", "val"))


def model_card(name: str, artifact: Artifact, notes: tuple[str, ...] = (), *, words: CardWords) -> str:
    """The card's text. ``notes`` are sentences on what the figures are worth."""
    training = artifact.training
    dataset = str(training.get("dataset") or "the author's photos")
    options = training["options"]
    does = words.does.format(
        classes=_text(", ".join(artifact.classes)), heads=_text(options["heads"]), backbone=_text(options["backbone"])
    )
    return "\n".join(
        [
            "---",
            "# license: yours to choose, and the licences of the photos to respect; see `license` in the Hub's docs",
            _front_matter(name, artifact, dataset, words),
            "---",
            "",
            f"# {_text(name)}",
            "",
            f"{does} Input: one letterboxed RGB picture, uint8, "
            f"{artifact.size} × {artifact.size}; the preprocessing is in the model.",
            "",
            "## Intended use",
            "",
            words.use,
            "",
            words.not_for,
            "",
            "## Data",
            "",
            f"- {training['train_photos']} training pictures ({training['copies']} of them augmented copies), "
            f"{training['val_photos']} validation and {training['test_photos']} test photos of {_text(dataset)}.",
            f"- Split by {_text(training['split'])}"
            + (
                ": no capture session stands on both sides."
                if training["split_leak_free"]
                else ". **Neighbouring photos stand on both sides, so the figures flatter.**"
            ),
            f"- Fingerprint of photos and labels: `{_text(training['data_fingerprint'])}`.",
            "- Where the photos come from, who is in them and whether they agreed: the author of this model is to say.",
            "",
            "## How good it is",
            "",
            _figures(artifact.metrics, words),
            "",
            *(f"- {_text(note[0].upper() + note[1:])}." for note in notes),
            *_about_scores(artifact, words),
            "",
            "## Limits",
            "",
            "- It knows the people, rooms and cameras of its training photos. Others were not measured.",
            "- The intervals are about chance among the photos held out, not about other places and people.",
            f"- Pictures are shrunk to {artifact.size} px first: objects far away become too small to be found.",
            *(_size_limits(artifact.metrics) if words.of_boxes else ()),
            *(f"- {limit}" for limit in words.limits),
            "",
            "## How to run it",
            "",
            "```",
            "pip install thirtyfold",
            "thirtyfold predict --model FOLDER_OF_THIS_FILE photo.jpg",
            "thirtyfold live --model FOLDER_OF_THIS_FILE",
            "```",
            "",
            "`model.json` says what the outputs mean, and holds the SHA-256 of each form of the model. Nothing in this "
            "folder is run as code.",
            "",
        ]
    )


def _front_matter(name: str, artifact: Artifact, dataset: str, words: CardWords) -> str:
    import yaml

    results = []
    for part, _ in _PARTS:
        if part not in artifact.metrics:
            continue
        figures = artifact.metrics[part]
        measured = [
            {"type": kind, "name": title, "value": round(float(figures[key]), 4), "verified": False}
            for key, kind, title in words.metrics
            if figures.get(key) is not None
        ]
        results.append(
            {
                "task": {"type": words.pipeline_tag, "name": words.task_name},
                "dataset": {
                    "name": dataset,
                    "type": "private",
                    "split": {"val": "validation"}.get(part, part),
                    "revision": str(artifact.training["data_fingerprint"]),
                },
                "metrics": measured,
            }
        )
    options = artifact.training["options"]
    front = {
        "library_name": "keras",
        "pipeline_tag": words.pipeline_tag,
        "tags": [words.pipeline_tag, "thirtyfold", "litert", str(options["backbone"]), f"{options['heads']}-heads"],
        "metrics": [kind for _, kind, _ in words.metrics],
        "model-index": [{"name": name, "results": results}],
    }
    dumped: str = yaml.safe_dump(front, sort_keys=False, allow_unicode=False, width=10_000)
    return dumped.rstrip()


def _figures(metrics: Mapping[str, Any], words: CardWords) -> str:
    parts = [(title, metrics[part]) for part, title in _PARTS if part in metrics]
    if not parts:
        return "It was not measured: there were no photos beside those it was trained on."
    lines = [
        "| | " + " | ".join(f"{title} ({figures['photos']})" for title, figures in parts) + " |",
        "|---" * (len(parts) + 1) + "|",
    ]
    for title, key in words.rows:
        cells = [_cell(figures.get(key), figures["intervals"].get(key)) for _, figures in parts]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    about = [f"95 % intervals of the {title}: {_about_intervals(figures['intervals'])}." for title, figures in parts]
    return "\n".join([*lines, "", *about])


def _about_intervals(intervals: Mapping[str, Any]) -> str:
    drawn = f"by bootstrap over {intervals['groups']} {intervals['by']}" if intervals["by"] != "nothing" else "none"
    return "; ".join(filter(None, (drawn, intervals["note"])))


def _cell(value: float | None, bounds: list[float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else "")


def _about_scores(artifact: Artifact, words: CardWords) -> list[str]:
    if not words.of_boxes:
        return []
    chosen = ", chosen on the validation photos." if "val" in artifact.metrics else "."
    note = str(artifact.calibration.get("note") or "not calibrated")
    return [f"- Boxes count from a score of {artifact.score_threshold:.2f}{chosen}", f"- {_text(f'Scores: {note}.')}"]


def _size_limits(metrics: Mapping[str, Any]) -> list[str]:
    part = next((metrics[name] for name, _ in _PARTS if name in metrics), None)
    if part is None:
        return []
    missing = [size for size in ("small", "medium", "large") if part.get(f"ap_{size}") is None]
    if not missing:
        return []
    sizes = " and ".join(missing)
    return [f"- There were no {sizes} objects (by COCO's sizes) to measure it on, so nothing is known about those."]


def _text(value: object) -> str:
    """Text that Markdown and HTML leave as it is: labels and names are other people's."""
    text = " ".join(str(value).encode("utf-8", "backslashreplace").decode("utf-8").split())
    escaped = html.escape(text, quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|" else letter for letter in escaped)

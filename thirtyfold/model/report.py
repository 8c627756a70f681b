"""``report.html``: one self-contained page about a run, its pictures inside."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.predict.artifact import Artifact

_STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #8884;text-align:right}
th:first-child,td:first-child{text-align:left}img{max-width:100%;height:auto;border-radius:4px}
.warn{border-left:4px solid #d55e00;padding:.3rem .8rem}
"""
_COLUMNS = (
    ("photos", "photos", "{:d}"),
    ("objects", "objects", "{:d}"),
    ("mean_iou", "mean IoU", "{:.3f}"),
    ("found", "found at IoU 0.5", "{:.1%}"),
    ("precision", "precision", "{:.3f}"),
    ("recall", "recall", "{:.3f}"),
    ("false_positives_per_photo", "false boxes a photo", "{:.3f}"),
)


def write_report(run_dir: Path, artifact: Artifact) -> Path:
    """Write ``report.html`` from the artifact and ``plots/``; returns its path."""
    training, metrics = artifact.training, artifact.metrics
    options = training["options"]
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(run_dir.name)} – thirtyfold</title>",
        "<meta name='viewport' content='width=device-width'>",
        f"<style>{_STYLE}</style><h1>{escape(artifact.task)} run {escape(run_dir.name)}</h1>",
        f"<p>{escape(options['backbone'])}, {escape(options['heads'])} heads, {artifact.size} px, "
        f"labels {escape(', '.join(artifact.classes))}. Trained on {training['train_photos']} photos "
        f"({training['copies']} of them copies), {training['epochs_done']} epochs, the best was epoch "
        f"{training['best_epoch']}. Boxes are shown from a score of {artifact.score_threshold:.2f}, "
        "chosen on the validation photos.</p>",
        _split_statement(training),
        "<h2>Figures</h2>",
        _table(metrics),
        "<p>Mean IoU counts a missed object as 0.</p>",
    ]
    for title, name in (
        ("Curves", "curves.png"),
        ("Test photos, worst first: truth white, prediction in colour", "test_predictions.png"),
        ("Validation photos, worst first", "val_predictions.png"),
    ):
        path = run_dir / "plots" / name
        if path.exists():
            data = base64.b64encode(path.read_bytes()).decode()
            parts.append(f"<h2>{escape(title)}</h2><img alt='{escape(title)}' src='data:image/png;base64,{data}'>")
    export = metrics["tflite_against_keras"]
    parts.append(
        "<h2>The exported model</h2>"
        f"<p>Against Keras on {export['photos']} photos: boxes differ by at most "
        f"{export['largest_box_difference_px']} px of the {artifact.size} px input, scores by at most "
        f"{export['largest_score_difference']}.</p>"
        f"<p>Data fingerprint <code>{escape(str(training['data_fingerprint']))}</code>; "
        f"{escape(', '.join(f'{name} {version}' for name, version in artifact.versions.items()))}.</p></html>"
    )
    report = run_dir / "report.html"
    files.write_text(report, "\n".join(parts))
    return report


def _split_statement(training: Any) -> str:
    if training["split_leak_free"]:
        return f"<p>Split by {escape(str(training['split']))}: no capture session stands on both sides.</p>"
    return (
        f"<p class='warn'>Split by {escape(str(training['split']))}. Neighbouring photos stand on both sides, so the "
        "figures flatter: capture a second session to know how good the model is.</p>"
    )


def _table(metrics: Any) -> str:
    head = "".join(f"<th>{title}</th>" for _, title, _ in _COLUMNS)
    rows = []
    for part in ("val", "test"):
        if part not in metrics:
            continue
        named = [(part, metrics[part])]
        named += [(f"{part}: {session}", figures) for session, figures in metrics[part]["sessions"].items()]
        for name, figures in named:
            cells = "".join(f"<td>{form.format(figures[key])}</td>" for key, _, form in _COLUMNS)
            rows.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"

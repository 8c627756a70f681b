"""The page of a training: what was trained on what, and how good it is on photos it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thirtyfold.model.evaluation import Evaluation
from thirtyfold.model.report.box_tables import Row, box_sections
from thirtyfold.model.report.page import PART_NAMES, Page, Statement, unread_statements
from thirtyfold.predict.artifact import Artifact

_NAMED_PROBLEMS = 5
_STEPS = {"inputs": "reading photos, features"}


def training_page(run_dir: Path, artifact: Artifact, evaluation: Evaluation) -> Page:
    """The page without its plots and pictures."""
    training = artifact.training
    options = training["options"]
    part = detail_part(evaluation)
    rows = [
        Row(name=PART_NAMES[name], figures=figures.figures, threshold_from="" if name == "test" else "chosen here")
        for name, figures in evaluation.parts.items()
    ]
    return Page(
        title=f"{artifact.task} run {run_dir.name}" + (f": {training['dataset']}" if training.get("dataset") else ""),
        lead=(
            f"{options['backbone']}, {options['heads']} heads, {artifact.size} px, labels "
            f"{', '.join(artifact.classes)}. Trained on {training['train_photos']} photos ({training['copies']} of "
            f"them copies), {training['epochs_done']} epochs, the best was epoch {training['best_epoch']}. Boxes are "
            f"shown from a score of {artifact.score_threshold:.2f}."
        ),
        statements=[split_statement(training), *left_out_statements(training), *evaluation_statements(evaluation)],
        facts=run_facts(artifact),
        **box_sections(rows, PART_NAMES.get(part, ""), evaluation.parts[part].figures if part else {}),
    )


def detail_part(evaluation: Evaluation) -> str:
    """The part that is shown in detail: test, else validation, else none."""
    return next((part for part in ("test", "val") if part in evaluation.parts), "")


def split_statement(training: Mapping[str, Any]) -> Statement:
    """Whether photos of one visit to the camera stand on both sides."""
    if training["split_leak_free"]:
        return Statement(text=f"Split by {training['split']}: no capture session stands on both sides.")
    return Statement(
        text=f"Split by {training['split']}. Neighbouring photos stand on both sides, so the figures flatter: "
        "capture a second session to know how good the model is.",
        warns=True,
    )


def left_out_statements(training: Mapping[str, Any]) -> list[Statement]:
    """Photos that the training itself could not read; each stands there with its reason."""
    left_out = training.get("left_out", [])
    if not left_out:
        return []
    more = f", and {len(left_out) - _NAMED_PROBLEMS} more" if len(left_out) > _NAMED_PROBLEMS else ""
    named = "; ".join(Path(str(problem)).name for problem in left_out[:_NAMED_PROBLEMS])
    return [Statement(text=f"{len(left_out)} photos were left out of the training: {named}{more}.", warns=True)]


def evaluation_statements(evaluation: Evaluation) -> list[Statement]:
    """How far to trust the figures."""
    notes = [Statement(text=sentence(note), warns=True) for note in evaluation.notes]
    calibration = Statement(text=sentence(f"scores: {evaluation.fitted.note}"))
    return [*notes, *unread_statements(evaluation.problems), calibration]


def sentence(text: str) -> str:
    """A note as a sentence."""
    return text[0].upper() + text[1:] + "."


def run_facts(artifact: Artifact) -> list[tuple[str, dict[str, str]]]:
    """How a run was made: data, times, forms, options, machine."""
    training = artifact.training
    data = {
        "photos": f"{training['train_photos']} to train on, {training['copies']} of them copies; "
        f"{training['val_photos']} to validate, {training['test_photos']} to test",
        "split": str(training["split"]),
        "fingerprint": str(training["data_fingerprint"]),
    }
    facts = [("Data", data)]
    if seconds := training.get("seconds"):
        facts.append(("Time", {_STEPS.get(name, name): f"{value:.1f} s" for name, value in seconds.items()}))
    facts.append(("The exported model", _export_facts(artifact)))
    chosen = {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for name, value in training["options"].items()
        if value not in (None, "", [], ())
    }
    machine = {str(name): str(value) for name, value in training.get("machine", {}).items()}
    return [*facts, ("Options", chosen), ("Machine and versions", {**machine, **artifact.versions})]


def _export_facts(artifact: Artifact) -> dict[str, str]:
    facts = {}
    agreement = artifact.metrics.get("tflite_against_keras", {})
    if "largest_box_difference_px" in agreement:
        facts["against Keras"] = (
            f"on {agreement['photos']} photos boxes differ by at most {agreement['largest_box_difference_px']} px of "
            f"the {artifact.size} px input, scores by at most {agreement['largest_score_difference']}"
        )
    elif agreement:
        facts["against Keras"] = (
            f"on {agreement['photos']} photos outputs differ by at most {agreement['largest_difference']}"
        )
    measured = artifact.metrics.get("forms", {})
    for name, form in artifact.forms.items():
        figures = measured.get("files", {}).get(name, {})
        said = [form.numbers]
        if "bytes" in figures:
            said.append(f"{figures['bytes'] / 1e6:.1f} MB")
        if "ms" in figures:
            said.append(f"{figures['ms']:.1f} ms a photo")
        if figures.get("mean_iou") is not None:
            said.append(f"validation IoU {figures['mean_iou']:.3f}")
        if figures.get("quality") is not None:
            said.append(f"validation {figures['quality_name']} {figures['quality']:.3f}")
        facts[name] = f"{', '.join(said)}; SHA-256 {form.sha256[:16]}…"
    because = f", as {measured['because']}" if measured.get("because") else ""
    return {**facts, "what runs": f"{artifact.runs}{because}"}

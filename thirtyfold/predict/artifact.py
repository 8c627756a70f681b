"""The files of a run folder that a finished model is made of.

``model.tflite`` takes one letterboxed picture, uint8 RGB (1, size, size, 3), with the
preprocessing inside; ``model.json`` says what its outputs mean. Nothing of a run is
ever executed: the weights are numbers, and everything else is JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.errors import ModelError
from thirtyfold.workspace import MODEL_CARD

FORMAT = 1
TFLITE_NAME = "model.tflite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What ``model.json`` says.

    ``decoder`` names the function of ``predict.decoders`` that reads the outputs, with
    ``decoder_options``. ``size`` is the side of the model's input square in pixels,
    ``score_threshold`` what ``predict`` and ``live`` show from. ``sha256`` is the hash
    of ``model.tflite``. ``metrics`` holds figures of the evaluation by name.
    """

    task: str
    classes: tuple[str, ...]
    size: int
    decoder: str
    sha256: str
    decoder_options: Mapping[str, Any] = field(default_factory=dict)
    score_threshold: float = 0.5
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


def write_artifact(run_dir: Path, artifact: Artifact) -> None:
    """Write ``model.json``. It comes last: a run folder that has it is a finished one."""
    files.write_json(run_dir / MODEL_CARD, asdict(artifact))


def read_artifact(run_dir: Path) -> Artifact:
    """Read and check ``model.json`` and the hash of ``model.tflite``. Raises :class:`ModelError`."""
    return load_artifact(run_dir)[0]


def load_artifact(run_dir: Path) -> tuple[Artifact, bytes]:
    """As :func:`read_artifact`, with the bytes of ``model.tflite`` that were checked."""
    path = run_dir / MODEL_CARD
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); train again, or copy the whole run folder") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise ModelError(f"{path}: was written by another version of thirtyfold; update, or train again")
    known = {item.name for item in fields(Artifact)}
    if unknown := sorted(set(raw) - known):
        raise ModelError(f"{path}: has fields this version does not know ({', '.join(unknown)}); update thirtyfold")
    try:
        artifact = Artifact(**{**raw, "classes": tuple(str(name) for name in raw["classes"])})
        plausible = 8 <= int(artifact.size) <= 4096 and 0 <= float(artifact.score_threshold) <= 1 and artifact.classes
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: a field is missing or wrong ({error}); train again") from error
    if not plausible:
        raise ModelError(f"{path}: its size, threshold or classes make no sense; train again")
    weights = run_dir / TFLITE_NAME
    try:
        data = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"{weights}: cannot be read ({error.strerror or error}); copy the whole run folder") from error
    if hashlib.sha256(data).hexdigest() != artifact.sha256:
        raise ModelError(
            f"{weights}: is not the file that was trained (its hash differs); copy it again or train again"
        )
    return artifact, data

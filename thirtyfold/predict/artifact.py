"""The files of a run folder that a finished model is made of.

Each form of the model (``forms.py``) takes one letterboxed picture with the preprocessing
inside; ``model.json`` says what its outputs mean, which form runs, and the hash of each.
Nothing of a run is ever executed: the weights are numbers, and everything else is JSON.

A file may be a link to another place (the cache of the Hugging Face hub is made of such links):
whatever it leads to has to be a plain file with the hash that ``model.json`` says.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.errors import ModelError, UsageError
from thirtyfold.predict.calibration import Calibration
from thirtyfold.predict.forms import AUTO, FORM_FILES, LITERT, RUNNABLE
from thirtyfold.predict.prepare import STEPS
from thirtyfold.workspace import MODEL_CARD

# 2: several forms. 1 had model.tflite alone, its hash in a field of its own.
FORMAT = 2
# Larger files are refused before they are read. The largest model of ours, VGG16 from nothing, has 0.3 GB.
MAX_CARD_BYTES = 32 * 2**20
MAX_FORM_BYTES = 2 * 2**30
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFile:
    """What ``model.json`` says of one form: the hash of its file, and what its numbers are.

    ``numbers`` is ``float32``, ``float16``, ``int8 weights`` (dynamic range) or ``int8`` (weights and activations).
    """

    sha256: str
    numbers: str = "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What ``model.json`` says.

    ``decoder`` names the function of ``predict.decoders`` that reads the outputs, with
    ``decoder_options``. ``size`` is the side of the model's input square in pixels,
    ``score_threshold`` what ``predict`` and ``live`` show from. ``forms`` are the forms it
    comes in by file name, ``runs`` the one that is run unless a person asks for another. ``metrics``
    holds figures of the evaluation by name. ``calibration`` is that of
    :class:`thirtyfold.predict.calibration.Calibration`; empty: scores are as the network gives them. ``prepare`` is
    what is done to a photo first (``predict/prepare.py``).
    """

    task: str
    classes: tuple[str, ...]
    size: int
    decoder: str
    forms: Mapping[str, FormFile]
    runs: str = LITERT
    decoder_options: Mapping[str, Any] = field(default_factory=dict)
    score_threshold: float = 0.5
    calibration: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    format: int = FORMAT


def write_artifact(run_dir: Path, artifact: Artifact) -> None:
    """Write ``model.json``. It comes last: a run folder that has it is a finished one."""
    files.write_json(run_dir / MODEL_CARD, asdict(artifact))


def read_artifact(run_dir: Path) -> Artifact:
    """Read and check ``model.json`` and the form that runs. Raises :class:`ModelError`."""
    return load_artifact(run_dir)[0]


def load_artifact(run_dir: Path, form: str = AUTO) -> tuple[Artifact, bytes]:
    """As :func:`read_artifact`, with the bytes of the form that were checked.

    ``form`` is ``auto`` (what ``model.json`` says) or a name of :data:`thirtyfold.predict.forms.RUNNABLE`.
    """
    artifact = read_card(run_dir)
    return artifact, read_form(run_dir, artifact, runnable_file(artifact, form))


def runnable_file(artifact: Artifact, form: str) -> str:
    """The file name that ``form`` stands for. Raises :class:`UsageError` where it is unknown."""
    if form == AUTO:
        return artifact.runs
    if form not in RUNNABLE:
        raise UsageError(f"--form {form}: one of {AUTO}, {', '.join(RUNNABLE)} was expected")
    return RUNNABLE[form]


def read_card(run_dir: Path) -> Artifact:
    """Read and check ``model.json`` alone. Raises :class:`ModelError`."""
    path = run_dir / MODEL_CARD
    try:
        raw = json.loads(read_plain(path, MAX_CARD_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: also whole numbers of thousands of digits
        raise ModelError(f"{path}: cannot be read ({error}); train again, or copy the whole run folder") from error
    if not isinstance(raw, dict) or raw.get("format") not in (1, FORMAT):
        raise ModelError(f"{path}: was written by another version of thirtyfold; update, or train again")
    if raw["format"] == 1:
        raw["forms"] = {LITERT: {"sha256": raw.pop("sha256", None)}}
        raw["format"] = FORMAT
    known = {item.name for item in fields(Artifact)}
    if unknown := sorted(set(raw) - known):
        raise ModelError(f"{path}: has fields this version does not know ({', '.join(unknown)}); update thirtyfold")
    try:
        forms = {name: FormFile(**form) for name, form in raw["forms"].items()}
        artifact = Artifact(**{**raw, "classes": tuple(str(name) for name in raw["classes"]), "forms": forms})
        artifact = replace(artifact, prepare=tuple(str(step) for step in artifact.prepare))
        _check_types(artifact)
        Calibration.from_dict(artifact.calibration)
        plausible = 8 <= artifact.size <= 4096 and 0 <= artifact.score_threshold <= 1 and artifact.classes
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"{path}: a field is missing or wrong ({error}); train again") from error
    if not plausible:
        raise ModelError(f"{path}: its size, threshold or classes make no sense; train again")
    if unknown := [step for step in artifact.prepare if step not in STEPS]:
        raise ModelError(f"{path}: wants photos prepared in a way this version does not know ({unknown[0]}); update")
    # A name from outside is looked up, never opened: it could lead anywhere.
    if foreign := sorted(set(forms) - set(FORM_FILES.values())):
        raise ModelError(f"{path}: names forms this version does not know ({', '.join(foreign)}); update thirtyfold")
    if artifact.runs not in RUNNABLE.values() or artifact.runs not in forms:
        raise ModelError(f"{path}: says that {artifact.runs!r} runs, which is none of its forms; train again")
    if any(not _SHA256.fullmatch(str(form.sha256)) for form in forms.values()):
        raise ModelError(f"{path}: the hash of a form is missing or wrong; train again")
    return artifact


def _check_types(artifact: Artifact) -> None:
    """Raise :class:`TypeError` for fields that are not what the class says: JSON gives anything."""
    for name, kind in (("task", str), ("decoder", str), ("runs", str), ("size", int), ("score_threshold", int | float)):
        value = getattr(artifact, name)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise TypeError(f"{name} is {value!r}")
    for name in ("decoder_options", "calibration", "metrics", "training", "versions"):
        if not isinstance(getattr(artifact, name), dict):
            raise TypeError(f"{name} is no table")


def newest_run_on(dataset: str, runs_dir: Path, tasks: Collection[str]) -> Path | None:
    """The finished run of one of ``tasks`` that was trained last on a dataset of that name; ``None`` without any."""
    found: list[tuple[int, Path]] = []
    for task in tasks:
        for path in (card.parent for card in runs_dir.glob(f"{task}/*/{MODEL_CARD}") if card.parent.name.isdecimal()):
            try:
                if read_card(path).training.get("dataset") == dataset:
                    found.append(((path / MODEL_CARD).stat().st_mtime_ns, path))
            except (ModelError, OSError, AttributeError):
                continue  # whoever asks for it by its own name is told what is wrong with it
    return max(found)[1] if found else None


def read_form(run_dir: Path, artifact: Artifact, file: str) -> bytes:
    """The bytes of one form, of the hash that ``model.json`` says. Raises :class:`ModelError`."""
    path = run_dir / file
    if file not in artifact.forms:
        to = next(name for name, known in FORM_FILES.items() if known == file)
        raise ModelError(f"{path}: the run has no such form; make it with `thirtyfold export {run_dir} --to {to}`")
    data = read_plain(path, MAX_FORM_BYTES)
    if hashlib.sha256(data).hexdigest() != artifact.forms[file].sha256:
        raise ModelError(f"{path}: is not the file that was trained (its hash differs); copy it again or train again")
    return data


def read_plain(path: Path, limit: int) -> bytes:
    """The bytes of a plain file of at most ``limit`` bytes. Raises :class:`ModelError` for any other."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: is no plain file; copy the whole run folder")
        if status.st_size > limit:
            raise ModelError(f"{path}: is larger than {limit // 2**20} MB, which no model of ours is; train again")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}); copy the whole run folder") from error

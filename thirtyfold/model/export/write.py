"""The forms that every training writes, and the figures that stand beside them in ``model.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.errors import DataError, UsageError
from thirtyfold.model.exams.base import Exam
from thirtyfold.model.export.agreement import Comparison, choose_form
from thirtyfold.model.export.litert import saved_model
from thirtyfold.model.export.made import FEWEST_CALIBRATION_PHOTOS, FULL, MAKERS, Made, Source, make_keras, spread
from thirtyfold.model.machine import machine_facts
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.forms import KERAS, LITERT, LITERT_INT8, ONNX
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

# An even choice of them tells as much about agreement as thousands, which would take minutes.
COMPARED_PHOTOS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """``predictor`` runs what is to run; ``artifact`` has the hash of every form, and how they agree."""

    artifact: Artifact
    predictor: Predictor


def export_model(
    model: Any,
    run_dir: Path,
    artifact: Artifact,
    *,
    val: Sequence[Sample],
    train: Sequence[Sample],
    int8: str,
    exam: Exam,
    progress: Progress = SILENT,
) -> Exported:
    """Write every form of a trained model into its run folder, compare them, and choose the one that runs.

    ``artifact`` says what the model is; its forms and metrics are still missing. ``int8`` is ``dynamic`` or
    ``full``, as suits the backbone; ``exam`` is how a model of the task is judged. The comparison is on ``val``;
    without any on photos of ``train``, and then float runs. Of a form that can't be made, or is far from Keras,
    ``progress`` hears; only ``model.keras`` and ``model.tflite`` have to be there. Raises :class:`DataError` and
    :class:`UsageError` if a folder can't be written: the trained weights stay, and ``train --resume`` goes on here.
    """
    problems: list[str] = []
    made = {KERAS: make_keras(model, artifact.size)}
    files.write_bytes(run_dir / KERAS, made[KERAS].data)
    with saved_model(model, artifact.size) as saved:
        source = Source(model=model, saved=saved, artifact=artifact, train=train, int8=int8)
        for file in (LITERT, LITERT_INT8, ONNX):
            try:
                made[file] = MAKERS[file](source)
            except (DataError, UsageError):
                raise
            except Exception as error:  # converters raise what they like
                if file == LITERT:
                    raise
                problems.append(f"{file}: could not be made ({_first_line(error)}), the other forms are there")
            else:
                files.write_bytes(run_dir / file, made[file].data)
    if int8 == FULL and source.int8_numbers != "int8":
        problems.append(
            f"{LITERT_INT8}: {len(train)} train photos are too few to measure its ranges on "
            f"({FEWEST_CALIBRATION_PHOTOS} are needed), so only its weights are int8"
        )
    photos = spread(val or train, COMPARED_PHOTOS)
    runners = {file: form.run for file, form in made.items()}
    comparison = exam.compare_forms(runners, artifact, photos, progress=progress)
    problems += disagreements(comparison, made)
    runs, because = choose_form(comparison.figures, chosen_on_val=bool(val))
    for problem in problems:
        progress.say(f"mind: {problem}")
    progress.say(f"{runs} is what runs: {because}")
    forms = {
        **comparison_dict(comparison, made, part="val" if val else "train"),
        "runs": runs,
        "because": because,
        "problems": problems,
    }
    exported = replace(
        artifact,
        forms={file: form.form_file for file, form in made.items()},
        runs=runs,
        metrics={"tflite_against_keras": _in_short(comparison), "forms": forms},
    )
    return Exported(artifact=exported, predictor=Predictor(exported, made[runs].data, name=str(run_dir / runs)))


def disagreements(comparison: Comparison, made: Mapping[str, Made]) -> list[str]:
    """A sentence for each form of 32-bit numbers whose answers are not those of Keras."""
    return [
        f"{file}: differs from Keras by more than rounding ({figures.apart()}); do not rely on it, and please report it"
        for file, figures in comparison.figures.items()
        if made[file].numbers == "float32" and not figures.agrees
    ]


def comparison_dict(comparison: Comparison, made: Mapping[str, Made], *, part: str) -> dict[str, Any]:
    """For ``model.json``: what was compared on what, and each form's size and figures."""
    return {
        "photos": comparison.photos,
        "part": part if comparison.photos else "noise",
        "threshold": comparison.threshold,
        "machine": machine_facts(),
        "files": {
            file: {"bytes": len(made[file].data), **figures.to_dict()} for file, figures in comparison.figures.items()
        },
    }


def _in_short(comparison: Comparison) -> dict[str, Any]:
    return {"photos": comparison.photos, **comparison.figures[LITERT].in_short()}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]

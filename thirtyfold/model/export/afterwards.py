"""A form of a finished run, made later from its ``model.keras``: what `thirtyfold export` does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from thirtyfold import files
from thirtyfold.errors import DataError, ModelError, ThirtyfoldError, UsageError
from thirtyfold.model.data import gather
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.export.agreement import Comparison, Figures, Runner
from thirtyfold.model.export.keras_file import load_keras
from thirtyfold.model.export.litert import saved_model
from thirtyfold.model.export.made import FEWEST_CALIBRATION_PHOTOS, FULL, MAKERS, Made, Source, make_keras, spread
from thirtyfold.model.export.write import COMPARED_PHOTOS, comparison_dict, disagreements
from thirtyfold.model.held_out import learned_hashes
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.provenance import PHOTOS_NAME, file_hash, trained_on
from thirtyfold.model.state import read_args
from thirtyfold.model.train import import_tensorflow
from thirtyfold.predict.artifact import MAX_FORM_BYTES, Artifact, read_card, read_form, read_plain, write_artifact
from thirtyfold.predict.decoders import DECODERS
from thirtyfold.predict.forms import FORM_FILES, KERAS, LITERT_INT8, ONNX, SAVED_MODEL
from thirtyfold.predict.runtime import SIGNATURE
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """``figures`` say how far the form is from Keras on ``photos`` validation photos; if that is 0, on noise."""

    path: Path
    form: str
    numbers: str
    size_bytes: int
    figures: Figures
    photos: int
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "form": self.form,
            "numbers": self.numbers,
            "bytes": self.size_bytes,
            "photos": self.photos,
            "machine": machine_facts(),
            "against_keras": self.figures.to_dict(),
            "problems": list(self.problems),
        }

    def facts(self) -> dict[str, object]:
        figures = self.figures
        over = f"{self.photos} validation photos" if self.photos else "pictures of noise, for want of photos"
        facts: dict[str, object] = {
            "path": self.path,
            "size": f"{self.size_bytes / 1e6:.1f} MB, {self.numbers}",
            "against Keras": f"{figures.apart()}; {over}",
        }
        if figures.quality is not None:
            facts[f"val {figures.quality_name}"] = f"{figures.quality:.3f}"
        facts["time"] = f"{figures.ms:.1f} ms a frame on this machine"
        if self.problems:
            facts["mind"] = "; ".join(self.problems)
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Photos:
    val: Sequence[Sample] = ()
    train: Sequence[Sample] = ()


def export_run(
    run_dir: Path,
    to: str,
    *,
    out: Path | None = None,
    force: bool = False,
    dataset: Path | None = None,
    progress: Progress = SILENT,
) -> ExportResult:
    """Make one form of a finished run and compare it with Keras.

    It is written into the run folder, where ``model.json`` then knows it, or to ``out``. ``dataset`` is the one
    that the run was trained on, if it has moved. Raises :class:`ModelError` for a run that is wrong,
    :class:`UsageError` for a file that is there already (``force`` writes over it) and a form that is unknown,
    :class:`DataError` where photos are needed and are not there.
    """
    file = _file_of(to)
    path = _target(run_dir, file, out, force)
    card = read_card(run_dir)
    # A run of an older version has no hash of it; what it holds is looked through all the same.
    known = KERAS in card.forms
    data = read_form(run_dir, card, KERAS) if known else read_plain(run_dir / KERAS, MAX_FORM_BYTES)
    import_tensorflow()
    model = load_keras(data, str(run_dir / KERAS))
    _check_shapes(model, card, str(run_dir / KERAS))
    photos = _photos(run_dir, dataset, progress)
    progress.say(f"making {path}")
    # Two forms come from the Keras model itself, and need not wait for what the others come from.
    with nullcontext(run_dir) if file in (ONNX, KERAS) else saved_model(model, card.size) as saved:
        source = Source(model=model, saved=saved, artifact=card, train=photos.train, int8=_int8_kind(run_dir))
        if file == LITERT_INT8 and source.int8 == FULL and source.int8_numbers != "int8":
            raise DataError(
                f"{path}: int8 of this backbone needs {FEWEST_CALIBRATION_PHOTOS} train photos or copies to measure "
                f"its ranges on, and {len(photos.train)} are there; give the run's dataset with --dataset"
            )
        theirs = make_keras(model, card.size)
        made = MAKERS[file](source) if file in MAKERS else Made(data=b"", numbers="float32", run=_served(saved))
        runners = {KERAS: theirs.run, file: made.run}
        exam = load_exam(card.task)
        comparison = exam.compare_forms(runners, card, spread(photos.val, COMPARED_PHOTOS), progress=progress)
        if file == SAVED_MODEL:
            _place_folder(saved, path)
        else:
            files.write_bytes(path, made.data)
    if out is None and file != SAVED_MODEL:
        write_artifact(run_dir, _with_form(card, file, {KERAS: theirs, file: made}, comparison))
    return ExportResult(
        path=path,
        form=to,
        numbers=made.numbers,
        size_bytes=_size_bytes(path),
        figures=comparison.figures[file],
        photos=comparison.photos,
        problems=tuple(disagreements(comparison, {KERAS: theirs, file: made})),
    )


def _file_of(to: str) -> str:
    if to not in FORM_FILES:
        raise UsageError(f"--to {to}: one of {', '.join(FORM_FILES)} was expected")
    return FORM_FILES[to]


def _target(run_dir: Path, file: str, out: Path | None, force: bool) -> Path:
    """Where the form goes; nothing but another form of the same kind is ever written over."""
    path = out or run_dir / file
    if path.parent.resolve() == run_dir.resolve() and path.name != file:
        raise UsageError(f"--out {path}: in the run folder it is called {file}; choose another folder for another name")
    if path.parent.resolve() == run_dir.resolve() and file == KERAS:
        raise UsageError(f"{path}: is what the other forms are made from; give another place with --out FILE")
    if os.path.lexists(path):
        if not force:
            raise UsageError(f"{path}: is there already; --force writes over it, --out FILE puts it elsewhere")
        if path.is_dir() != (file == SAVED_MODEL) or (path.is_dir() and not (path / "saved_model.pb").is_file()):
            raise UsageError(f"{path}: is no {file}, and is not written over; choose another name")
    return path


def _check_shapes(model: Any, card: Artifact, name: str) -> None:
    """The network has to be what ``model.json`` says: converted, it would be refused only when it runs."""
    image, outputs = model.input, model.output
    expected = (None, card.size, card.size, 3)
    decoder = DECODERS.get(card.decoder)
    fits = not isinstance(image, (list, dict)) and tuple(image.shape) == expected and isinstance(outputs, dict)
    if decoder is None or not fits or not decoder.fits(
        {output: tensor.shape[1:] for output, tensor in outputs.items()}, card.classes, card.decoder_options
    ):  # fmt: skip
        raise ModelError(f"{name}: is not the network that its model.json describes; copy the whole run folder")


def _photos(run_dir: Path, dataset: Path | None, progress: Progress) -> _Photos:
    """The run's photos, if its dataset is still there; it may have been split anew since."""
    try:
        options = read_args(run_dir)
        root = dataset or trained_on(run_dir)
        if root is None:
            return _Photos()
        data = gather(Dataset(root), options, SILENT)
        learned = learned_hashes(run_dir, parts=("train",)) if (run_dir / PHOTOS_NAME).is_file() else set()
    except ThirtyfoldError as error:
        if dataset is not None:
            raise
        progress.say(f"without the photos it was trained on ({error})")
        return _Photos()
    unseen = [photo for photo in data.val if file_hash(photo.image_path) not in learned]
    if len(unseen) < len(data.val):
        progress.say(
            f"{root}: was split anew; {len(data.val) - len(unseen)} of its {len(data.val)} validation photos were "
            "trained on, and are left out"
        )
    return _Photos(val=unseen, train=data.train)


def _int8_kind(run_dir: Path) -> str:
    from thirtyfold.model.backbones import backbone_of

    try:
        return backbone_of(read_args(run_dir).backbone).int8
    except ModelError:
        return "dynamic"


def _served(saved: Path) -> Runner:
    import tensorflow as tf

    # The loaded object has to live as long as what it serves.
    loaded = tf.saved_model.load(str(saved))

    def run(square: Any) -> dict[str, Any]:
        outputs = loaded.signatures[SIGNATURE](image=tf.constant(square[None]))
        return {name: np.asarray(output) for name, output in outputs.items()}

    return run


def _place_folder(saved: Path, path: Path) -> None:
    """Put a folder in its place whole: copied beside it, then renamed."""
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.old")
    try:
        shutil.copytree(saved, beside)
        if path.exists():
            path.rename(aside)
        beside.rename(path)
    except OSError as error:
        raise files.writing_failed(path, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if not path.exists() and aside.exists():
            aside.rename(path)
        shutil.rmtree(aside, ignore_errors=True)


def _with_form(card: Artifact, file: str, made: Mapping[str, Made], comparison: Comparison) -> Artifact:
    """``card`` with a form that was made later; what was measured in training stays as it is."""
    now = comparison_dict(comparison, made, part="val")
    # A run of an older version has no figures of its forms.
    before = card.metrics.get("forms") or {**now, "files": {}}
    figures = {**before, "files": {**before.get("files", {}), file: now["files"][file]}}
    return replace(
        card, forms={**card.forms, file: made[file].form_file}, metrics={**card.metrics, "forms": figures}
    )  # fmt: skip


def _size_bytes(path: Path) -> int:
    if path.is_dir():
        return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
    return path.stat().st_size

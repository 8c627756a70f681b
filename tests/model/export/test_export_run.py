"""What a training writes, and `thirtyfold export` after it, on one small run."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.drawn import draw_photo
from tests.predict.test_clean_environment import example
from thirtyfold import files
from thirtyfold.cli import app
from thirtyfold.datasets.split import read_split, write_split
from thirtyfold.errors import DataError, ModelError, UsageError
from thirtyfold.images import letterbox
from thirtyfold.model import detect
from thirtyfold.model.exams.base import load_exam
from thirtyfold.model.export import export_model, made
from thirtyfold.model.export.afterwards import export_run
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.predict.artifact import Artifact, FormFile, read_card, write_artifact
from thirtyfold.predict.forms import KERAS, LITERT, LITERT_FLOAT16, LITERT_INT8, ONNX
from thirtyfold.predict.runtime import load
from thirtyfold.workspace import Dataset

pytestmark = pytest.mark.slow
EVERY_TRAINING = (KERAS, LITERT, LITERT_INT8, ONNX)


def test_a_training_writes_every_form_with_its_hash(trained_run: Path) -> None:
    card = read_card(trained_run)
    assert set(card.forms) == set(EVERY_TRAINING)
    for file, form in card.forms.items():
        assert hashlib.sha256((trained_run / file).read_bytes()).hexdigest() == form.sha256
    assert card.forms[LITERT_INT8].numbers == "int8 weights"
    assert not list(trained_run.glob(".*")), "something of the making was left behind"


def test_the_figures_of_every_form_stand_in_the_card(trained_run: Path) -> None:
    card = read_card(trained_run)
    figures = card.metrics["forms"]
    assert figures["part"] == "val"
    assert figures["photos"] == 12
    assert figures["problems"] == []
    assert figures["machine"]["processor"]
    assert set(figures["files"]) == set(EVERY_TRAINING)
    for file, form in figures["files"].items():
        assert form["bytes"] == (trained_run / file).stat().st_size
        assert form["ms"] > 0
        assert 0 <= form["mean_iou"] <= 1
    for file in (LITERT, ONNX):
        assert figures["files"][file]["largest_box_difference_at_640"] < 1
        assert figures["files"][file]["largest_shown_difference_at_640"] < 1
    assert figures["files"][LITERT_INT8]["bytes"] < 0.5 * figures["files"][LITERT]["bytes"]
    assert card.runs in (LITERT, LITERT_INT8)
    assert figures["runs"] == card.runs
    assert figures["because"]


def test_both_forms_can_be_asked_for(trained_run: Path) -> None:
    pixels, _ = draw_photo(2)
    square = letterbox(pixels, 96)[0]
    exact, rough = (load(trained_run, form=form).outputs(square) for form in ("float", "int8"))
    assert (exact["scores"] != rough["scores"]).any()
    assert np.abs(exact["scores"] - rough["scores"]).max() < 0.2


def test_the_onnx_example_of_the_docs_finds_what_litert_finds(trained_run: Path, tmp_path: Path) -> None:
    square = letterbox(draw_photo(2)[0], 96)[0]
    np.save(tmp_path / "square.npy", square[None])
    script = tmp_path / "example.py"
    script.write_text(example("onnxruntime"))
    command = [sys.executable, str(script), str(trained_run), str(tmp_path / "square.npy")]
    label, score, *box = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    outputs = load(trained_run, form="float").outputs(square)
    best = np.unravel_index(outputs["scores"].argmax(), outputs["scores"].shape)
    assert label == "face"
    assert float(score) == pytest.approx(float(outputs["scores"][best]), abs=1e-4)
    assert [float(side) for side in box] == pytest.approx((outputs["boxes"][best[:3]] * 96).tolist(), abs=0.1)


def test_another_form_is_made_later_compared_and_known_to_the_run(run_copy: Path) -> None:
    result = export_run(run_copy, "litert-float16")
    assert result.path == run_copy / LITERT_FLOAT16
    assert result.photos == 12
    assert result.figures.largest_difference_at_640 < 3
    card = read_card(run_copy)
    assert card.forms[LITERT_FLOAT16] == FormFile(
        sha256=hashlib.sha256(result.path.read_bytes()).hexdigest(), numbers="float16"
    )
    assert card.metrics["forms"]["files"][LITERT_FLOAT16]["bytes"] == result.size_bytes
    assert result.size_bytes < 0.6 * (run_copy / LITERT).stat().st_size
    assert load(run_copy)(draw_photo(2)[0]) is not None


def test_what_is_there_is_written_over_only_with_force_and_the_command_says_how_it_agrees(run_copy: Path) -> None:
    (run_copy / ONNX).write_bytes(b"damaged")
    with pytest.raises(UsageError, match=r"model\.onnx: is there already; --force"):
        export_run(run_copy, "onnx")
    assert (run_copy / ONNX).read_bytes() == b"damaged"
    done = CliRunner().invoke(app, ["export", str(run_copy), "--to", "onnx", "--force", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["path"] == str(run_copy / ONNX)
    assert said["bytes"] == (run_copy / ONNX).stat().st_size
    assert said["against_keras"]["largest_box_difference_at_640"] < 1
    assert said["problems"] == []
    sha256 = hashlib.sha256((run_copy / ONNX).read_bytes()).hexdigest()
    assert read_card(run_copy).forms[ONNX].sha256 == sha256


@pytest.mark.parametrize(
    ("to", "out", "text"),
    [
        ("tensorrt", None, "--to tensorrt: one of keras, litert"),
        ("keras", None, "is what the other forms are made from"),
        ("onnx", "model.json", r"in the run folder it is called model\.onnx"),
    ],
)
def test_what_would_harm_the_run_is_refused(run_copy: Path, to: str, out: str | None, text: str) -> None:
    before = {path.name: path.read_bytes() for path in run_copy.iterdir() if path.is_file()}
    with pytest.raises(UsageError, match=text):
        export_run(run_copy, to, out=run_copy / out if out else None, force=True)
    assert {path.name: path.read_bytes() for path in run_copy.iterdir() if path.is_file()} == before


def test_a_folder_that_is_no_savedmodel_is_never_replaced_by_one(run_copy: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is not written over"):
        export_run(run_copy, "savedmodel", out=mine, force=True)
    served = tmp_path / "served"
    (served / "variables").mkdir(parents=True)
    (served / "saved_model.pb").write_bytes(b"an older one")
    result = export_run(run_copy, "savedmodel", out=served, force=True)
    assert result.size_bytes > 100_000
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    model = tf.saved_model.load(str(served))
    square = letterbox(draw_photo(2)[0], 96)[0]
    expected = load(run_copy, form="float").outputs(square)["scores"]
    found = model.signatures["serving_default"](image=tf.constant(square[None]))["scores"]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_without_the_photos_noise_stands_in_and_it_is_said(run_copy: Path, tmp_path: Path) -> None:
    args = json.loads((run_copy / "args.json").read_text())
    (run_copy / "args.json").write_text(json.dumps({**args, "dataset": str(tmp_path / "gone")}))
    result = export_run(run_copy, "litert", out=tmp_path / "face.tflite")
    assert result.photos == 0
    assert "noise" in str(result.facts()["against Keras"])
    assert result.figures.largest_box_difference_at_640 < 1


def test_a_run_without_figures_of_its_forms_gets_those_of_the_new_one(run_copy: Path) -> None:
    card = read_card(run_copy)
    write_artifact(run_copy, replace(card, metrics={k: v for k, v in card.metrics.items() if k != "forms"}))
    result = export_run(run_copy, "litert-float16")
    figures = read_card(run_copy).metrics["forms"]
    assert (figures["photos"], figures["part"]) == (12, "val")
    assert set(figures["files"]) == {LITERT_FLOAT16}
    assert figures["files"][LITERT_FLOAT16]["bytes"] == result.size_bytes


def test_after_a_new_split_no_form_is_judged_by_photos_that_it_was_trained_on(
    run_copy: Path, faces: Dataset, tmp_path: Path
) -> None:
    moved = Dataset(Path(shutil.copytree(faces.root, tmp_path / "moved")))
    split = read_split(faces)
    others = {"train": "val", "val": "train", "test": "test"}
    write_split(moved, replace(split, parts={name: others[part] for name, part in split.parts.items()}))
    result = export_run(run_copy, "keras", out=tmp_path / "face.keras", dataset=moved.root)
    assert result.photos == 0
    again = export_run(run_copy, "keras", out=tmp_path / "same.keras", dataset=faces.root)
    assert again.photos == 12


@pytest.mark.parametrize("damage", ["changed", "cut", "h5"])
def test_a_keras_file_that_is_not_the_one_that_was_trained_is_refused(run_copy: Path, damage: str) -> None:
    weights = run_copy / KERAS
    data = weights.read_bytes()
    weights.write_bytes({"changed": data[:-1] + b"!", "cut": data[:1000], "h5": b"\x89HDF\r\n\x1a\n"}[damage])
    with pytest.raises(ModelError, match=r"model\.keras: is not the file that was trained"):
        export_run(run_copy, "onnx", force=True)


def test_a_network_that_is_not_what_its_card_says_is_refused(run_copy: Path) -> None:
    card = read_card(run_copy)
    for change in ({"classes": ("face", "hand")}, {"size": 128}, {"decoder": "global"}, {"decoder": "invented"}):
        write_artifact(run_copy, replace(card, **change))  # type: ignore[arg-type]
        with pytest.raises(ModelError, match=r"model\.keras: is not the network that its model\.json describes"):
            export_run(run_copy, "onnx", force=True)


def test_harm_with_the_right_hash_is_refused_too(run_copy: Path) -> None:
    with zipfile.ZipFile(run_copy / KERAS) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(b'"Preprocessing"', b'"Lambda"')
    with zipfile.ZipFile(run_copy / KERAS, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    card = read_card(run_copy)
    forged = FormFile(sha256=hashlib.sha256((run_copy / KERAS).read_bytes()).hexdigest())
    write_artifact(run_copy, replace(card, forms={**card.forms, KERAS: forged}))
    with pytest.raises(ModelError, match="'Lambda', which no model of ours has"):
        export_run(run_copy, "onnx", force=True)


SMALL: dict[str, Any] = {"backbone": "tiny", "weights": "none", "size": 32, "batch": 16, "epochs": 1}


def test_a_disk_that_is_full_while_exporting_costs_no_training(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files.write_bytes

    def full(path: Path, data: bytes, *, durable: bool = True) -> None:
        if path.suffix == ".onnx":
            raise files.writing_failed(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        write(path, data, durable=durable)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(DataError, match=r"model\.onnx: the disk is full; free some space"):
        train(faces, TrainOptions(**SMALL), runs_dir=tmp_path)
    run_dir = tmp_path / "detect" / "1"
    assert not (run_dir / "model.json").exists(), "a run without its forms counts as finished"
    rows = (run_dir / "results.csv").read_text()
    monkeypatch.undo()
    result = train(faces, TrainOptions(resume=str(run_dir), epochs=1), runs_dir=tmp_path)
    assert result.run_dir == run_dir
    assert (run_dir / "results.csv").read_text() == rows, "it was trained again"
    assert set(read_card(run_dir).forms) == set(EVERY_TRAINING)


def test_a_form_that_cannot_be_made_is_said_and_the_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: Any) -> Any:
        raise RuntimeError("no such operation\nand pages more")

    monkeypatch.setitem(made.MAKERS, ONNX, broken)
    options = TrainOptions(backbone="tiny", weights="none", size=32)
    name, decoder_options = detect.decoder(options, ("a",), many=False)
    described = Artifact(
        task="detect", classes=("face",), size=32, decoder=name, decoder_options=decoder_options, forms={}
    )
    model = detect.build(options, ("a",)).model
    exam = load_exam("detect")
    exported = export_model(model, tmp_path, described, val=(), train=(), int8="full", exam=exam).artifact
    assert set(exported.forms) == {KERAS, LITERT, LITERT_INT8}
    assert not (tmp_path / ONNX).exists()
    unmade, too_few = exported.metrics["forms"]["problems"]
    assert unmade == "model.onnx: could not be made (no such operation), the other forms are there"
    assert too_few.startswith("model.int8.tflite: 0 train photos are too few to measure its ranges on (100 are needed)")
    assert exported.forms[LITERT_INT8].numbers == "int8 weights"
    assert exported.metrics["forms"]["part"] == "noise"
    assert exported.runs == LITERT, "chosen without any photo to judge by"

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from thirtyfold.errors import ModelError
from thirtyfold.predict.artifact import load_artifact, read_artifact, write_artifact


@pytest.fixture
def run_copy(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def change(run: Path, **changes: Any) -> None:
    card = run / "model.json"
    raw = json.loads(card.read_text())
    card.write_text(json.dumps({key: value for key, value in (raw | changes).items() if value is not None}))


def test_what_is_written_is_what_is_read(run_copy: Path) -> None:
    artifact, weights = load_artifact(run_copy)
    write_artifact(run_copy, artifact)
    assert read_artifact(run_copy) == artifact
    assert weights == (run_copy / "model.tflite").read_bytes()


def test_weights_that_were_changed_are_refused_by_name(run_copy: Path) -> None:
    weights = run_copy / "model.tflite"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelError, match=r"model\.tflite: is not the file that was trained"):
        read_artifact(run_copy)


@pytest.mark.parametrize("name", ["model.json", "model.tflite"])
def test_a_missing_file_is_named(run_copy: Path, name: str) -> None:
    (run_copy / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        read_artifact(run_copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 99},
        {"format": None},
        {"invented": 1},
        {"classes": None},
        {"classes": []},
        {"classes": 3},
        {"size": "large"},
        {"size": 10**6},
        {"score_threshold": 7},
    ],
)
def test_a_model_card_that_makes_no_sense_is_refused(run_copy: Path, changes: dict[str, Any]) -> None:
    change(run_copy, **changes)
    with pytest.raises(ModelError, match=r"model\.json"):
        read_artifact(run_copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff"])
def test_a_model_card_that_is_no_json_object_is_refused(run_copy: Path, text: str) -> None:
    (run_copy / "model.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match=r"model\.json"):
        read_artifact(run_copy)

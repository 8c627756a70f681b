from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thirtyfold.errors import ModelError, UsageError
from thirtyfold.predict.artifact import (
    MAX_CARD_BYTES,
    MAX_FORM_BYTES,
    load_artifact,
    read_artifact,
    read_card,
    write_artifact,
)
from thirtyfold.predict.forms import LITERT, LITERT_INT8


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
        {"size": "160"},
        {"size": float("inf")},
        {"size": True},
        {"score_threshold": 10**400},
        {"score_threshold": "0.5"},
        {"calibration": {"slope": 10**400}},
        {"decoder": ["dense"]},
        {"runs": ["model.tflite"]},
        {"decoder_options": []},
        {"metrics": [1]},
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


def test_a_run_of_the_first_format_is_still_read(run_copy: Path) -> None:
    sha256 = read_card(run_copy).forms[LITERT].sha256
    change(run_copy, format=1, sha256=sha256, forms=None, runs=None)
    artifact, weights = load_artifact(run_copy)
    assert artifact.runs == LITERT
    assert hashlib.sha256(weights).hexdigest() == artifact.forms[LITERT].sha256 == sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"forms": {}},
        {"forms": {"model.tflite": {"sha256": "0" * 64, "invented": 1}}},
        {"forms": {"model.tflite": {"sha256": "short"}}},
        {"forms": {"model.tflite": None}},
        {"forms": {"../../etc/passwd": {"sha256": "0" * 64}, "model.tflite": {"sha256": "0" * 64}}},
        {"runs": "model.int8.tflite"},
        {"runs": "../other/model.tflite"},
        {"runs": "model.keras"},
    ],
)
def test_forms_that_make_no_sense_are_refused(run_copy: Path, changes: dict[str, Any]) -> None:
    change(run_copy, **changes)
    with pytest.raises(ModelError, match=r"model\.json"):
        read_artifact(run_copy)


def test_no_name_in_the_card_is_used_as_a_path(run_copy: Path) -> None:
    outside = run_copy.parent / "model.tflite"
    outside.write_bytes((run_copy / LITERT).read_bytes())
    sha256 = read_card(run_copy).forms[LITERT].sha256
    change(run_copy, forms={"../model.tflite": {"sha256": sha256}}, runs="../model.tflite")
    with pytest.raises(ModelError, match="names forms this version does not know"):
        read_artifact(run_copy)


def test_the_form_that_the_card_names_runs_until_another_is_asked_for(run_copy: Path) -> None:
    same = (run_copy / LITERT).read_bytes()
    (run_copy / LITERT_INT8).write_bytes(same)
    artifact = read_card(run_copy)
    write_artifact(
        run_copy,
        replace(artifact, runs=LITERT_INT8, forms=dict.fromkeys((LITERT, LITERT_INT8), artifact.forms[LITERT])),
    )
    (run_copy / LITERT).unlink()
    assert load_artifact(run_copy)[1] == same
    assert load_artifact(run_copy, "int8")[1] == same
    with pytest.raises(ModelError, match=r"model\.tflite: cannot be read"):
        load_artifact(run_copy, "float")


def test_a_form_that_the_run_has_not_is_named_with_how_to_make_it(run_copy: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.int8\.tflite: .*thirtyfold export .* --to litert-int8"):
        load_artifact(run_copy, "int8")
    with pytest.raises(UsageError, match="--form double: one of auto, float, int8"):
        load_artifact(run_copy, "double")


def test_a_link_is_followed_to_a_file_with_the_right_hash_and_to_no_other(run_copy: Path) -> None:
    weights = run_copy / LITERT
    blob = run_copy.parent / "blob"
    blob.write_bytes(weights.read_bytes())
    weights.unlink()
    weights.symlink_to(blob)
    assert load_artifact(run_copy)[1] == blob.read_bytes()
    blob.write_bytes(b"secret")
    with pytest.raises(ModelError, match="its hash differs"):
        load_artifact(run_copy)


@pytest.mark.parametrize("name", ["model.json", "model.tflite"])
def test_what_is_no_plain_file_is_never_read(run_copy: Path, name: str) -> None:
    (run_copy / name).unlink()
    (run_copy / name).symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="is no plain file"):
        load_artifact(run_copy)
    (run_copy / name).unlink()
    os.mkfifo(run_copy / name)
    with pytest.raises(ModelError, match="is no plain file"):
        load_artifact(run_copy)


@pytest.mark.parametrize(("name", "limit"), [("model.json", MAX_CARD_BYTES), ("model.tflite", MAX_FORM_BYTES)])
def test_a_file_too_large_for_a_model_is_refused_unread(run_copy: Path, name: str, limit: int) -> None:
    os.truncate(run_copy / name, limit + 1)  # takes no room on the disk
    with pytest.raises(ModelError, match="is larger than"):
        load_artifact(run_copy)


def test_a_card_nested_without_end_is_refused(run_copy: Path) -> None:
    (run_copy / "model.json").write_text("[" * 200_000)
    with pytest.raises(ModelError, match=r"model\.json"):
        read_artifact(run_copy)

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.errors import ModelError
from thirtyfold.predict.artifact import FormFile, read_artifact, read_card, write_artifact
from thirtyfold.predict.forms import LITERT
from thirtyfold.predict.runtime import load


@pytest.fixture
def run_copy(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


@pytest.mark.parametrize("seed", range(5))
def test_the_model_finds_the_drawn_face_where_it_is(tiny_run: Path, seed: int) -> None:
    pixels, (truth,) = draw_photo(seed)
    (found,) = load(tiny_run)(pixels)
    assert found.label == "face"
    assert 0.5 < (found.score or 0) <= 1
    assert found.box_xyxy == pytest.approx(truth.box_xyxy, abs=3)


def test_a_tall_photo_is_letterboxed_the_other_way(tiny_run: Path) -> None:
    pixels, (truth,) = draw_photo(1, width=240, height=300)
    (found,) = load(tiny_run)(pixels)
    assert found.box_xyxy == pytest.approx(truth.box_xyxy, abs=4)


def test_an_empty_room_has_no_face(tiny_run: Path) -> None:
    pixels, _ = draw_photo(1, face=False)
    assert load(tiny_run)(pixels) == ()


def test_global_heads_find_it_too(tiny_global_run: Path) -> None:
    pixels, (truth,) = draw_photo(2)
    (found,) = load(tiny_global_run)(pixels)
    assert found.box_xyxy == pytest.approx(truth.box_xyxy, abs=3)


def test_the_threshold_is_the_models_own_until_another_is_given(tiny_run: Path) -> None:
    pixels, _ = draw_photo(1)
    assert load(tiny_run).threshold == read_artifact(tiny_run).score_threshold
    strict = load(tiny_run, threshold=0.999)
    assert strict(pixels) == ()
    assert len(strict(pixels, threshold=0.1)) == 1


def test_the_same_picture_gives_the_same_boxes_and_stays_as_it_is(tiny_run: Path) -> None:
    pixels, _ = draw_photo(4)
    before = pixels.copy()
    predictor = load(tiny_run)
    first = predictor(pixels)
    predictor(draw_photo(5)[0])
    assert predictor(pixels) == first
    assert np.array_equal(pixels, before)
    assert predictor.model_ms > 0


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "text"])
def test_a_file_that_is_no_model_is_a_model_error_though_its_hash_is_right(run_copy: Path, damage: str) -> None:
    weights = run_copy / "model.tflite"
    data = weights.read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, len(data), np.uint8).tobytes()
    weights.write_bytes({"cut": data[: len(data) // 2], "noise": noise, "empty": b"", "text": b"model"}[damage])
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_artifact(run_copy, replace(read_card(run_copy), forms={LITERT: FormFile(sha256=digest)}))
    with pytest.raises(ModelError, match=r"model\.tflite: is not a model that LiteRT can run"):
        load(run_copy)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"size": 224}, "takes image"),
        ({"classes": ("face", "mask")}, "2 classes"),
        ({"decoder": "global"}, "decoder 'global'"),
        ({"decoder": "invented"}, "invented"),
        ({"decoder_options": {"max_boxes": "many"}}, "max_boxes is 'many'"),
        ({"decoder_options": {"nms_iou": float("nan")}}, "nms_iou is nan"),
    ],
)
def test_a_model_that_is_not_what_its_card_says_is_refused(run_copy: Path, changes: dict[str, Any], text: str) -> None:
    write_artifact(run_copy, replace(read_artifact(run_copy), **changes))
    with pytest.raises(ModelError, match=text):
        load(run_copy)


def test_predicting_never_imports_tensorflow_and_says_nothing_on_stderr(tiny_run: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path; from thirtyfold.predict.runtime import load; "
        "load(Path(sys.argv[1]))(np.zeros((240, 320, 3), np.uint8)); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'albumentations'}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tiny_run)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.datasets import labelme_json
from thirtyfold.errors import ModelError, NotInstalledError, UsageError
from thirtyfold.images import Pixels, read_rgb
from thirtyfold.predict.detectors import FINDER_SIDE_PX, READY, YUNET, Detector, find_model, open_detector
from thirtyfold.predict.matching import iou, match
from thirtyfold.predict.runtime import Predictor
from thirtyfold.sample import BoxXyxy

# Around the face, by eye, in skimage's portrait of 512x512.
ASTRONAUT: BoxXyxy = (175, 70, 275, 195)


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    """A real, public-domain portrait that scikit-image carries."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


@pytest.fixture
def models(shared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that holds YuNet already."""
    source = shared(f"weights/{YUNET.name}")
    (tmp_path / "models").mkdir()
    shutil.copyfile(source, tmp_path / "models" / YUNET.name)
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path))
    return tmp_path / "models"


@pytest.fixture(params=sorted(READY))
def ready(request: pytest.FixtureRequest) -> Detector:
    """Each ready detector; YuNet only where its file is."""
    if request.param == "yunet":
        request.getfixturevalue("models")
    return open_detector(request.param)


def test_a_ready_detector_finds_the_face_of_a_real_portrait(ready: Detector, astronaut: Pixels) -> None:
    before = astronaut.copy()
    best = ready(astronaut)[0]
    assert (best.label, best.kind) == ("face", "rectangle")
    assert ready.classes == ("face",)
    assert best.score is not None
    assert ready.threshold <= best.score <= 1
    assert iou(best.box_xyxy, ASTRONAUT) > 0.5
    assert ready.model_ms > 0
    assert (astronaut == before).all()


def test_nothing_is_found_where_nothing_is(ready: Detector) -> None:
    assert ready(np.full((48, 64, 3), 90, np.uint8)) == ()
    assert ready(np.zeros((1, 1, 3), np.uint8)) == ()


def test_a_large_picture_is_searched_small_and_its_boxes_are_at_full_size(ready: Detector, astronaut: Pixels) -> None:
    # Six times as large a face is beyond what either of them finds at full size.
    large = cv2.resize(astronaut, (3072, 3072), interpolation=cv2.INTER_CUBIC)
    best = ready(large)[0].box_xyxy
    assert iou(best, tuple(6.0 * v for v in ASTRONAUT)) > 0.5  # type: ignore[arg-type]
    assert ready(large)[0].box_xyxy == best
    assert max(large.shape) > FINDER_SIDE_PX


def test_boxes_are_clipped_to_the_picture(ready: Detector, astronaut: Pixels) -> None:
    # The face touches the left and upper edge.
    cropped = np.ascontiguousarray(astronaut[90:400, 190:480])
    height, width = cropped.shape[:2]
    for face in ready(cropped, threshold=0.01):
        left, top, right, bottom = face.box_xyxy
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


def test_a_lower_threshold_finds_the_same_and_more_best_first(ready: Detector, astronaut: Pixels) -> None:
    few, many = ready(astronaut), ready(astronaut, threshold=0.05)
    assert set(few) <= set(many)
    scores = [face.score or 0 for face in many]
    assert scores == sorted(scores, reverse=True)
    assert len(ready(astronaut)) == len(few), "the threshold of one call stayed"


def test_haar_gives_one_box_a_face_though_its_cascade_gives_two(shared: Callable[[str], Path]) -> None:
    pixels = read_rgb(shared("data/clip_frames/night_031.jpg"))
    haar = open_detector("haar")
    assert len(haar(pixels)) == 1
    assert len(haar(pixels, threshold=0.01)) == 1


def test_yunet_finds_the_labelled_faces_of_the_clips(models: Path, shared: Callable[[str], Path]) -> None:
    yunet = open_detector("yunet")
    for path in sorted(shared("data/clip_frames").glob("*_0*.jpg"))[::6]:
        truths = labelme_json.read(path.with_suffix(".json")).annotations
        assert [overlap > 0.7 for *_, overlap in match(truths, yunet(read_rgb(path)))] == [True]


def test_a_file_of_ones_own_is_taken_by_its_path(models: Path, astronaut: Pixels, tmp_path: Path) -> None:
    mine = tmp_path / "mein Gesichtsfinder ü.onnx"
    (models / YUNET.name).rename(mine)
    assert open_detector(find_model(str(mine)))(astronaut) != ()
    with pytest.raises(ModelError, match="no such file"):
        find_model(str(tmp_path / "gone.onnx"))


def test_an_onnx_file_that_is_no_yunet_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"no network at all")
    with pytest.raises(ModelError, match=r"other\.onnx: is not a YuNet that OpenCV"):
        open_detector(tmp_path / "other.onnx")


def test_a_cached_file_that_was_swapped_is_not_run(models: Path) -> None:
    (models / YUNET.name).write_bytes(b"something else")
    with pytest.raises(ModelError, match="move it away"):
        open_detector("yunet")
    assert (models / YUNET.name).read_bytes() == b"something else"


def test_without_a_network_it_says_where_the_file_belongs_and_what_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path))
    nobody_answers = replace(YUNET, url="http://127.0.0.1:9/yunet.onnx")
    monkeypatch.setattr("thirtyfold.predict.detectors.YUNET", nobody_answers)
    with pytest.raises(NotInstalledError, match="or take `haar`") as raised:
        open_detector("yunet")
    assert str(tmp_path / "models" / YUNET.name) in str(raised.value)


def test_names_are_looked_up_before_runs_and_a_missing_run_names_them(tmp_path: Path, tiny_run: Path) -> None:
    assert find_model("haar", tmp_path) == "haar"
    assert find_model(str(tiny_run), tmp_path) == tiny_run
    with pytest.raises(ModelError, match=r"no trained model yet.*--model haar or yunet"):
        find_model("latest", tmp_path)


def test_a_run_is_opened_as_a_detector_like_the_others(tiny_run: Path) -> None:
    detector = open_detector(tiny_run, threshold=0.4)
    assert isinstance(detector, Predictor)
    assert (detector.classes, detector.threshold) == (("face",), 0.4)
    pixels, truths = draw_photo(3)
    assert iou(detector(pixels)[0].box_xyxy, truths[0].box_xyxy) > 0.5


def test_the_command_takes_a_ready_detector(models: Path, shared: Callable[[str], Path]) -> None:
    photo = shared("data/clip_frames/again_002.jpg")
    for name in READY:
        done = subprocess.run(
            [sys.executable, "-m", "thirtyfold", "predict", str(photo), "-m", name, "--json"],
            env=os.environ | {"THIRTYFOLD_HOME": str(models.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert '"label": "face"' in done.stdout


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite", "model.json"])
def test_a_file_of_a_run_means_the_run(tiny_run: Path, tmp_path: Path, name: str) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (run / "model.onnx").write_bytes(b"of a run, and no YuNet")
    assert find_model(str(run / name)) == run


def test_a_ready_detector_has_one_form_only() -> None:
    with pytest.raises(UsageError, match="--form int8: haar comes in one form only"):
        open_detector("haar", form="int8")

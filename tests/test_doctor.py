from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest

from thirtyfold import doctor
from thirtyfold.annotate.labelme_program import Labelme
from thirtyfold.errors import NotInstalledError

GIB = 1 << 30
WINDOWED = ("opencv-python", "4.12.0.88")
HEADLESS = ("opencv-python-headless", "4.12.0.88")


def fake_cv2(*, version: str = "4.12.0", headless: bool = False, cascades: str = cv2.data.haarcascades) -> Any:
    return SimpleNamespace(
        __version__=version,
        version=SimpleNamespace(headless=headless),
        data=SimpleNamespace(haarcascades=cascades),
    )


# --- the real machine -------------------------------------------------------------------


@pytest.mark.slow
def test_the_real_examination_covers_everything_and_ends_with_0_or_7() -> None:
    command = [sys.executable, "-m", "thirtyfold", "doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    checks = json.loads(result.stdout)
    assert [check["name"] for check in checks] == [
        "Python",
        "screen",
        "OpenCV",
        "camera",
        "labelme",
        "TensorFlow",
        "LiteRT",
        "weights",
        "disk",
        "memory",
    ]
    assert all(check["found"] for check in checks)
    assert all(check["mend"] for check in checks if check["ok"] is False)
    assert result.returncode == (7 if any(check["ok"] is False for check in checks) else 0), result.stderr
    assert {check["name"]: check["ok"] for check in checks}["TensorFlow"] in (True, None)


def test_the_real_opencv_here_is_one_and_works() -> None:
    check = doctor.check_opencv(doctor.installed_distributions())
    assert check.ok is (None if cv2.version.headless else True), check
    assert "4." in check.found


# --- broken ones ------------------------------------------------------------------------


def test_two_opencvs_are_broken_and_the_mend_removes_both_before_installing_one() -> None:
    # Removing only one of them takes files of the other away.
    check = doctor.check_opencv([("numpy", "2.0"), WINDOWED, HEADLESS])
    assert check.ok is False
    assert "opencv-python 4.12.0.88 and opencv-python-headless 4.12.0.88" in check.found
    assert "uninstall -y opencv-python opencv-python-headless && " in check.mend
    assert "opencv-python>=4.12,<5" in check.mend


@pytest.mark.parametrize("name", ["opencv_contrib_python", "opencv-contrib-python-headless"])
def test_the_contrib_builds_count_as_opencv(name: str) -> None:
    assert doctor.check_opencv([WINDOWED, (name, "4.12.0.88")]).ok is False


def test_an_opencv_without_windows_is_a_note() -> None:
    check = doctor.check_opencv([HEADLESS], lambda _: fake_cv2(headless=True))
    assert (check.ok, check.found) == (None, "opencv-python-headless 4.12.0.88, without windows")


def test_opencv_5_and_missing_cascades_are_broken(tmp_path: Path) -> None:
    five = doctor.check_opencv([("opencv-python", "5.0.0")], lambda _: fake_cv2(version="5.0.0"))
    assert (five.ok, "5 has no face cascades" in five.found) == (False, True)
    bare = doctor.check_opencv([WINDOWED], lambda _: fake_cv2(cascades=str(tmp_path)))
    assert (bare.ok, "haarcascade_frontalface_default.xml is missing" in bare.found) == (False, True)


def test_no_opencv_at_all_is_broken() -> None:
    check = doctor.check_opencv([("numpy", "2.0")])
    assert (check.ok, check.found) == (False, "not installed")
    assert "pip install" in check.mend


def test_an_opencv_that_lacks_a_system_library_names_the_package() -> None:
    def refuse(_: str) -> Any:
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    check = doctor.check_opencv([WINDOWED], refuse)
    assert check.ok is False
    assert "libGL.so.1" in check.found
    assert "libgl1" in check.mend or "libGL.so.1" in check.mend


def test_an_opencv_destroyed_by_an_uninstall_is_broken() -> None:
    # What is left is a folder `cv2` without code: it can be imported, and holds nothing.
    check = doctor.check_opencv([WINDOWED], lambda _: SimpleNamespace())
    assert check.ok is False
    assert "force-reinstall" in check.mend


def test_python_too_new_for_tensorflow_is_broken() -> None:
    assert doctor.check_python((3, 14)).ok is False
    assert doctor.check_python((3, 12)).ok is True


def test_no_screen_and_no_camera_are_notes() -> None:
    screen = doctor.check_screen("there is no screen")
    assert (screen.ok, "ssh -X" in screen.mend) == (None, True)
    camera = doctor.check_camera(list)
    assert (camera.ok, camera.found, "--source" in camera.mend) == (None, "none", True)


@dataclass(frozen=True)
class Camera:
    width: int

    def row(self) -> tuple[str, str, str]:
        return "0", f"{self.width}x480" if self.width else "cannot be opened (in use?)", "USB Camera"


def test_a_camera_that_cannot_be_opened_says_what_to_do() -> None:
    assert doctor.check_camera(lambda: [Camera(640)]).found == "0 640x480 USB Camera"
    shut = doctor.check_camera(lambda: [Camera(0)])
    assert shut.ok is None
    assert "usermod -aG video" in shut.mend or "close the other program" in shut.mend


def test_missing_qt_libraries_are_broken_only_where_there_is_a_screen() -> None:
    labelme = Labelme(version="6.3.1", command=("python",), bundled=True)
    missing = ["libxcb-icccm.so.4", "libxkbcommon-x11.so.0"]
    for has_screen, verdict in ((True, False), (False, None)):
        check = doctor.check_labelme(has_screen=has_screen, find=lambda: labelme, missing_libraries=lambda: missing)
        assert check.ok is verdict
        assert "libxcb-icccm" in check.mend
    assert doctor.check_labelme(has_screen=True, find=lambda: labelme, missing_libraries=list).ok is True


def test_a_missing_labelme_is_broken() -> None:
    def find() -> Labelme:
        raise NotInstalledError("labelme is not installed here; install it: pip install labelme")

    check = doctor.check_labelme(has_screen=True, find=find)
    assert (check.ok, "pip install labelme" in check.mend) == (False, True)


def answer(facts: str) -> list[str]:
    return [sys.executable, "-c", f"print('chatter'); print('''{facts}''')"]


def test_tensorflows_gpus_are_told_and_a_gpu_it_does_not_see_is_a_note() -> None:
    facts = '{"version": "2.21.0", "keras": "3.15.0", "gpus": %s}'
    seen = doctor.check_tensorflow(answer(facts % '["NVIDIA H200"]'))
    assert (seen.ok, seen.found) == (True, "2.21.0, Keras 3.15.0, 1 GPU: NVIDIA H200")
    unseen = doctor.check_tensorflow(answer(facts % "[]"), has_nvidia=True)
    assert (unseen.ok, "and-cuda" in unseen.mend) == (None, True)
    assert doctor.check_tensorflow(answer(facts % "[]"), has_nvidia=False).ok is True


def test_a_tensorflow_that_cannot_be_imported_is_broken_with_its_last_words() -> None:
    check = doctor.check_tensorflow([sys.executable, "-c", "import tensorflow_that_is_not_there"])
    assert check.ok is False
    assert "No module named 'tensorflow_that_is_not_there'" in check.found
    assert "pip install" in check.mend


def test_a_tensorflow_that_never_answers_is_given_up_on() -> None:
    check = doctor.check_tensorflow([sys.executable, "-c", "import time; time.sleep(600)"], limit_seconds=0.5)
    assert (check.ok, "did not start within" in check.found) == (None, True)


def test_a_missing_litert_is_broken() -> None:
    def refuse(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    assert doctor.check_litert(refuse).ok is False


def test_cached_weights_are_found_and_missing_ones_are_a_note(tmp_path: Path) -> None:
    empty = doctor.check_weights(tmp_path)
    assert (empty.ok, "--weights none" in empty.mend) == (None, True)
    (tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5").write_bytes(b"x" * 2_000_000)
    (tmp_path / "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5").write_bytes(b"x")
    full = doctor.check_weights(tmp_path)
    assert full.ok is True
    assert "VGG16 2 MB" in full.found
    assert "resnet" not in full.found


def test_little_disk_is_a_note_and_almost_none_is_broken(tmp_path: Path) -> None:
    assert [doctor.check_disk(tmp_path, free).ok for free in (9 * GIB, 2 * GIB, GIB // 2)] == [True, None, False]


def test_little_memory_is_a_note() -> None:
    assert doctor.check_memory({"MemTotal": 8 << 20, "MemAvailable": 6 << 20}).ok is True
    assert doctor.check_memory({"MemTotal": 8 << 20, "MemAvailable": 1 << 20}).ok is None
    assert doctor.check_memory({}).ok is True


def test_only_what_is_broken_raises() -> None:
    fine = doctor.Check(name="camera", ok=None, found="none", mend="plug one in")
    doctor.raise_if_broken([fine])
    with pytest.raises(NotInstalledError, match="OpenCV"):
        doctor.raise_if_broken([fine, doctor.Check(name="OpenCV", ok=False, found="two", mend="remove one")])

"""Is everything here that the commands need? Each check says ok, or how to mend it."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold import screen
from thirtyfold.annotate import qt_libraries
from thirtyfold.annotate.labelme_program import find_labelme
from thirtyfold.errors import NotInstalledError, ThirtyfoldError

_GIB = 1 << 30
_TENSORFLOW_SECONDS = 180
# Silent about GPUs that are not there; the last line is for us.
_ASK_TENSORFLOW = """\
import json, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf, keras
gpus = [tf.config.experimental.get_device_details(g).get("device_name", g.name)
        for g in tf.config.list_physical_devices("GPU")]
print(json.dumps({"version": tf.__version__, "keras": keras.__version__, "gpus": gpus}))
"""
_OPENCV_NAMES = re.compile(r"opencv[-_](contrib[-_])?python([-_]headless)?$", re.IGNORECASE)
_MISSING_LIBRARY = re.compile(r"(lib\S+?\.so[\d.]*): cannot open shared object")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``ok`` is ``None`` for a note: something is missing that one can do without. ``mend`` is what to do about it."""

    name: str
    ok: bool | None
    found: str
    mend: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "found": self.found, "mend": self.mend}

    def row(self) -> tuple[str, str, str]:
        """(what, verdict, found) for a table."""
        return self.name, {True: "ok", None: "note", False: "BROKEN"}[self.ok], self.found


def examine() -> list[Check]:
    """Every check of this machine. Starts one process (TensorFlow, some seconds) and tries the cameras."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        tensorflow = pool.submit(check_tensorflow)
        checks = [
            check_python(sys.version_info[:2]),
            check_screen(screen.screen_problem()),
            check_opencv(installed_distributions()),
            check_camera(),
            check_labelme(has_screen=screen.screen_problem() is None),
            check_litert(),
            check_weights(),
            check_disk(Path.cwd()),
            check_memory(),
        ]
        checks.insert(5, tensorflow.result())
    return checks


def raise_if_broken(checks: Iterable[Check]) -> None:
    """Raise :class:`NotInstalledError` if something is broken that the commands need."""
    broken = [check.name for check in checks if check.ok is False]
    if broken:
        raise NotInstalledError(f"{', '.join(broken)}: to be mended as said above")


def check_python(version: Sequence[int]) -> Check:
    found = f"{platform.python_version()} at {sys.executable}"
    if (3, 11) <= tuple(version[:2]) < (3, 14):
        return Check(name="Python", ok=True, found=found)
    return Check(
        name="Python", ok=False, found=found, mend="install Python 3.11, 3.12 or 3.13 (TensorFlow has no other)"
    )


def check_screen(problem: str | None) -> Check:
    if problem is None:
        where = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or platform.system()
        return Check(name="screen", ok=True, found=where)
    return Check(name="screen", ok=None, found=problem, mend=screen.HOW_TO_GO_ON)


def installed_distributions() -> list[tuple[str, str]]:
    """(name, version) of everything that is installed in this environment."""
    return [
        (distribution.metadata["Name"], distribution.version)
        for distribution in importlib.metadata.distributions()
        if distribution.metadata["Name"]
    ]


def check_opencv(
    distributions: Iterable[tuple[str, str]], import_module: Callable[[str], Any] = importlib.import_module
) -> Check:
    """Exactly one OpenCV, older than 5, that can be imported and brought its cascades; windows or not."""
    found = sorted((title.lower().replace("_", "-"), ver) for title, ver in distributions if _OPENCV_NAMES.match(title))
    text = " and ".join(" ".join(pair) for pair in found) or "not installed"
    uninstall = f"{sys.executable} -m pip uninstall -y {' '.join(title for title, _ in found)}"
    install = f"{sys.executable} -m pip install --force-reinstall --no-deps 'opencv-python>=4.12,<5'"
    problem, mend = None, install
    if len(found) > 1:
        # They write into the same folder: which one is there depends on the order of installing.
        problem, mend = "they overwrite each other", f"{uninstall} && {install}"
    elif found:
        problem, mend = _opencv_problem(import_module, install)
    if problem is not None or not found:
        return Check(name="OpenCV", ok=False, found=": ".join(part for part in (text, problem) if part), mend=mend)
    if import_module("cv2").version.headless:
        mend = f"for windows: {uninstall} && {install}"
        return Check(name="OpenCV", ok=None, found=f"{text}, without windows", mend=mend)
    return Check(name="OpenCV", ok=True, found=f"{text}, with windows")


def _opencv_problem(import_module: Callable[[str], Any], install: str) -> tuple[str | None, str]:
    """What is wrong with the one OpenCV that is installed, and the mend."""
    try:
        cv2 = import_module("cv2")
        major = int(str(cv2.__version__).partition(".")[0])
        cascade = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
        _ = cv2.version.headless
    except (ImportError, AttributeError) as error:
        library = _MISSING_LIBRARY.search(str(error))
        return f"cannot be imported ({error})", qt_libraries.mend([library.group(1)]) if library else install
    if major >= 5:
        return "5 has no face cascades any more", install
    return (None if cascade.is_file() else f"{cascade.name} is missing"), install


def check_camera(find_cameras: Callable[[], Sequence[Any]] | None = None) -> Check:
    name = "camera"
    try:
        from thirtyfold.capture.camera import list_cameras

        cameras = (find_cameras or list_cameras)()
    except (ImportError, AttributeError, ThirtyfoldError) as error:
        return Check(name=name, ok=None, found=f"cannot be looked for: {error}")
    if not cameras:
        return Check(
            name=name,
            ok=None,
            found="none",
            mend="plug one in, or give `--source` a video file, a folder of pictures, a stream or `demo`",
        )
    found = "; ".join(" ".join(part for part in camera.row() if part) for camera in cameras)
    if any(camera.width for camera in cameras):
        return Check(name=name, ok=True, found=found)
    shut = [path for path in sorted(Path("/dev").glob("video*")) if not os.access(path, os.R_OK | os.W_OK)]
    mend = (
        "sudo usermod -aG video $USER, then log out and in again"
        if shut
        else "close the other program that uses the camera"
    )
    return Check(name=name, ok=None, found=found, mend=mend)


def check_labelme(
    *,
    has_screen: bool,
    find: Callable[[], Any] = find_labelme,
    missing_libraries: Callable[[], Sequence[str]] = qt_libraries.missing_libraries,
) -> Check:
    """labelme, and the system libraries of its windows; without a screen they would be of no use."""
    name = "labelme"
    try:
        labelme = find()
    except NotInstalledError as error:
        return Check(name=name, ok=False, found="not installed, or it does not start", mend=str(error))
    found = labelme.version if labelme.bundled else f"{labelme.version}, {labelme.command[0]}"
    missing = list(missing_libraries()) if labelme.bundled else []
    if not missing:
        return Check(name=name, ok=True, found=f"{found}, and its Qt libraries" if labelme.bundled else found)
    found = f"{found}, but Qt does not find {', '.join(missing)}"
    return Check(name=name, ok=False if has_screen else None, found=found, mend=qt_libraries.mend(missing))


def check_tensorflow(
    command: Sequence[str] = (sys.executable, "-c", _ASK_TENSORFLOW),
    *,
    limit_seconds: float = _TENSORFLOW_SECONDS,
    has_nvidia: bool | None = None,
) -> Check:
    """TensorFlow's version and GPUs, asked in a process of its own: it takes seconds and talks a lot."""
    name = "TensorFlow"
    anew = f"{sys.executable} -m pip install 'tensorflow==2.21.*' 'keras>=3.15,<4'"
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        return Check(
            name=name,
            ok=None,
            found=f"did not start within {limit_seconds:.0f} s",
            mend="try again when the machine is less busy: thirtyfold doctor",
        )
    try:
        facts = json.loads(result.stdout.strip().splitlines()[-1])
        found = f"{facts['version']}, Keras {facts['keras']}"
        gpus = list(facts["gpus"])
    except (IndexError, ValueError, KeyError, TypeError):
        lines = result.stderr.strip().splitlines() or [f"it ended with {result.returncode}"]
        return Check(name=name, ok=False, found=f"cannot be imported: {lines[-1]}", mend=anew)
    if gpus:
        return Check(name=name, ok=True, found=f"{found}, {len(gpus)} GPU: {', '.join(map(str, gpus))}")
    if shutil.which("nvidia-smi") is not None if has_nvidia is None else has_nvidia:
        return Check(
            name=name,
            ok=None,
            found=f"{found}, does not see the NVIDIA GPU",
            mend=f"{sys.executable} -m pip install 'tensorflow[and-cuda]==2.21.*'",
        )
    return Check(name=name, ok=True, found=f"{found}, no GPU: trains on {os.cpu_count()} cores")


def check_litert(import_module: Callable[[str], Any] = importlib.import_module) -> Check:
    name = "LiteRT"
    try:
        import_module("ai_edge_litert.interpreter")
    except (ImportError, OSError) as error:
        mend = f"{sys.executable} -m pip install 'ai-edge-litert>=2.0'"
        return Check(name=name, ok=False, found=f"cannot be imported: {error}", mend=mend)
    return Check(name=name, ok=True, found=importlib.metadata.version("ai-edge-litert"))


def check_weights(folder: Path | None = None) -> Check:
    """The ImageNet weights that are in Keras's cache, so that training needs no network."""
    from thirtyfold.model.weights import cache_dir

    folder = folder or cache_dir()
    known = {
        "VGG16": "vgg16_*_notop.h5",
        "ResNet50": "resnet50_*_notop.h5",
        "InceptionV3": "inception_v3_*_notop.h5",
        "MobileNetV2": "mobilenet_v2_*_no_top.h5",
    }
    cached = [
        f"{backbone} {path.stat().st_size / 1e6:.0f} MB ({path.name})"
        for backbone, pattern in known.items()
        for path in sorted(folder.glob(pattern))
    ]
    if cached:
        return Check(name="weights", ok=True, found=f"in {folder}: {'; '.join(cached)}")
    return Check(
        name="weights",
        ok=None,
        found=f"none in {folder}",
        mend="the first `thirtyfold train` fetches them (VGG16 59 MB); "
        "without a network: `thirtyfold train --weights none`",
    )


def check_disk(folder: Path, free_bytes: int | None = None) -> Check:
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    found = f"{free / _GIB:.1f} GiB free at {folder}"
    if free >= 5 * _GIB:
        return Check(name="disk", ok=True, found=found)
    mend = "free some space: 100 photos with 30 copies each take about 0.3 GiB, a run 0.2 GiB"
    return Check(name="disk", ok=None if free >= _GIB else False, found=found, mend=mend)


def check_memory(facts: Mapping[str, int] | None = None) -> Check:
    """``facts`` are ``MemTotal`` and ``MemAvailable`` in kB, as ``/proc/meminfo`` has them."""
    facts = _meminfo() if facts is None else facts
    if "MemTotal" not in facts:
        return Check(name="memory", ok=True, found="not told by this system")
    available, total = (facts.get(key, facts["MemTotal"]) * 1024 / _GIB for key in ("MemAvailable", "MemTotal"))
    found = f"{available:.1f} of {total:.1f} GiB available"
    if available >= 2:
        return Check(name="memory", ok=True, found=found)
    return Check(name="memory", ok=None, found=found, mend="close other programs, or train with --batch 8")


def _meminfo() -> dict[str, int]:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return {line.split(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
    except (OSError, ValueError):
        return {}

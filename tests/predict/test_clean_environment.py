"""The example of docs/export.md, where nothing is installed but LiteRT and NumPy."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.predict.runtime import load

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
# What `pip install ai-edge-litert numpy` needs to run; links to these are all that can be imported.
PACKAGES = ("numpy", "ai_edge_litert")


def example(package: str) -> str:
    """The block of the page that imports ``package``."""
    (block,) = (text for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if package in text)
    return str(block)


@pytest.fixture
def only_litert(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        (folder / name).symlink_to(package)
        # Wheels keep their shared libraries beside the package.
        if (package.parent / f"{name}.libs").exists():
            (folder / f"{name}.libs").symlink_to(package.parent / f"{name}.libs")
    return folder


def python(packages: Path, script: Path, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with the standard library and ``packages``: -I and -S leave nothing else on the path."""
    code = "import runpy, sys; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0])"
    command = [sys.executable, "-I", "-S", "-c", code, packages, script, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("size_wh", [(320, 240), (240, 300), (97, 81), (641, 477)])
def test_fifteen_lines_of_numpy_find_what_predict_finds(
    tiny_run: Path, only_litert: Path, tmp_path: Path, size_wh: tuple[int, int]
) -> None:
    pixels, _ = draw_photo(3, width=size_wh[0], height=size_wh[1])
    np.save(tmp_path / "photo.npy", pixels)
    script = tmp_path / "example.py"
    script.write_text(example("ai_edge_litert"))
    done = python(only_litert, script, tiny_run, tmp_path / "photo.npy")
    assert done.returncode == 0, done.stderr
    label, score, *box = done.stdout.split()
    (expected,) = load(tiny_run, threshold=0.1)(pixels)
    assert label == expected.label
    assert float(score) == pytest.approx(expected.score, abs=0.05)
    # NumPy's resizing is not quite OpenCV's: a pixel of the square, which is this many of the photo.
    pixel = max(size_wh) / 160
    assert [float(side) for side in box] == pytest.approx(expected.box_xyxy, abs=1.5 * pixel)


def test_the_example_has_fifteen_lines_of_code_at_most() -> None:
    assert len([line for line in example("ai_edge_litert").splitlines() if line.strip()]) <= 15


def test_nothing_else_can_be_imported_where_the_example_runs(only_litert: Path, tmp_path: Path) -> None:
    script = tmp_path / "look.py"
    script.write_text(
        "import importlib.util\n"
        "print([name for name in ('keras', 'tensorflow', 'thirtyfold', 'cv2', 'PIL', 'onnxruntime') "
        "if importlib.util.find_spec(name)], bool(importlib.util.find_spec('ai_edge_litert')))"
    )
    done = python(only_litert, script)
    assert done.stdout.strip() == "[] True", done.stderr

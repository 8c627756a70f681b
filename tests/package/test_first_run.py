"""A first run as a stranger has it: the notebook, by the installed wheel, and nobody beyond this machine is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.package.conftest import REPOSITORY, Installed

NOTEBOOK = REPOSITORY / "examples" / "from_photos_to_model.ipynb"
# What must never be loaded beside our code, as its licence is not ours.
GPL = ("labelme", "PyQt5", "PySide6")
WHAT_IS_LOADED = f"""\
import sys
loaded = {{name.split(".")[0] for name in sys.modules}}
print("loaded:", sorted(loaded & {{*{GPL!r}, "tensorflow", "albumentations"}}))"""


@pytest.fixture
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.slow
def test_the_whole_road_runs_and_asks_nobody_beyond_this_machine(
    notebook: Any, installed: Installed, tmp_path: Path
) -> None:
    """Photos, copies, training, boxes, as the notebook has them; its kernel and all it starts are watched."""
    notebook.cells.append(nbformat.v4.new_code_cell(WHAT_IS_LOADED))
    nbformat.write(notebook, tmp_path / "given.ipynb")
    installed.network_log.unlink(missing_ok=True)
    # In a process of its own: Jupyter's client leaves sockets open behind it.
    command = [sys.executable, str(REPOSITORY / "scripts" / "run_notebook.py"), "--python", str(installed.python)]
    command += ["--notebook", str(tmp_path / "given.ipynb"), "--out", str(tmp_path / "executed.ipynb")]
    folder = tmp_path / "here"
    folder.mkdir()
    environment = installed.environment()
    done = subprocess.run(
        [*command, "--folder", str(folder)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed = nbformat.read(tmp_path / "executed.ipynb", as_version=4)
    outputs = [output for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert "loaded: ['albumentations', 'tensorflow']" in outputs[-1].text, "GPL code beside ours, or nothing was tried"
    card = json.loads((folder / "runs/detect/1/model.json").read_bytes())
    assert card["metrics"]["test"]["objects"] > 0

    log = installed.network_log.read_text(encoding="utf-8").splitlines()
    started = [line for line in log if line.startswith("started ")]
    assert any("ipykernel_launcher" in line for line in started)
    assert sum("thirtyfold capture" in line for line in started) >= 4
    assert [line for line in log if line not in started] == []


def test_the_watch_sees_and_stops_what_goes_beyond_this_machine(installed: Installed, tmp_path: Path) -> None:
    code = (
        "import socket, urllib.request\n"
        "for ask in (lambda: socket.create_connection(('192.0.2.1', 80), timeout=1),\n"
        "            lambda: urllib.request.urlopen('http://weights.invalid/vgg16.h5', timeout=1)):\n"
        "    try: ask()\n"
        "    except OSError as error: print(type(error).__name__)\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname()); print('here')"
    )
    installed.network_log.unlink(missing_ok=True)
    done = installed.run("python", "-c", code, cwd=tmp_path)
    assert done.stdout.split() == ["PermissionError", "URLError", "here"], done.stderr
    log = installed.network_log.read_text(encoding="utf-8")
    assert re.search(r"^socket\.\w+ 192\.0\.2\.1 by ", log, re.MULTILINE)
    assert re.search(r"^socket\.\w+ weights\.invalid by ", log, re.MULTILINE)


def test_the_notebook_is_kept_with_what_it_shows_and_with_nothing_of_the_machine(notebook: Any) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert 6 <= len(code) <= 12
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run scripts/run_notebook.py"
    assert sum("image/jpeg" in output.get("data", {}) for cell in code for output in cell.outputs) >= 3
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 300_000
    plain = re.sub(r'"image/jpeg": "[^"]*"', "", text)
    assert not re.search(r"/home/|/root/|/Users/|/tmp/|C:\\\\|/opt/|site-packages", plain)
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]


def test_the_notebook_uses_only_what_the_library_offers(notebook: Any) -> None:
    import thirtyfold

    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert set(re.findall(r"thirtyfold\.(\w+)", source)) <= set(thirtyfold.__all__)
    assert not re.search(r"from thirtyfold\.", source)

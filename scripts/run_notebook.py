"""Run the notebook of examples/ in an empty folder, with this Python, and keep what it shows.

    python scripts/run_notebook.py [--check]

``--check`` keeps nothing and only says whether every cell ran. Needs the development packages.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[1] / "examples" / "from_photos_to_model.ipynb"
LIMIT_SECONDS = 300


def run(
    notebook: Any, folder: Path, *, python: str = sys.executable, environment: Mapping[str, str] = os.environ
) -> Any:
    """A copy of the notebook as it is after ``python`` ran it in ``folder``. Raises nbclient's CellExecutionError."""
    import copy

    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    executed = copy.deepcopy(notebook)
    # This Python, whatever kernels are installed on the machine.
    manager = AsyncKernelManager()
    command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=command, language="python", display_name="Python 3")
    client = NotebookClient(
        executed, km=manager, timeout=LIMIT_SECONDS, resources={"metadata": {"path": str(folder)}}, record_timing=False
    )
    # What the kernel and Jupyter write about themselves goes into the folder, not into the person's home.
    own = {"IPYTHONDIR": str(folder / ".ipython"), "JUPYTER_RUNTIME_DIR": str(folder / ".jupyter")}
    client.execute(env={**environment, **own})
    return executed


def without_machine(notebook: Any) -> Any:
    """The notebook without what differs from machine to machine and is nobody's business."""
    for cell in notebook.cells:
        cell.metadata.clear()
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="keep nothing")
    arguments = parser.parse_args()
    import nbformat

    with tempfile.TemporaryDirectory(prefix="thirtyfold-notebook-", ignore_cleanup_errors=True) as folder:
        executed = run(nbformat.read(NOTEBOOK, as_version=4), Path(folder))
    if not arguments.check:
        nbformat.write(without_machine(executed), NOTEBOOK)


if __name__ == "__main__":
    main()

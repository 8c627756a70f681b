"""Run the notebook of examples/ in an empty folder, with this Python, and keep what it shows.

    python scripts/run_notebook.py

Needs the development packages.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[1] / "examples" / "from_photos_to_model.ipynb"
LIMIT_SECONDS = 600


def run(notebook: Any, folder: Path, *, python: str) -> Any:
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
        executed,
        km=manager,
        timeout=LIMIT_SECONDS,
        startup_timeout=LIMIT_SECONDS,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    # What the kernel writes about itself goes into the folder, not into the person's home.
    client.execute(env={**os.environ, "IPYTHONDIR": str(folder / ".ipython")})
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
    parser = argparse.ArgumentParser(description="Run the notebook of examples/ and keep what it shows.")
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK)
    parser.add_argument("--out", type=Path, default=NOTEBOOK, help="where to keep it [default: the notebook itself]")
    parser.add_argument("--folder", type=Path, help="an empty folder to run it in [default: one that is removed]")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs the cells [default: this one]")
    arguments = parser.parse_args()
    import nbformat

    notebook = nbformat.read(arguments.notebook, as_version=4)
    with tempfile.TemporaryDirectory(prefix="thirtyfold-notebook-", ignore_cleanup_errors=True) as spare:
        executed = run(notebook, arguments.folder or Path(spare), python=arguments.python)
    nbformat.write(without_machine(executed), arguments.out)


if __name__ == "__main__":
    main()

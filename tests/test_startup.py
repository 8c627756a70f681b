"""`--help` has to be there at once: nothing heavy may be loaded to print it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from thirtyfold.cli import app

HEAVY = {
    "numpy", "cv2", "rich", "pydantic", "albumentations", "tensorflow", "keras", "ai_edge_litert",
    "PIL", "matplotlib", "skimage", "tqdm", "filelock",
}  # fmt: skip
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
CODE = (
    "import sys; from thirtyfold.cli import main\n"
    "try: main(sys.argv[1:])\n"
    "except SystemExit as ended: assert not ended.code, ended.code\n"
    "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=" ".join
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    loaded = set(eval(done.stderr))  # noqa: S307 - a list of names that we printed ourselves
    assert "typer" in loaded
    assert sorted(loaded & HEAVY) == []
    assert done.stdout.strip()


def test_every_command_of_the_road_is_there() -> None:
    assert {"capture", "annotate", "split", "augment", "train", "predict", "live", "demo", "doctor"} <= set(COMMANDS)

"""The package as strangers get it: built once, and installed into an environment of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[2]
# Any moment will do, as long as it is the same one.
EPOCH = "1700000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The sdist, and the wheel that was made from it."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An environment that has the wheel, and what it needs from ours. Every Python of it keeps a log of the network."""

    python: Path
    network_log: Path

    def environment(self) -> dict[str, str]:
        """As a person's: without what the tests set to keep albumentations quiet, or to find our own source."""
        ours = ("NO_ALBUMENTATIONS_UPDATE", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONWARNINGS")
        mine = {name: value for name, value in os.environ.items() if name not in ours}
        return {**mine, "PATH": f"{self.python.parent}{os.pathsep}{mine['PATH']}", "NETWORK_LOG": str(self.network_log)}

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        program = self.python.with_name(command[0] + self.python.suffix)
        return subprocess.run(
            [str(program), *command[1:]], cwd=cwd, capture_output=True, text=True, env=self.environment(), check=False
        )


def build(out: Path, *kinds: str) -> None:
    """`make package`, at a fixed time."""
    command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(out), str(REPOSITORY)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Built(sdist=sdist, wheel=wheel)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", with_pip=False)
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run([*pip, str(built.wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    asked = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    packages = Path(asked.stdout.strip())
    # What it needs is lent, not installed anew: gigabytes. A path that a .pth adds reads no .pth files itself, so our
    # own editable installation, which is one, stays unseen.
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "lent.pth").write_text("".join(f"{path}\n" for path in sorted(lent)) + "import network_log\n")
    (packages / "network_log.py").write_text((Path(__file__).parent / "network_log.py").read_text())
    return Installed(python=python, network_log=folder / "network.log")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """``script("licences")``: a module of scripts/."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))
    return importlib.import_module

"""scripts/system_libraries.sh, with a loader and a package manager that only say what they were told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "system_libraries.sh"
NEEDED = ["libGL.so.1", "libgthread-2.0.so.0"]
X11 = [
    "SM.so.6",
    "Xext.so.6",
    "EGL.so.1",
    "dbus-1.so.3",
    "fontconfig.so.1",
    "X11-xcb.so.1",
    "xkbcommon.so.0",
    "xkbcommon-x11.so.0",
]
XCB = [
    "cursor.so.0",
    "icccm.so.4",
    "image.so.0",
    "keysyms.so.1",
    "randr.so.0",
    "render-util.so.0",
    "shape.so.0",
    "xinerama.so.0",
    "xkb.so.1",
]
ALL = [*NEEDED, *(f"lib{name}" for name in X11), *(f"libxcb-{name}" for name in XCB)]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="for Debian and Ubuntu")


class Machine:
    """A folder of programs that stand before the real ones on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "apt.log"
        for name in ("sh", "uname", "cat"):
            (folder / name).symlink_to(str(shutil.which(name)))

    def program(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def set_up(self, *, libraries: list[str], root: bool, apt: str | None = "exit 0", python: str = "exit 0") -> None:
        lines = "".join(f"\\t{name} (libc6,x86-64) => /lib/{name}\\n" for name in ["libc.so.6", *libraries])
        self.program("ldconfig", f"printf '{lines}'")
        self.program("id", f"echo {0 if root else 1000}")
        self.program("python3", python)
        if apt is not None:
            self.program("apt-get", f'echo "$*" >>"{self.log}"\n{apt}')

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.folder), "HOME": os.environ.get("HOME", "/")}
        command = [str(shutil.which("sh")), str(SCRIPT), *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    def apt_calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_is_silent_where_everything_is_there(machine: Machine) -> None:
    machine.set_up(libraries=ALL, root=True)
    result = machine.run()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert machine.apt_calls() == []


def test_root_on_debian_gets_what_is_missing_installed(machine: Machine) -> None:
    machine.set_up(libraries=[name for name in ALL if name not in ("libGL.so.1", "libxcb-icccm.so.4")], root=True)
    assert machine.run().returncode == 0
    assert machine.apt_calls() == ["install -y -qq --no-install-recommends libgl1 libxcb-icccm4"]


def test_the_package_lists_are_fetched_only_when_installing_failed(machine: Machine) -> None:
    fails_once = f'[ "$1" = update ] || [ "$(cat "{machine.log}" | wc -l)" -gt 1 ] || exit 100'
    (machine.folder / "wc").symlink_to(str(shutil.which("wc")))
    machine.set_up(libraries=ALL[1:], root=True, apt=fails_once)
    assert machine.run().returncode == 0
    assert [call.split()[0] for call in machine.apt_calls()] == ["install", "update", "install"]


def test_a_package_that_an_old_release_lacks_does_not_keep_the_needed_ones_away(machine: Machine) -> None:
    machine.set_up(
        libraries=[name for name in ALL if name not in ("libGL.so.1", "libxcb-cursor.so.0", "libSM.so.6")],
        root=True,
        apt='case "$*" in *libxcb-cursor0*) exit 100 ;; esac',
    )
    result = machine.run()
    assert result.returncode == 0
    installed = [call.rpartition("--no-install-recommends ")[2] for call in machine.apt_calls()[-3:]]
    assert installed == ["libgl1", "libsm6", "libxcb-cursor0"]
    assert result.stderr.splitlines()[-1].endswith("may not run: libxcb-cursor0")


def test_others_get_one_line_to_copy_and_an_error_if_opencv_cannot_work(machine: Machine) -> None:
    machine.set_up(libraries=[], root=False)
    result = machine.run()
    assert result.returncode == 1
    (line,) = [line.strip() for line in result.stderr.splitlines() if "apt-get install" in line]
    assert line.startswith("sudo apt-get update && sudo apt-get install -y --no-install-recommends libgl1 libglib2.0-0")
    assert machine.apt_calls() == []


def test_missing_libraries_of_labelme_are_only_a_note(machine: Machine) -> None:
    machine.set_up(libraries=ALL[:2], root=False)
    result = machine.run()
    assert result.returncode == 0
    assert "libxkbcommon-x11-0" in result.stderr


def test_a_python_without_venv_names_the_package_of_its_version(machine: Machine) -> None:
    machine.set_up(libraries=ALL, root=False, python='case "$*" in *ensurepip*) exit 1 ;; esac; echo python3.12-venv')
    result = machine.run()
    assert result.returncode == 1
    assert "python3.12-venv" in result.stderr


def test_tests_of_windows_ask_for_a_screen_nobody_sees_and_a_browser(machine: Machine) -> None:
    machine.set_up(libraries=ALL, root=True)
    assert machine.run("--tests").returncode == 0
    packages = "xvfb xdotool x11-utils xauth imagemagick chromium"
    assert machine.apt_calls() == [f"install -y -qq --no-install-recommends {packages}"]


def test_other_systems_are_told_what_is_needed(machine: Machine) -> None:
    machine.set_up(libraries=ALL[2:], root=True, apt=None)
    result = machine.run()
    assert result.returncode == 1
    assert "libgl1 libglib2.0-0" in result.stderr
    assert "sudo" not in result.stderr

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from thirtyfold.annotate import qt_libraries

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Qt brings everything along")


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libxcb-icccm.so.4", "libxcb-icccm4"),
        ("libxcb-render-util.so.0", "libxcb-render-util0"),
        ("libxkbcommon.so.0", "libxkbcommon0"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libSM.so.6", "libsm6"),
        ("libGL.so.1", "libgl1"),
        ("libgthread-2.0.so.0", "libglib2.0-0"),
        ("libfontconfig.so.1", "libfontconfig1"),
    ],
)
def test_libraries_are_named_as_debian_names_their_packages(library: str, package: str) -> None:
    assert qt_libraries.debian_package(library) == package


def test_the_mend_is_one_command_without_repetitions() -> None:
    libraries = ["libgthread-2.0.so.0", "libglib-2.0.so.0", "libGL.so.1"]
    assert qt_libraries.mend(libraries, has_apt=True) == "sudo apt-get install -y libgl1 libglib2.0-0"
    assert "libGL.so.1" in qt_libraries.mend(libraries, has_apt=False)


@linux_only
def test_a_library_that_is_not_there_is_found_out(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None or shutil.which("ldd") is None:
        pytest.skip("needs a C compiler and ldd")
    for name, source, more in (
        ("libgone.so.4", "int gone(void) { return 1; }", []),
        ("libasks.so", "int gone(void); int asks(void) { return gone(); }", [str(tmp_path / "libgone.so.4")]),
    ):
        (tmp_path / "source.c").write_text(source)
        command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(tmp_path / name)]
        subprocess.run([*command, str(tmp_path / "source.c"), *more], check=True, capture_output=True)
    (tmp_path / "libgone.so.4").unlink()
    assert qt_libraries.missing_for(tmp_path / "libasks.so") == {"libgone.so.4"}


@linux_only
def test_the_real_qt_is_looked_at() -> None:
    folder = qt_libraries._package_folder("PyQt5") or qt_libraries._package_folder("PySide6")
    assert folder is not None, "labelme brings one of the two"
    files = [folder / name for names in qt_libraries._QT_FILES.values() for name in names]
    assert sum(path.is_file() for path in files) == 2, "Qt's files lie elsewhere than we look"
    assert all(name.startswith("lib") for name in qt_libraries.missing_libraries())

"""What several tests share: the real data (skipped where it is not), drawn datasets, runs that find what is drawn."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.drawn import write_dataset
from tests.masked import write_tiny_classifier
from tests.tiny_model import write_tiny_run

# albumentations asks the network for its newest version unless told not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
# Where the tests run in the background SIGINT is ignored, and the commands they start inherit that;
# they are to meet Ctrl-C as a person's terminal sends it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# In CI every run draws the same examples, so that a change is judged by itself; at home they are new each time.
# How long an example takes is not judged: it depends on who else is at work on the machine.
settings.register_profile("home", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("home"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "home")
SHARED = Path(os.environ.get("THIRTYFOLD_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """``shared("data/clips")``: a path of the real data, or the test is skipped."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"the real data is not here: {path} (set THIRTYFOLD_SHARED to where it is)")
        return path

    return find


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's browser."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium to open the page in (apt-get install chromium)")


@pytest.fixture
def drawn_dataset(tmp_path: Path) -> Path:
    """A dataset of 20 drawn photos in 4 sessions, every photo with one face."""
    return write_dataset(tmp_path / "faces")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose real model finds the drawn faces."""
    return write_tiny_run(tmp_path_factory.mktemp("runs") / "detect" / "1")


@pytest.fixture(scope="session")
def masks_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished classifier of drawn faces with and without a mask, trained on a dataset called masks."""
    return write_tiny_classifier(tmp_path_factory.mktemp("mask-runs") / "classify" / "1")

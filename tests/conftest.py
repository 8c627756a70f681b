"""What several tests share: the real data (skipped where it is not), and small drawn datasets."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.drawn import write_dataset

# albumentations asks the network for its newest version unless told not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
# Where the tests run in the background SIGINT is ignored, and the commands they start inherit that;
# they are to meet Ctrl-C as a person's terminal sends it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# In CI every run draws the same examples, so that a change is judged by itself; at home they are new each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
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


@pytest.fixture
def drawn_dataset(tmp_path: Path) -> Path:
    """A dataset of 20 drawn photos in 4 sessions, every photo with one face."""
    return write_dataset(tmp_path / "faces")

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import write_tiny_run


@pytest.fixture(scope="session")
def tiny_global_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``tiny_run``, with one box a photo, not one a cell."""
    return write_tiny_run(tmp_path_factory.mktemp("runs") / "detect" / "2", decoder="global")
